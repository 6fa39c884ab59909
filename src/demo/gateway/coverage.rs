//! Which access tokens a revocation reaches. This is the whole rule; a gateway needs no other.
//!
//! A token is judged by what it carries: `jti`, `kid` (in its header), `family_id`, `sid`, `sub`, `client_id`, `aud` and
//! `rev_seq`, the position of the revocation log under which it was judged fit to be issued.
//!
//! - An entry of kind `jti` or `key` covers the token it names, whatever the order.
//! - An entry of any other kind covers the tokens it names that were born before it: `rev_seq` below the entry's `seq`.
//!   Equal is alive: the token was issued by somebody who knew of the entry.
//! - A kind this reader does not know is taken for `all`. An issuer newer than the gateway then costs refreshes, not safety.
//!
//! `reach` plays no part here: `lineage` and `access` differ in what they do to refresh tokens, not to access tokens.

use serde::Deserialize;

/// What an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One access token, by `jti`.
    Jti,
    /// One authorization of one client by one user, and all that came of it: `family_id`.
    Family,
    /// One browser session: `sid`.
    Session,
    /// One user: `sub`.
    User,
    /// One client: `client_id`.
    Client,
    /// One user's consent to one client: `sub`, a space, `client_id`.
    Grant,
    /// One resource: any `aud`.
    Resource,
    /// One signing key: `kid`.
    Key,
    /// Every token.
    All,
    /// A kind this reader does not know.
    #[serde(other)]
    Unknown,
}

/// One line of the revocation log, as the feed gives it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Its position.
    pub seq: u64,
    /// When it was written (NumericDate).
    pub at: i64,
    /// What it names.
    pub kind: Kind,
    /// The name.
    pub value: String,
    /// When the last token it can cover has expired; absent when it must be kept for ever.
    pub until: Option<i64>,
}

/// What a token carries that an entry may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// `jti`.
    pub jti: String,
    /// The header's `kid`.
    pub kid: String,
    /// `family_id`; absent without a user.
    pub family: Option<String>,
    /// `sid`; absent without a session.
    pub session: Option<String>,
    /// `sub`.
    pub user: String,
    /// `client_id`.
    pub client: String,
    /// Each `aud`.
    pub audiences: Vec<String>,
    /// `rev_seq`.
    pub rev_seq: u64,
}

impl Presented {
    /// Every name under which an entry may reach this token.
    pub fn names(&self) -> Vec<(Kind, String)> {
        let mut names = vec![
            (Kind::Jti, self.jti.clone()),
            (Kind::Key, self.kid.clone()),
            (Kind::User, self.user.clone()),
            (Kind::Client, self.client.clone()),
            (Kind::Grant, format!("{} {}", self.user, self.client)),
            (Kind::All, String::new()),
            (Kind::Unknown, String::new()),
        ];
        names.extend(self.family.iter().map(|id| (Kind::Family, id.clone())));
        names.extend(self.session.iter().map(|id| (Kind::Session, id.clone())));
        names.extend(self.audiences.iter().map(|uri| (Kind::Resource, uri.clone())));
        names
    }
}

impl Entry {
    /// The name this entry is found by.
    pub fn name(&self) -> (Kind, String) {
        match self.kind {
            Kind::All | Kind::Unknown => (self.kind, String::new()),
            kind => (kind, self.value.clone()),
        }
    }

    /// Whether this entry reaches this token.
    pub fn covers(&self, token: &Presented) -> bool {
        token.names().contains(&self.name()) && self.comes_after(token)
    }

    /// Whether a token that this entry names was born before it.
    pub fn comes_after(&self, token: &Presented) -> bool {
        matches!(self.kind, Kind::Jti | Kind::Key) || token.rev_seq < self.seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(rev_seq: u64) -> Presented {
        Presented {
            jti: "token-1".into(),
            kid: "key-1".into(),
            family: Some("family-1".into()),
            session: Some("session-1".into()),
            user: "ada".into(),
            client: "dashboard".into(),
            audiences: vec!["https://a.example/api".into(), "https://b.example/api".into()],
            rev_seq,
        }
    }

    fn entry(kind: &str, value: &str) -> Entry {
        let json = serde_json::json!({
            "seq": 10, "at": 1_000, "kind": kind, "value": value, "reach": "lineage", "until": 2_000
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn every_kind_reaches_what_it_names_and_nothing_else() {
        let table = [
            ("jti", "token-1", "token-2"),
            ("key", "key-1", "key-2"),
            ("family", "family-1", "family-2"),
            ("session", "session-1", "session-2"),
            ("user", "ada", "grace"),
            ("client", "dashboard", "reports"),
            ("grant", "ada dashboard", "ada reports"),
            ("resource", "https://a.example/api", "https://a.example"),
            ("resource", "https://b.example/api", "https://c.example/api"),
        ];
        for (kind, ours, other) in table {
            assert!(entry(kind, ours).covers(&token(9)), "{kind} {ours}");
            assert!(!entry(kind, other).covers(&token(9)), "{kind} {other}");
            assert!(!entry(kind, "").covers(&token(9)), "{kind} with no value");
        }
        assert!(entry("all", "").covers(&token(9)));
    }

    #[test]
    fn a_name_counts_only_under_its_own_kind() {
        let names = ["token-1", "key-1", "family-1", "session-1", "ada", "dashboard", "https://a.example/api"];
        let kinds = ["jti", "key", "family", "session", "user", "client", "resource"];
        for (owner, name) in kinds.iter().zip(names) {
            for kind in kinds {
                assert_eq!(entry(kind, name).covers(&token(9)), kind == *owner, "{kind} {name}");
            }
        }
    }

    #[test]
    fn before_dies_equal_and_after_live() {
        for (kind, value) in [
            ("family", "family-1"),
            ("session", "session-1"),
            ("user", "ada"),
            ("client", "dashboard"),
            ("grant", "ada dashboard"),
            ("resource", "https://a.example/api"),
            ("all", ""),
        ] {
            assert!(entry(kind, value).covers(&token(0)), "{kind}: long before");
            assert!(entry(kind, value).covers(&token(9)), "{kind}: just before");
            assert!(!entry(kind, value).covers(&token(10)), "{kind}: equal");
            assert!(!entry(kind, value).covers(&token(11)), "{kind}: after");
        }
    }

    #[test]
    fn a_named_token_and_a_named_key_are_dead_whatever_the_order() {
        for rev_seq in [0, 9, 10, 11, u64::MAX] {
            assert!(entry("jti", "token-1").covers(&token(rev_seq)));
            assert!(entry("key", "key-1").covers(&token(rev_seq)));
        }
    }

    #[test]
    fn a_token_without_user_has_no_family_and_no_session() {
        let service = Presented { family: None, session: None, user: "dashboard".into(), ..token(9) };
        assert!(!entry("family", "family-1").covers(&service));
        assert!(!entry("session", "session-1").covers(&service));
        assert!(!entry("family", "").covers(&service));
        assert!(entry("client", "dashboard").covers(&service));
    }

    #[test]
    fn a_grant_is_both_halves() {
        for value in ["ada", "dashboard", "dashboard ada", "ada  dashboard", "adadashboard", "ada dashboard "] {
            assert!(!entry("grant", value).covers(&token(9)), "{value:?}");
        }
    }

    #[test]
    fn names_are_compared_byte_for_byte() {
        assert!(!entry("user", "Ada").covers(&token(9)));
        assert!(!entry("resource", "https://a.example/api/").covers(&token(9)));
    }

    #[test]
    fn a_kind_from_the_future_is_taken_for_all() {
        let unheard_of = entry("tenant", "somebody-else");
        assert_eq!(unheard_of.kind, Kind::Unknown);
        assert!(unheard_of.covers(&token(9)));
        assert!(!unheard_of.covers(&token(10)));
    }

    #[test]
    fn a_later_epoch_is_simply_a_larger_number() {
        let restored = Entry { seq: (1 << 40) + 1, ..entry("all", "") };
        assert!(restored.covers(&token((1 << 40) - 1)));
        assert!(!restored.covers(&token((1 << 40) + 1)));
    }
}
