//! No log line of any test may hold a secret: what the servers of this process log is read along, line by line.
//!
//! Read more than is printed: everything of our own, down to `trace`, though only warnings are shown. A find ends the test that
//! next stops an issuer, whichever it is: the line says more than the test's name would.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use super::actors::PASSWORD;

/// How our opaque secrets begin.
const PREFIXES: [&str; 5] = ["ch_rt_", "ch_ac_", "ch_cs_", "ch_ss_", "ch_br_"];

/// So many characters of one in a row are more than its kind.
const MOST: usize = 20;

/// How many lines were read.
static READ: AtomicUsize = AtomicUsize::new(0);
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins logging, once a process: warnings (or `RUST_LOG`) are shown, all of our own is read along.
pub fn begin() {
    let shown = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".to_owned());
    let shown = fmt::layer().with_test_writer().with_filter(EnvFilter::new(shown));
    let read = fmt::layer().with_ansi(false).with_writer(Reader).with_filter(EnvFilter::new("warn,chancery=trace"));
    let _ = registry().with(shown).with(read).try_init();
}

/// Fails when a line held a secret.
#[track_caller]
pub fn nothing_found() {
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(found.is_empty() || std::thread::panicking(), "the log holds a secret: {found:#?}");
}

/// How many lines have been read along.
pub fn lines_read() -> usize {
    READ.load(Ordering::Relaxed)
}

/// The secret a line holds, if it holds one.
pub fn secret_in(line: &str) -> Option<&str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let run = |from: usize| {
        let rest = &line[from..];
        &rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())]
    };
    let opaque = PREFIXES.iter().flat_map(|prefix| line.match_indices(prefix)).map(|(at, prefix)| (run(at), prefix));
    let mut opaque = opaque.filter(|(run, prefix)| run.len() >= prefix.len() + MOST).map(|(run, _)| run);
    let mut signed = line.match_indices("eyJ").filter_map(|(at, _)| {
        let header = run(at);
        let claims = line[at + header.len()..].starts_with('.').then(|| run(at + header.len() + 1))?;
        let end = at + header.len() + 1 + claims.len();
        let signature = line[end..].starts_with('.').then(|| run(end + 1))?;
        (claims.len() >= MOST && signature.len() >= MOST).then(|| &line[at..end + 1 + signature.len()])
    });
    let password = line.find(PASSWORD).map(|at| &line[at..at + PASSWORD.len()]);
    opaque.next().or_else(|| signed.next()).or(password)
}

/// A place where lines are read and not kept.
#[derive(Clone, Copy)]
struct Reader;

impl Write for Reader {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        READ.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(line);
        if secret_in(&text).is_some() {
            FOUND.lock().unwrap_or_else(PoisonError::into_inner).push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Reader {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

#[test]
fn a_secret_in_a_line_is_found() {
    use chancery::secret::{ClientSecret, Opaque, SessionSecret};
    let client = Opaque::<ClientSecret>::generate();
    let session = Opaque::<SessionSecret>::generate().expose();
    let jwt = format!("eyJhbGciOiJFUzI1NiJ9.{}.{}", "e".repeat(40), "s".repeat(86));
    for secret in [client.expose(), session, jwt, PASSWORD.to_owned()] {
        assert_eq!(secret_in(&format!("WARN why=\"{secret}\" more")), Some(secret.as_str()));
    }
    for line in [
        format!("WARN {client:?}"),
        "a token begins with ch_rt_ and ends".to_owned(),
        "eyJhbGciOiJFUzI1NiJ9 is a header".to_owned(),
        String::new(),
    ] {
        assert_eq!(secret_in(&line), None, "{line}");
    }
}
