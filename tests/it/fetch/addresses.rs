//! Every special range, by literal and by name, in every spelling; and what the settings open. V056.

use chancery::fetch::FetchError;

use super::servers::{Server, good};
use super::{Names, knowing, to_loopback, way};

/// Addresses at both ends of each range that is not the public network.
const SPECIAL: &[&str] = &[
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.192",
    "192.0.0.255",
    "192.0.2.0",
    "192.0.2.255",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.0",
    "198.51.100.255",
    "203.0.113.0",
    "203.0.113.255",
    "224.0.0.0",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.254",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::7f00:1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::0.0.0.0",
    "64:ff9b:1::",
    "64:ff9b:1:ffff::8.8.8.8",
    "100::1",
    "2001::",
    "2001:0:ffff::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::",
    "2002:7f00:1::",
    "2002:ffff::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "fc00::",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe80::",
    "fe80::1",
    "febf:ffff::1",
    "fec0::1",
    "ff00::",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

/// Their neighbours outside, and other addresses of the public network.
const PUBLIC: &[&str] = &[
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "8.8.8.8",
    "2000::1",
    "2001:200::1",
    "2001:db7::1",
    "2001:db9::1",
    "2003::1",
    "2606:4700::1111",
    "3ffe::1",
    "64:ff9b::8.8.8.8",
];

fn literal(address: &str) -> String {
    if address.contains(':') { format!("https://[{address}]/keys") } else { format!("https://{address}/keys") }
}

#[test]
fn special_addresses_are_refused_when_registered() {
    let way = way(|_| {});
    for address in SPECIAL {
        let refused = way.permits(&literal(address));
        assert!(matches!(refused, Err(FetchError::Refused(..))), "{address}: {refused:?}");
    }
    for address in PUBLIC {
        assert_eq!(way.permits(&literal(address)), Ok(()), "{address}");
    }
}

#[tokio::test]
async fn names_that_lead_to_them_are_refused() {
    for address in SPECIAL {
        // First, last, and among public ones: one is enough.
        for answer in
            [&[*address][..], &["8.8.8.8", address], &[address, "8.8.8.8"], &["2606:4700::1111", "8.8.8.8", address]]
        {
            let (way, names) = knowing(Names::default().with("rp.test", &[answer]), |_| {});
            let refused = way.get("https://rp.test/keys", "application/json").await;
            assert_eq!(names.times("rp.test"), 1);
            let judged = matches!(refused, Err(FetchError::Refused(told, _)) if told.to_string() == address.parse::<std::net::IpAddr>().unwrap().to_string());
            assert!(judged, "{answer:?}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn odd_spellings_are_the_addresses_they_stand_for() {
    let canary = Server::plain(good("{}")).await;
    let (port, way) = (canary.address.port(), way(|settings| settings.allow_http = false));
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7F.0x0.0x0.0x1",
        "017700000001",
        "0177.0.0.01",
        "127.0.0.1.",
        "127.1.",
        "%31%32%37.0.0.1",
        "127%2e0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "１２７.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "0",
        "0x0",
        "0.0.0.0",
        "[::]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "loc%61lhost",
        "ｌocalhost",
        "a.localhost",
        "a.b.LocalHost.",
        "169.254.169.254",
        "2852039166",
        "0xA9FEA9FE",
        "[fd00:ec2::254]",
    ] {
        let url = format!("https://{host}:{port}/keys");
        let (told, fetched) = (way.permits(&url), way.get(&url, "*/*").await);
        assert!(matches!(told, Err(FetchError::Refused(..))), "{host}: {told:?}");
        assert_eq!(fetched.map(drop), told, "{host}");
    }
    for host in [
        "[fe80::1%25eth0]",
        "[::1%251]",
        "[fe80::1%eth0]",
        "[::1",
        "::1",
        "256.0.0.1",
        "1.2.3.4.5",
        "0x1ffffffff",
        "",
        "a b",
        "a\tb",
        "127.0.0.1\n",
        "rp.test\\@evil.test",
        "user@rp.test",
        "@rp.test",
        ":@rp.test",
        "rp.test@127.0.0.1",
        "a..b",
        "%00",
        "%",
        "rp%2ftest",
        "-",
        &"a".repeat(300),
        &"a.".repeat(200),
    ] {
        let url = format!("https://{host}:{port}/keys");
        let told = way.permits(&url);
        assert!(matches!(told, Err(FetchError::BadUrl(_))), "{host}: {told:?}");
    }
    assert_eq!(canary.connections(), 0);
}

#[test]
fn only_https_and_its_ports() {
    let way = way(|_| {});
    for url in [
        "http://rp.test/",
        "http://8.8.8.8/",
        "http://127.0.0.1/",
        "http://localhost/",
        "ftp://rp.test/",
        "file:///etc/passwd",
        "file://rp.test/",
        "data:,x",
        "gopher://rp.test/",
        "javascript:alert(1)",
        "rp.test",
        "//rp.test/",
        "/keys",
        "",
        "https:",
        "https://",
        "https:///keys",
        "https:rp.test",
        "https:/rp.test",
        "ws://rp.test/",
        "unix:///run/docker.sock",
        "https://rp.test:22/",
        "https://rp.test:25/",
        "https://rp.test:80/",
        "https://rp.test:0/",
        "https://rp.test:65536/",
        "https://rp.test:x/",
        " https://rp.test/",
        "https://rp.test/a b",
        "https://rp.test/\u{a0}",
        "https://rp.test/\u{2028}",
        "https://rp.test/\u{0}",
    ] {
        let told = way.permits(url);
        assert!(matches!(told, Err(FetchError::BadUrl(_))), "{url}: {told:?}");
    }
    for url in [
        "https://rp.test",
        "HTTPS://RP.test/",
        "https://rp.test.:8443/a?b#c",
        "https://rp.test:443/",
        "https://bücher.example/",
        "https://intra/",
    ] {
        assert_eq!(way.permits(url), Ok(()), "{url}");
    }
    assert!(way.permits(&format!("https://rp.test/{}", "a".repeat(2048))).is_err());
}

#[tokio::test]
async fn plain_http_is_for_loopback_where_the_settings_say_so() {
    let server = Server::plain(good("{}")).await;
    let way = to_loopback();
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "2130706433"] {
        let url = format!("http://{host}:{port}/keys");
        assert_eq!((way.permits(&url), way.get(&url, "*/*").await.map(|got| got.status)), (Ok(()), Ok(200)), "{host}");
    }
    for url in [
        "http://10.0.0.1/",
        "http://rp.test/",
        "http://0.0.0.0/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/",
        "http://8.8.8.8/",
    ] {
        assert!(matches!(way.permits(url), Err(FetchError::BadUrl(_))), "{url}");
    }
    // What it opens is plain `http`, not loopback to `https`.
    assert!(matches!(way.permits("https://127.0.0.1/"), Err(FetchError::Refused(..))));
    // A name that only calls itself loopback.
    let names = Names::default().with("a.localhost", &[&["8.8.8.8"]]);
    let (way, _) = knowing(names, |settings| settings.allow_http = true);
    assert_eq!(way.get("http://a.localhost/", "*/*").await, Err(FetchError::BadUrl("is not https")));
}

#[tokio::test]
async fn networks_are_opened_one_by_one() {
    let (way, _) = knowing(Names::default().with("in.test", &[&["10.1.2.3", "10.2.0.1"]]), |settings| {
        settings.allow = ["10.1.0.0/16", "fd00:1::/32", "127.0.0.1/32", "64:ff9b:1::/48"]
            .map(|network| network.parse().unwrap())
            .to_vec();
    });
    for address in ["10.1.2.3", "fd00:1::5", "127.0.0.1", "64:ff9b::10.1.0.1", "64:ff9b:1::1"] {
        assert_eq!(way.permits(&literal(address)), Ok(()), "{address}");
    }
    for address in [
        "10.2.0.1",
        "fd00:2::5",
        "127.0.0.2",
        "::1",
        "::ffff:10.1.2.3",
        "::10.1.2.3",
        "192.168.0.1",
        "64:ff9b::10.2.0.1",
    ] {
        assert!(matches!(way.permits(&literal(address)), Err(FetchError::Refused(..))), "{address}");
    }
    let refused = way.get("https://in.test/", "*/*").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "10.2.0.1 is a private network, where this server doesn't connect (setting fetch.allow)"
    );
}
