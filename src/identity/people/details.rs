//! What else is told of a user (OpenID Connect Core 5.1), and the operator's own attributes: what may stand there.
//!
//! Refused: what isn't of its claim's form, attributes that are neither text, list of texts, number nor boolean, and more than
//! tokens can carry. A new telephone number has not been vouched for, whatever the old one was.

use chrono::NaiveDate;
use serde_json::{Value, json};
use url::Url;

use crate::change::{Problems, plain};
use crate::http::plain::is_plain;
use crate::store::details::Details;

/// A text: how it is named, where it stands, what its form is.
pub struct Text {
    /// As the claim, and as the command line says it.
    pub name: &'static str,
    /// The text as it is, if there is one.
    pub of: fn(&Details) -> Option<&String>,
    at: fn(&mut Details) -> &mut Option<String>,
    check: fn(&str) -> Result<(), String>,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! texts {
    ($($name:literal at $($at:ident).+ is $check:expr;)*) => {
        &[$(Text { name: $name, of: |d| d.$($at).+.as_ref(), at: |d| &mut d.$($at).+, check: $check }),*]
    };
}

/// All of them, in the order they are shown.
pub const TEXTS: &[Text] = texts! {
    "middle_name" at middle_name is plain;
    "nickname" at nickname is plain;
    "profile" at profile is page;
    "picture" at picture is page;
    "website" at website is page;
    "gender" at gender is plain;
    "birthdate" at birthdate is birthdate;
    "zoneinfo" at zoneinfo is zoneinfo;
    "locale" at locale is locale;
    "phone_number" at phone_number is phone;
    "address_formatted" at address.formatted is lines;
    "street_address" at address.street_address is lines;
    "locality" at address.locality is plain;
    "region" at address.region is plain;
    "postal_code" at address.postal_code is plain;
    "country" at address.country is plain;
};

/// The most attributes of one user.
const MOST: usize = 50;
/// The most bytes of all this, as tokens carry it.
const MOST_BYTES: usize = 4096;

/// What changes; an empty text empties its column.
#[derive(Debug, Clone, Default)]
pub struct DetailsEdit {
    /// By the names of [`TEXTS`].
    pub texts: Vec<(&'static str, String)>,
    pub phone_number_verified: Option<bool>,
    /// None takes the attribute away.
    pub attributes: Vec<(String, Option<Value>)>,
}

/// The details as they will be.
pub(super) fn apply(before: &Details, edit: &DetailsEdit, problems: &mut Problems) -> Details {
    let mut after = before.clone();
    for (name, text) in &edit.texts {
        if let Some(known) = TEXTS.iter().find(|known| known.name == *name) {
            *(known.at)(&mut after) = Some(text.clone()).filter(|text| !text.is_empty());
        }
    }
    let same = after.phone_number == before.phone_number;
    after.phone_number_verified =
        edit.phone_number_verified.unwrap_or(before.phone_number_verified && same) && after.phone_number.is_some();
    let attributes = &mut after.attributes.0;
    for (name, value) in &edit.attributes {
        match value {
            Some(value) => {
                attributes.insert(name.clone(), value.clone());
            }
            None if attributes.remove(name).is_none() => {
                problems.add("attributes", format!("the user has no attribute {name:?}, so it can't be removed"));
            }
            None => {}
        }
    }
    check(&after, problems);
    after
}

fn check(details: &Details, problems: &mut Problems) {
    let mut bytes = 0;
    for known in TEXTS {
        if let Some(text) = (known.of)(details) {
            bytes += text.len();
            problems.check(known.name, (known.check)(text));
        }
    }
    let attributes = &details.attributes.0;
    if attributes.len() > MOST {
        problems.add("attributes", format!("{} are too many: {MOST} at most", attributes.len()));
    }
    for (name, value) in attributes {
        problems.check("attributes", attribute(name).and_then(|()| shape(name, value)));
    }
    bytes += json!(attributes).to_string().len();
    if bytes > MOST_BYTES {
        let says = format!(
            "with all that is told of the user they have {bytes} bytes: {MOST_BYTES} at most, for tokens carry them"
        );
        problems.add("attributes", says);
    }
}

/// Whether this can be the name of an attribute.
pub fn attribute(name: &str) -> Result<(), String> {
    let may = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || name.len() > 60 || !name.chars().all(may) {
        return Err(format!("{name:?} is no name for an attribute: up to 60 letters, digits and _-."));
    }
    Ok(())
}

/// Whether an attribute has a value that can be told.
fn shape(name: &str, value: &Value) -> Result<(), String> {
    let text = |text: &str| plain(text).map_err(|why| format!("{name}: {why}"));
    match value {
        Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(one) => text(one),
        Value::Array(many) if many.is_empty() => {
            Err(format!("{name}: an empty list says nothing; remove the attribute"))
        }
        Value::Array(many) => many.iter().try_for_each(|one| match one {
            Value::String(one) => text(one),
            _ => Err(format!("{name}: a list holds texts alone")),
        }),
        Value::Null | Value::Object(_) => {
            Err(format!("{name}: neither a text, a list of texts, a number nor a boolean"))
        }
    }
}

/// The names of what differs; of attributes which ones.
pub(super) fn changed(before: &Details, after: &Details) -> Vec<String> {
    let texts = TEXTS.iter().filter(|known| (known.of)(before) != (known.of)(after)).map(|known| known.name.to_owned());
    let verified =
        (before.phone_number_verified != after.phone_number_verified).then(|| "phone_number_verified".to_owned());
    let (was, is) = (&before.attributes.0, &after.attributes.0);
    let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
    let attributes = names.filter(|name| was.get(*name) != is.get(*name)).map(|name| format!("attributes.{name}"));
    texts.chain(verified).chain(attributes).collect()
}

/// Whether an attribute says something else now, or nothing: then tokens that may tell it end.
pub(super) fn took_back(before: &Details, after: &Details) -> bool {
    before.attributes.iter().any(|(name, value)| after.attributes.get(name) != Some(value))
}

/// A page about the user, or his picture.
fn page(text: &str) -> Result<(), String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.host().is_some());
    let plain = text.len() <= 1000 && text.chars().all(|c| is_plain(c) && !c.is_whitespace() && !"\"<>\\".contains(c));
    let bare = url.is_some_and(|url| url.username().is_empty() && url.password().is_none());
    if bare && plain {
        Ok(())
    } else {
        Err(format!("{text:?} is not the address of a page; write one such as https://example.com/ada"))
    }
}

/// `YYYY-MM-DD` (ISO 8601), `0000-MM-DD` where the year is not told, or the year alone.
fn birthdate(text: &str) -> Result<(), String> {
    let fail = || format!("{text:?} is no date; write 1990-05-17, 0000-05-17 without the year, or 1990");
    let number = |part: &str, width: usize| {
        (part.len() == width && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i32>().ok()).flatten()
    };
    let parts: Vec<_> = text.split('-').collect();
    let fits = match parts.as_slice() {
        [year] => number(year, 4).is_some_and(|year| year > 0),
        [year, month, day] => {
            let unsigned = |part| number(part, 2).and_then(|n| u32::try_from(n).ok());
            match (number(year, 4), unsigned(month), unsigned(day)) {
                // Without a year, the 29th of February is a birthday.
                (Some(year), Some(month), Some(day)) => {
                    NaiveDate::from_ymd_opt(if year == 0 { 2000 } else { year }, month, day).is_some()
                }
                _ => false,
            }
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(fail()) }
}

/// The name of a time zone, such as the database of them has it: its form, not whether there is one.
fn zoneinfo(text: &str) -> Result<(), String> {
    let parts: Vec<_> = text.split('/').collect();
    let may = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins && text.len() <= 64 && parts.len() <= 3 && parts.iter().all(may) {
        Ok(())
    } else {
        Err(format!("{text:?} is no time zone; write one such as Europe/Paris"))
    }
}

/// A language tag (BCP 47): its form, not whether it is registered.
fn locale(text: &str) -> Result<(), String> {
    let mut parts = text.split('-');
    let language =
        parts.next().is_some_and(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
    let more = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if language && more && text.len() <= 35 {
        Ok(())
    } else {
        Err(format!("{text:?} is no language tag; write one such as en-GB"))
    }
}

/// E.164 as people write it, and after that an extension (RFC 3966).
fn phone(text: &str) -> Result<(), String> {
    let (number, extension) =
        text.split_once(";ext=").map_or((text, None), |(number, extension)| (number, Some(extension)));
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let written = number.strip_prefix('+').is_some_and(|rest| {
        rest.starts_with(|c: char| ('1'..='9').contains(&c))
            && rest.ends_with(|c: char| c.is_ascii_digit())
            && rest.bytes().all(|b| b.is_ascii_digit() || b" -.()".contains(&b))
    });
    let extended = extension.is_none_or(|ext| (1..=11).contains(&ext.len()) && ext.bytes().all(|b| b.is_ascii_digit()));
    if written && extended && (5..=15).contains(&digits) && text.len() <= 40 {
        Ok(())
    } else {
        Err(format!("{text:?} is no telephone number; write one such as \"+1 604 555 1234\""))
    }
}

/// A text of a few lines.
fn lines(text: &str) -> Result<(), String> {
    if text.chars().count() > 500 || text.lines().count() > 10 {
        return Err("is longer than 500 characters, or than ten lines".to_owned());
    }
    text.split('\n').try_for_each(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_its_form() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "picture",
                &["https://a.test/p.png", "http://a.test/?a=1#b"],
                &[
                    "a.test/p.png",
                    "javascript:alert(1)",
                    "data:image/png;base64,AA",
                    "https://u@a.test/",
                    "https://a.test/\u{202e}x",
                    "https://a.test/\"><b>",
                ],
            ),
            (
                "birthdate",
                &["1990-05-17", "0000-02-29", "2000-02-29", "1990"],
                &[
                    "0000",
                    "1990-13-01",
                    "1999-02-29",
                    "1990-5-17",
                    "17.05.1990",
                    "1990-05",
                    "-990-05-17",
                    "+990",
                    "19900517",
                ],
            ),
            (
                "zoneinfo",
                &["Europe/Paris", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+1"],
                &["Europe/", "/Paris", "Europe Paris", "../etc/passwd", "a/b/c/d", "+1"],
            ),
            (
                "locale",
                &["en", "en-GB", "zh-Hant-TW", "de-CH-1996"],
                &["e", "en_GB", "en-", "-GB", "en-veryverylong", "12-GB"],
            ),
            (
                "phone_number",
                &["+1 604 555 1234", "+1 (604) 555-1234;ext=5678", "+4930123456"],
                &["6045551234", "+0123456", "+1", "+1234567890123456", "+1 604 555 1234;ext=", "+1 604 x", "+1604555-"],
            ),
            ("street_address", &["1 Quay\nFloor 2"], &["1 Quay\r\nFloor 2", "a\n\nb", " a", "\u{200b}"]),
        ];
        for (name, good, bad) in table {
            let known = TEXTS.iter().find(|known| known.name == *name).unwrap();
            good.iter().for_each(|text| assert_eq!((known.check)(text), Ok(()), "{name} {text:?}"));
            bad.iter().for_each(|text| assert!((known.check)(text).is_err(), "{name} {text:?}"));
        }
    }

    #[test]
    fn each_stands_in_a_place_of_its_own() {
        let texts = TEXTS.iter().map(|known| (known.name, known.name.to_owned())).collect();
        let mut problems = Problems::default();
        let edit = DetailsEdit { texts, ..DetailsEdit::default() };
        let after = apply(&Details::default(), &edit, &mut problems);
        for known in TEXTS {
            assert_eq!((known.of)(&after).map(String::as_str), Some(known.name));
        }
        assert_eq!(changed(&Details::default(), &after).len(), TEXTS.len());
    }
}
