//! The `claims` parameter (OpenID Connect Core 5.5): claims asked for by name, for userinfo and ID token; whom alone the request is
//! about (`sub` with a value), and which authentication it insists on (`acr`, essential, with values).
//!
//! Claims that aren't known here are ignored, and so are wishes about values of any other claim. Refused: what isn't the JSON of
//! the specification, and a parameter that is too long.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claims;
use crate::oauth::error::Error;
use crate::oauth::scope::Scopes;
use crate::store::codes::NamedClaims;

/// The most bytes of the parameter.
pub const MOST: usize = 4096;

/// The most values of one claim.
const MOST_VALUES: usize = 20;

/// The parameter, read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    pub named: NamedClaims,
    /// Nobody but one of these; none: anyone.
    pub subjects: Option<Vec<String>>,
    /// One of these must be met; empty: any will do.
    pub acr: Vec<String>,
}

/// One claim, as asked for.
#[derive(Debug, Default)]
struct Wish {
    essential: bool,
    values: Vec<Value>,
}

/// Reads the parameter.
pub fn read(text: &str) -> Result<Wanted, Error> {
    if text.len() > MOST {
        return Err(Error::invalid_request(format!("claims is longer than {MOST} bytes")));
    }
    let Ok(Value::Object(parts)) = serde_json::from_str(text) else {
        return Err(malformed("claims is no JSON object"));
    };
    let mut wanted = Wanted::default();
    for (part, in_id_token) in [("userinfo", false), ("id_token", true)] {
        for (name, wish) in wishes(&parts, part)? {
            match name.as_str() {
                "sub" => wanted.about(wish)?,
                "acr" if in_id_token && wish.essential => wanted.acr = texts(wish.values)?,
                _ if !claims::is_known(&name) => {}
                _ if in_id_token => wanted.named.id_token.push(name),
                _ => wanted.named.userinfo.push(name),
            }
        }
    }
    Ok(wanted)
}

fn malformed(why: &'static str) -> Error {
    Error::invalid_request(why)
}

fn wishes(parts: &Map<String, Value>, part: &str) -> Result<Vec<(String, Wish)>, Error> {
    let asked = match parts.get(part) {
        None => return Ok(Vec::new()),
        Some(Value::Object(asked)) => asked,
        Some(_) => return Err(malformed("a member of claims is no JSON object")),
    };
    asked.iter().map(|(name, wish)| Ok((name.clone(), self::wish(wish)?))).collect()
}

fn wish(asked: &Value) -> Result<Wish, Error> {
    let members = match asked {
        Value::Null => return Ok(Wish::default()),
        Value::Object(members) => members,
        _ => return Err(malformed("a claim in claims is asked for by neither null nor a JSON object")),
    };
    let essential = match members.get("essential") {
        None => false,
        Some(Value::Bool(essential)) => *essential,
        Some(_) => return Err(malformed("essential, in claims, is neither true nor false")),
    };
    let values = match (members.get("value"), members.get("values")) {
        (None, None) => Vec::new(),
        (Some(one), None) => vec![one.clone()],
        (None, Some(Value::Array(many))) if many.len() <= MOST_VALUES => many.clone(),
        (None, Some(_)) => return Err(malformed("values, in claims, is no array, or a long one")),
        (Some(_), Some(_)) => return Err(malformed("value and values, in claims, exclude each other")),
    };
    Ok(Wish { essential, values })
}

fn texts(values: Vec<Value>) -> Result<Vec<String>, Error> {
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(malformed("a value of sub or acr, in claims, is no text")),
    };
    values.into_iter().map(text).collect()
}

impl Wanted {
    /// Nobody but whom all parts of the parameter name.
    fn about(&mut self, wish: Wish) -> Result<(), Error> {
        let named = texts(wish.values)?;
        if !named.is_empty() {
            self.subjects = Some(match self.subjects.take() {
                None => named,
                Some(before) => before.into_iter().filter(|sub| named.contains(sub)).collect(),
            });
        }
        Ok(())
    }

    /// The same without what goes beyond the registration: a claim is told to whoever may ask for the scope that opens it. What
    /// the scopes that are asked for tell at userinfo anyway is no claim asked for by name.
    pub fn narrow(&mut self, asked: &Scopes, registered: &Scopes) {
        let named = std::mem::take(&mut self.named);
        if asked.has("openid") {
            self.named.id_token = allowed(named.id_token, registered);
            let beyond = named.userinfo.into_iter().filter(|name| !claims::opened_by(name, asked));
            self.named.userinfo = allowed(beyond.collect(), registered);
        }
    }

    /// Whether it may be about this user.
    #[must_use]
    pub fn accepts(&self, sub: &str) -> bool {
        self.subjects.as_ref().is_none_or(|subjects| subjects.iter().any(|one| one == sub))
    }
}

/// Those that a client with these scopes is told.
#[must_use]
pub fn allowed(names: Vec<String>, registered: &Scopes) -> Vec<String> {
    names.into_iter().filter(|name| claims::opened_by(name, registered)).collect()
}

/// What is to be consented to beside these scopes, each once.
#[must_use]
pub fn beyond(named: &NamedClaims, scopes: &Scopes) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in named.userinfo.iter().chain(&named.id_token) {
        if !claims::opened_by(name, scopes) && !out.contains(name) {
            out.push(name.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_specification_shows() {
        let wanted = read(
            r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null, "email": {"essential": true}, "picture": null,
                "http://example.info/claims/groups": null}, "id_token": {"auth_time": {"essential": true},
                "acr": {"values": ["urn:mace:incommon:iap:silver"]}}, "later": 7}"#,
        )
        .unwrap();
        let known = ["given_name", "email"].map(str::to_owned);
        assert!(known.iter().all(|name| wanted.named.userinfo.contains(name)));
        assert!(!wanted.named.userinfo.iter().any(|name| name.starts_with("http")));
        assert_eq!((wanted.named.id_token.len(), wanted.subjects, wanted.acr.len()), (0, None, 0), "voluntary");
    }

    #[test]
    fn whom_it_is_about_and_what_it_insists_on() {
        let wanted =
            read(r#"{"id_token": {"sub": {"value": "a"}, "acr": {"essential": true, "values": ["x", "y"]}}}"#).unwrap();
        assert!(wanted.accepts("a") && !wanted.accepts("b"));
        assert_eq!(wanted.acr, ["x", "y"]);
        let both =
            read(r#"{"id_token": {"sub": {"values": ["a", "b"]}}, "userinfo": {"sub": {"values": ["b", "c"]}}}"#)
                .unwrap();
        assert!(both.accepts("b") && !both.accepts("a") && !both.accepts("c"));
        let nobody = read(r#"{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}"#).unwrap();
        assert!(!nobody.accepts("a") && !nobody.accepts("b"));
        assert!(read(r#"{"id_token": {"sub": null, "acr": {"essential": true}}}"#).unwrap().accepts("a"));
    }

    #[test]
    fn other_shapes_are_refused() {
        let long = format!(r#"{{"userinfo": {{"email": {{"value": "{}"}}}}}}"#, "x".repeat(MOST));
        for bad in [
            "",
            "x",
            "[]",
            "null",
            "1",
            "\"email\"",
            "{",
            r#"{"userinfo": []}"#,
            r#"{"userinfo": null}"#,
            r#"{"id_token": "email"}"#,
            r#"{"userinfo": {"email": true}}"#,
            r#"{"userinfo": {"email": []}}"#,
            r#"{"userinfo": {"email": {"essential": "yes"}}}"#,
            r#"{"id_token": {"sub": {"value": 7}}}"#,
            r#"{"id_token": {"sub": {"values": "a"}}}"#,
            r#"{"id_token": {"acr": {"essential": true, "values": [null]}}}"#,
            r#"{"id_token": {"sub": {"value": "a", "values": ["b"]}}}"#,
            &long,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_beyond_the_registration() {
        let mut wanted =
            read(r#"{"userinfo": {"email": null, "name": null, "groups": null}, "id_token": {"name": null}}"#).unwrap();
        wanted.narrow(&Scopes::stored("openid profile"), &Scopes::stored("openid profile email"));
        assert_eq!(
            (wanted.named.userinfo.as_slice(), wanted.named.id_token.as_slice()),
            (["email".to_owned()].as_slice(), ["name".to_owned()].as_slice())
        );
        assert_eq!(beyond(&wanted.named, &Scopes::stored("openid profile")), ["email"]);
        let mut no_openid = read(r#"{"userinfo": {"email": null}}"#).unwrap();
        no_openid.narrow(&Scopes::stored("email"), &Scopes::stored("email"));
        assert_eq!(no_openid.named, NamedClaims::default());
    }
}
