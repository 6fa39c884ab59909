//! The private PostgreSQL keeps its promises.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection, Row};

use super::postgres::{Cluster, Stop, Template, database};
use super::wait_until;

async fn one_number(connection: &mut PgConnection, query: &'static str) -> i64 {
    connection.fetch_one(query).await.unwrap().get(0)
}

#[tokio::test]
async fn each_database_is_empty_and_private() {
    let (first, second) = (database().await, database().await);
    assert_ne!(first, second);
    let mut one = PgConnection::connect(&first).await.unwrap();
    one.execute("CREATE TABLE guest (id bigint)").await.unwrap();
    let mut other = PgConnection::connect(&second).await.unwrap();
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(one_number(&mut one, tables).await, 1);
    assert_eq!(one_number(&mut other, tables).await, 0);
}

#[tokio::test]
async fn a_template_is_prepared_once_and_copied_for_each() {
    static NUMBERED: Template = Template::new();
    async fn prepare(url: &str) {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute("CREATE SEQUENCE visits; SELECT nextval('visits')").await.unwrap();
        connection.close().await.unwrap();
    }
    for _ in 0..3 {
        let url = NUMBERED.database(prepare).await;
        let mut connection = PgConnection::connect(&url).await.unwrap();
        assert_eq!(one_number(&mut connection, "SELECT nextval('visits')").await, 2);
    }
}

#[tokio::test]
async fn a_durable_cluster_keeps_its_commits_through_a_crash() {
    let mut cluster = Cluster::start(true);
    let url = cluster.create("template0").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let fsync: String = connection.fetch_one("SHOW fsync").await.unwrap().get(0);
    assert_eq!(fsync, "on");
    connection.execute("CREATE TABLE guest AS SELECT 7::bigint AS id").await.unwrap();

    for how in [Stop::Crash, Stop::Halt] {
        cluster.stop(how);
        assert!(PgConnection::connect(&url).await.is_err());
        cluster.resume();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        assert_eq!(one_number(&mut connection, "SELECT id FROM guest").await, 7, "after {how:?}");
    }
    let home = cluster.home().to_owned();
    assert_eq!(cluster.log().matches("database system was interrupted").count(), 1);
    drop(cluster);
    assert!(!home.exists());
}

/// Run by name in a child process, which shows its cluster and waits to be killed.
#[test]
fn the_watchdog_cleans_up_after_a_killed_process() {
    const ROLE: &str = "CHANCERY_TEST_ROLE";
    const SHOWN: &str = "cluster shown: ";
    if std::env::var(ROLE).as_deref() == Ok("victim") {
        let cluster = Cluster::start(false);
        println!("\n{SHOWN}{} {}", cluster.url("postgres"), cluster.home().display());
        loop {
            std::thread::park();
        }
    }

    let name = "kit::postgres_test::the_watchdog_cleans_up_after_a_killed_process";
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args([name, "--exact", "--nocapture"]).env(ROLE, "victim").stdout(Stdio::piped());
    let mut victim = test.spawn().unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
    let shown = lines.find_map(|line| Some(line.strip_prefix(SHOWN)?.to_owned())).expect("the victim's cluster");
    let (url, home) = shown.split_once(' ').unwrap();
    let address = url.split(['@', '/']).find(|part| part.starts_with("127.")).unwrap();
    assert!(TcpStream::connect(address).is_ok(), "the victim's server runs");

    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_until("the directory to go", Duration::from_secs(20), || !Path::new(home).exists());
    assert!(TcpStream::connect(address).is_err(), "the server is gone");
}
