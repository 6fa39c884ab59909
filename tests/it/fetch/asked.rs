//! What a request looks like, what is answered, and how many are on their way at once.

use std::sync::Arc;
use std::time::Duration;

use chancery::fetch::{Fetch, FetchError};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::servers::{Script, Server, good, says, script};
use super::{Names, impatient, knowing, to_loopback};

#[tokio::test]
async fn a_request_says_what_it_must_and_nothing_else() {
    let server = Server::plain(good("{\"keys\":[]}")).await;
    let way = to_loopback();
    way.get(&server.url("/a%2Fb/ü?q=1&r=%20#fragment"), "application/json").await.unwrap();
    way.post_form(&server.url("/out"), &[("logout_token", "a.b-c"), ("x", "ä &=")]).await.unwrap();
    way.get(&server.url(""), "*/*").await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let told: Vec<String> = server.requests();
    let lines = |request: &str| {
        let mut lines: Vec<String> =
            request.split("\r\n").filter(|line| !line.is_empty()).map(str::to_ascii_lowercase).collect();
        lines[1..].sort();
        lines
    };
    let host = format!("host: {}", server.address);
    let agent = format!("user-agent: chancery/{version}");
    assert_eq!(
        lines(&told[0]),
        ["get /a%2fb/%c3%bc?q=1&r=%20 http/1.1", "accept: application/json", "connection: close", &host, &agent]
    );
    let form = "logout_token=a.b-c&x=%c3%a4+%26%3d";
    assert_eq!(
        lines(&told[1]),
        [
            "post /out http/1.1",
            "accept: */*",
            "connection: close",
            &format!("content-length: {}", form.len()),
            "content-type: application/x-www-form-urlencoded",
            &host,
            form,
            &agent
        ]
    );
    assert!(told[2].starts_with("GET / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn an_answer_is_handed_over_whatever_its_status() {
    let way = to_loopback();
    for status in [200, 204, 400, 404, 500, 599] {
        let length = if status == 204 { "" } else { "Content-Length: 2\r\n" };
        let body = if status == 204 { "" } else { "{}" };
        let answer = format!(
            "HTTP/1.1 {status} x\r\n{length}Content-Type: application/jwk-set+json\r\nCache-Control: public, max-age=120\r\n\
             Set-Cookie: a=b\r\n\r\n{body}"
        );
        let server = Server::plain(says(answer)).await;
        let fetched = way.get(&server.url("/"), "*/*").await.unwrap();
        assert_eq!((fetched.status, fetched.body.as_slice()), (status, body.as_bytes()));
        assert_eq!(fetched.content_type.as_deref(), Some("application/jwk-set+json"));
        assert_eq!(fetched.max_age, Some(Duration::from_mins(2)));
        // No cookie comes back.
        way.get(&server.url("/"), "*/*").await.unwrap();
        assert!(!server.requests()[1].to_ascii_lowercase().contains("cookie"));
    }
}

/// Answers when it is told to.
fn held(gate: &Arc<Semaphore>) -> Script {
    let gate = Arc::clone(gate);
    script(move |mut wire| {
        let gate = Arc::clone(&gate);
        async move {
            let _open = gate.acquire().await;
            wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await
        }
    })
}

fn ask(way: &Fetch, url: String) -> tokio::task::JoinHandle<Result<u16, FetchError>> {
    let way = way.clone();
    tokio::spawn(async move { way.get(&url, "*/*").await.map(|fetched| fetched.status) })
}

#[tokio::test]
async fn one_host_takes_few_of_the_places() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::plain(held(&gate)).await;
    let names = Names::default().with("localhost", &[&["127.0.0.1"]]).with("a.localhost", &[&["127.0.0.1"]]);
    let (way, _) = knowing(names, |settings| {
        settings.allow_http = true;
        settings.timeout = Duration::from_mins(1);
    });
    let waiting: Vec<_> = (0..8).map(|_| ask(&way, server.url("/"))).collect();
    while server.requests().iter().filter(|request| !request.is_empty()).count() < 8 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(way.get(&server.url("/"), "*/*").await, Err(FetchError::Busy));
    assert_eq!(server.connections(), 8, "the ninth never knocked");
    // Another name has places of its own, until the address has had enough.
    let named = format!("http://localhost:{}/", server.address.port());
    let others: Vec<_> = (0..8).map(|_| ask(&way, named.clone())).collect();
    while server.requests().iter().filter(|request| !request.is_empty()).count() < 16 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let third = format!("http://127.1:{}/", server.address.port());
    assert_eq!(way.get(&third, "*/*").await, Err(FetchError::Busy), "another spelling is the same host");
    assert_eq!(
        way.get(&format!("http://a.localhost:{}/", server.address.port()), "*/*").await.map(|got| got.status),
        Err(FetchError::Busy)
    );
    gate.add_permits(1);
    for waiting in waiting.into_iter().chain(others) {
        assert_eq!(waiting.await.unwrap(), Ok(200));
    }
    // The places are free again.
    assert_eq!(way.get(&server.url("/"), "*/*").await.map(|got| got.status), Ok(200));
}

#[tokio::test]
async fn who_gives_up_frees_the_place() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::plain(held(&gate)).await;
    let way = impatient();
    for round in 0..3 {
        let waiting: Vec<_> = (0..8).map(|_| ask(&way, server.url("/"))).collect();
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), Err(FetchError::Timeout), "{round}");
        }
    }
    gate.add_permits(1);
    let freed = async || way.get(&server.url("/"), "*/*").await.map(|got| got.status);
    assert!(matches!(freed().await, Ok(200) | Err(FetchError::Timeout)), "not busy, however slow the machine is");
}

/// In another process, whose environment names proxies.
#[tokio::test]
async fn proxies_of_the_environment_are_not_asked() {
    const INNER: &str = "CHANCERY_TEST_INNER";
    if std::env::var_os(INNER).is_some() {
        let server = Server::plain(good("{}")).await;
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{}/", server.address.port());
            assert_eq!(to_loopback().get(&url, "*/*").await.unwrap().body, b"{}");
        }
        assert_eq!(server.connections(), 2);
        println!("asked directly");
        return;
    }
    let canary = Server::plain(good("proxied")).await;
    let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", "fetch::asked::proxies_of_the_environment_are_not_asked", "--nocapture"]).env(INNER, "1");
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        inner.env(name, canary.url(""));
    }
    inner.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = tokio::task::spawn_blocking(move || inner.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("asked directly"), "{told}");
    assert_eq!(canary.connections(), 0);
}
