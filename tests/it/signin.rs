//! Signing in by password, through the pages, on both databases.

mod budgets;
mod forms;
mod journey;
mod names;
mod races;
mod sessions;
mod signout;
mod traces;

use std::time::Duration;

use chancery::clock::Clock;
use chancery::config::Config;
use chrono::DateTime;
use reqwest::{Method, header};
use sqlx::{AssertSqlSafe, Executor, SqliteConnection};

use crate::kit::actors::{Answer, Browser, Flow, PASSWORD, RelyingParty, http, location, parameter};
use crate::kit::issuer::{Issuer, Kind, Setup};

/// An issuer whose clock stands still until it is told otherwise.
pub async fn held(kind: Kind, change: impl FnOnce(&mut Config) + Send + 'static) -> (Issuer, Clock) {
    let clock = Clock::held(DateTime::from_timestamp(1_990_000_000, 0).unwrap());
    let setup = Setup { change: Box::new(change), ..Setup::held(&clock) };
    (Issuer::start_with(kind, setup).await, clock)
}

/// A confidential client that asks for consent.
pub async fn asking(issuer: &Issuer) -> RelyingParty {
    issuer.client_with(|row| row.consent = "ask".to_owned()).await
}

/// Follows redirects of this server, to a page or to the client.
pub async fn follow(browser: &mut Browser, mut answer: Answer) -> Answer {
    for _ in 0..6 {
        match location(&answer).filter(|to| to.starts_with(&browser.origin)) {
            Some(to) => answer = browser.get(&to).await,
            None => return answer,
        }
    }
    panic!("redirected in circles");
}

/// Types a name and a password into a sign-in page, and goes where that leads.
pub async fn sign_in(browser: &mut Browser, page: &Answer, near: &Flow, (name, password): (&str, &str)) -> Answer {
    let answer = browser.sign_in(page, &near.url, name, password).await;
    follow(browser, answer).await
}

/// A browser in which this user has signed in.
pub async fn signed_in(issuer: &Issuer, rp: &RelyingParty, name: &str) -> Browser {
    let mut browser = Browser::new(issuer);
    browser.code(&rp.flow(&[]), name).await;
    browser
}

/// What an answer tells the client.
#[track_caller]
pub fn told(answer: &Answer, name: &str) -> String {
    let to = location(answer).unwrap_or_else(|| panic!("no redirect: {} {}", answer.status, answer.text));
    parameter(&to, name).unwrap_or_else(|| panic!("no {name} in {to}"))
}

/// Whether the page has an element of this id.
pub fn has(page: &Answer, id: &str) -> bool {
    page.text.contains(&format!("id=\"{id}\""))
}

/// A post with a browser's cookies and whatever else a stranger may send.
async fn raw(browser: &Browser, url: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut request = http().request(Method::POST, url).body(body).header(header::COOKIE, cookies.join("; "));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// Counts rows, or runs a statement behind the house's back.
pub async fn count(issuer: &Issuer, question: &str) -> i64 {
    match issuer.database.strip_prefix("sqlite://") {
        Some(file) => {
            let mut connection = <SqliteConnection as sqlx::Connection>::connect(file).await.unwrap();
            sqlx::query_scalar(AssertSqlSafe(question.to_owned())).fetch_one(&mut connection).await.unwrap()
        }
        None => {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&issuer.database).await.unwrap();
            sqlx::query_scalar(AssertSqlSafe(question.to_owned())).fetch_one(&mut connection).await.unwrap()
        }
    }
}

async fn meddle(issuer: &Issuer, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    match issuer.database.strip_prefix("sqlite://") {
        Some(file) => {
            let mut connection = <SqliteConnection as sqlx::Connection>::connect(file).await.unwrap();
            connection.execute(statement).await.unwrap();
        }
        None => {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&issuer.database).await.unwrap();
            connection.execute(statement).await.unwrap();
        }
    }
}

/// How many audit rows there are of an event.
pub async fn events(issuer: &Issuer, event: &str) -> i64 {
    count(issuer, &format!("SELECT COUNT(*) FROM audit WHERE event = '{event}'")).await
}

/// Everything a step of a sign-in could have changed.
pub async fn state(issuer: &Issuer) -> Vec<i64> {
    let mut all = Vec::new();
    for question in [
        "SELECT COUNT(*) FROM session",
        "SELECT COUNT(*) FROM code",
        "SELECT COUNT(*) FROM grants",
        "SELECT COUNT(*) FROM interaction",
        "SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM interaction",
        "SELECT CAST(COALESCE(SUM(charged), 0) AS BIGINT) FROM throttle",
    ] {
        all.push(count(issuer, question).await);
    }
    all
}

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const ALICE: (&str, &str) = ("alice", PASSWORD);
