//! The way out: where it doesn't go, what it doesn't take, and how it keeps to what was checked. V055, V056.

mod addresses;
mod answers;
mod asked;
mod rebinding;
pub mod servers;
mod settings;
mod tls;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery::config::{self, Config, Sources};
use chancery::fetch::{Fetch, Resolver, Resolving};

/// The settings as they are by default.
fn defaults() -> config::Fetch {
    Config::load(Sources::default().with_variable("CHANCERY_ISSUER", "https://id.example.com")).unwrap().fetch
}

/// A way out with these changes.
fn way(change: impl FnOnce(&mut config::Fetch)) -> Fetch {
    let mut settings = defaults();
    change(&mut settings);
    Fetch::new(&settings).unwrap()
}

/// One that may ask loopback by plain `http`, with patience for a busy machine.
fn to_loopback() -> Fetch {
    patient(Duration::from_secs(30))
}

/// One that may ask loopback, and soon gives up.
fn impatient() -> Fetch {
    patient(Duration::from_millis(700))
}

fn patient(timeout: Duration) -> Fetch {
    way(|settings| {
        settings.allow_http = true;
        settings.timeout = timeout;
    })
}

/// Names and what they resolve to, one answer after the other; the last one stays.
#[derive(Debug, Default)]
struct Names {
    answers: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn with(mut self, name: &str, answers: &[&[&str]]) -> Self {
        let read = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.insert(name.to_owned(), answers.iter().map(read).collect());
        self
    }

    /// How often a name was asked for.
    fn times(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }
}

impl Resolver for Names {
    fn resolve(&self, name: &str) -> Resolving {
        let before = self.times(name);
        self.asked.lock().unwrap().push(name.to_owned());
        let found = self.answers.get(name).and_then(|answers| answers.get(before).or(answers.last())).cloned();
        Box::pin(async move { found.ok_or_else(|| std::io::Error::other("no such name")) })
    }
}

/// A way out that knows these names alone.
fn knowing(names: Names, change: impl FnOnce(&mut config::Fetch)) -> (Fetch, Arc<Names>) {
    let names = Arc::new(names);
    (way(change).with_resolver(Arc::<Names>::clone(&names)), names)
}
