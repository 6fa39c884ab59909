//! Cookies, read and written strictly: `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`, `Path=/`, no `Domain`; and those of
//! one path alone, which go with no request of another site: `__Secure-`, `SameSite=Strict` (RFC 6265bis section 4.1.3).
//!
//! On an `http` loopback issuer prefix and `Secure` are left out, as browsers would refuse them. Two cookies of one name are
//! refused: one of them was planted (cookie tossing), and nobody can tell which. The header is read as bytes and only ours as
//! text: what another site of the same domain put into it, in whatever encoding, is none of our business.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};

/// Of more cookies than so many that begin alike, none is looked at: no browser of ours has them, and a header is long.
const MOST_ALIKE: usize = 64;

/// A cookie of ours.
#[derive(Debug, Clone, Copy)]
pub struct Jar {
    secure: bool,
}

impl Jar {
    /// Cookies of an issuer; `https` decides their armour.
    #[must_use]
    pub fn new(https: bool) -> Self {
        Self { secure: https }
    }

    fn name(self, name: &str) -> String {
        if self.secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// The value of the one cookie of this name.
    #[must_use]
    pub fn get<'a>(self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        let name = self.name(name);
        let mut found = pairs(headers).filter(|(n, _)| *n == name.as_bytes());
        match (found.next(), found.next()) {
            (Some((_, value)), None) => std::str::from_utf8(value).ok(),
            _ => None,
        }
    }

    /// The values of the cookies whose names begin so; of two of one name, neither.
    #[must_use]
    pub fn starting(self, headers: &HeaderMap, prefix: &str) -> Vec<String> {
        let prefix = self.name(prefix);
        let ours = pairs(headers).filter(|(name, _)| name.starts_with(prefix.as_bytes()));
        let found: Vec<_> = ours.take(MOST_ALIKE + 1).collect();
        if found.len() > MOST_ALIKE {
            return Vec::new();
        }
        let once = |name: &[u8]| found.iter().filter(|(other, _)| *other == name).count() == 1;
        let values = found.iter().filter(|(name, _)| once(name)).map(|(_, value)| *value);
        values.filter_map(|value| std::str::from_utf8(value).ok()).map(str::to_owned).collect()
    }

    /// A `Set-Cookie` that lasts as long as the browser does, or until `seconds` have passed.
    #[must_use]
    pub fn set(self, name: &str, value: &str, seconds: Option<i64>) -> Option<HeaderValue> {
        let mut cookie = Cookie::build((self.name(name), value.to_owned()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .build();
        if let Some(seconds) = seconds {
            cookie.set_max_age(cookie::time::Duration::seconds(seconds));
        }
        HeaderValue::from_str(&cookie.to_string()).ok()
    }

    /// A `Set-Cookie` that takes one away.
    #[must_use]
    pub fn clear(self, name: &str) -> Option<HeaderValue> {
        self.set(name, "", Some(0))
    }
}

/// Cookies of one path: no page elsewhere, not even a link there, makes a browser send them.
#[derive(Debug, Clone)]
pub struct Narrow {
    secure: bool,
    path: String,
}

/// What a request shows under one name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sole<'a> {
    None,
    One(&'a str),
    /// Two or more, or one that isn't text: somebody else has set one, and nobody can tell which.
    Doubtful,
}

impl std::fmt::Debug for Sole<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sole(redacted)")
    }
}

impl Narrow {
    /// Cookies of an issuer's path; `https` decides their armour.
    #[must_use]
    pub fn new(https: bool, path: String) -> Self {
        Self { secure: https, path }
    }

    fn name(&self, name: &str) -> String {
        if self.secure { format!("__Secure-{name}") } else { name.to_owned() }
    }

    /// What stands under this name.
    #[must_use]
    pub fn get<'a>(&self, headers: &'a HeaderMap, name: &str) -> Sole<'a> {
        let name = self.name(name);
        let mut found = pairs(headers).filter(|(n, _)| *n == name.as_bytes());
        match (found.next(), found.next()) {
            (None, _) => Sole::None,
            (Some((_, value)), None) => std::str::from_utf8(value).map_or(Sole::Doubtful, Sole::One),
            (Some(_), Some(_)) => Sole::Doubtful,
        }
    }

    /// A `Set-Cookie` that lasts until `seconds` have passed; none left takes it away.
    #[must_use]
    pub fn set(&self, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
        let cookie = Cookie::build((self.name(name), value.to_owned()))
            .path(self.path.clone())
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.secure)
            .max_age(cookie::time::Duration::seconds(seconds.max(0)));
        HeaderValue::from_str(&cookie.build().to_string()).ok()
    }
}

/// Every cookie of a request: name and value, as sent.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    lines.flat_map(|line| line.split(|byte| *byte == b';')).filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|byte| *byte == b'=')?;
        Some((pair.get(..at)?, pair.get(at + 1..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_put_into_the_header_hides_nothing() {
        let read = |line: &[u8]| {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_bytes(line).unwrap())]);
            (Jar::new(false).get(&headers, "ch_a").map(str::to_owned), Jar::new(false).starting(&headers, "ch_"))
        };
        let found = (Some("1".to_owned()), vec!["1".to_owned()]);
        for line in
            [&b"ch_a=1"[..], b"theme=\xe9; ch_a=1", b"x=\xff\xfe;ch_a=1 ; y", b"\xe9=ch_a=2; ch_a=1", b"=; ch_a=1;;"]
        {
            assert_eq!(read(line), found, "{line:?}");
        }
        // Of two of one name neither counts, whichever can be read; nor does one that isn't text.
        for line in [&b"ch_a=1; ch_a=\xe9"[..], b"ch_a=\xe9"] {
            assert_eq!(read(line), (None, vec![]), "{line:?}");
        }
    }

    #[test]
    fn of_two_of_one_name_neither_counts_wherever_they_were_set() {
        let read = |line: &str| {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(line).unwrap())]);
            format!("{:?}", matches!(Narrow::new(true, "/oauth2".to_owned()).get(&headers, "k"), Sole::One("v")))
        };
        assert_eq!(read("k=other; __Secure-k=v; __Host-k=x"), "true");
        for line in ["__Secure-k=v; __Secure-k=v", "__Secure-k=x; __Secure-k=v", "k=v", "__Host-k=v", "__secure-k=v"] {
            assert_eq!(read(line), "false", "{line}");
        }
        let set = Narrow::new(true, "/auth/oauth2".to_owned()).set("k", "v", 5).unwrap();
        assert_eq!(set, "__Secure-k=v; HttpOnly; SameSite=Strict; Secure; Path=/auth/oauth2; Max-Age=5");
    }

    fn starting(cookies: usize) -> usize {
        let line = (0..cookies).map(|at| format!("__Host-k_{at}=v")).collect::<Vec<_>>().join("; ");
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&line).unwrap())]);
        Jar::new(true).starting(&headers, "k_").len()
    }

    #[test]
    fn a_header_full_of_cookies_costs_no_more_than_a_few() {
        assert_eq!(starting(8), 8);
        assert_eq!(starting(MOST_ALIKE), MOST_ALIKE);
        // As many as a header holds: each held against each other would be a second's work.
        assert_eq!(starting(20_000), 0);
    }
}
