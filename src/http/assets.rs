//! The stylesheet, the script and the icons: made once, in the operator's colours, under addresses that change with
//! their content (RFC 8246 `immutable`, RFC 9110 `ETag`).
//!
//! Refuses an accent colour that could not be seen on the pages. An address of another release gets the file of this
//! one, but nobody may keep it: during an upgrade two releases answer side by side.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest;

use crate::config::{self, Brand};
use crate::http::colour::{Colour, NotAColour};
use crate::http::etag;

/// The accent the pages are drawn with when the operator names none: sealing wax, by day and by night.
pub const ACCENT: (&str, &str) = ("#8f1d2c", "#e58a8f");

/// Paper by day and by night, as in the stylesheet: what an accent must stand out from (3:1, WCAG 1.4.11).
pub const GROUND: (&str, &str) = ("#faf8f3", "#1d1b18");

const STYLE: &str = include_str!("../../static/chancery.css");
const SCRIPT: &str = include_str!("../../static/chancery.js");
const SEAL: &str = include_str!("../../static/seal.svg");

/// Everything under `/static/`.
#[derive(Debug)]
pub struct Assets {
    /// The operator's name for this server, as pages show it.
    pub name: String,
    /// What stands before every path of this issuer: empty, or such as `/auth`.
    prefix: String,
    files: [Asset; 4],
}

/// One file.
#[derive(Debug)]
pub struct Asset {
    path: &'static str,
    media: &'static str,
    version: String,
    body: Bytes,
}

impl Assets {
    /// The files of the house style that the settings describe.
    ///
    /// # Errors
    /// An accent that is too close to the paper to be seen.
    pub fn of(brand: &Brand) -> Result<Self, BadAccent> {
        let colour = |own: &Option<config::Colour>, ours: &str| own.as_ref().map_or(ours, |c| c.as_str()).to_owned();
        Self::build(&brand.name, &colour(&brand.accent, ACCENT.0), &colour(&brand.accent_dark, ACCENT.1))
    }

    /// Makes the files in two accents, each `#rrggbb`.
    ///
    /// # Errors
    /// A text that is no colour, or a colour that is too close to the paper to be seen.
    pub fn build(name: &str, accent_light: &str, accent_dark: &str) -> Result<Self, BadAccent> {
        let light = visible("light", accent_light, GROUND.0)?;
        let dark = visible("dark", accent_dark, GROUND.1)?;
        let style = format!("{STYLE}:root {{ --accent: light-dark({light}, {dark}) }}\n");
        let seal = |colour: Colour| SEAL.replace("currentColor", &colour.to_string());
        let files = [
            Asset::new("chancery.css", "text/css; charset=utf-8", style),
            Asset::new("chancery.js", "text/javascript; charset=utf-8", SCRIPT.to_owned()),
            Asset::new("seal.svg", "image/svg+xml", seal(light)),
            Asset::new("seal-dark.svg", "image/svg+xml", seal(dark)),
        ];
        Ok(Self { name: name.to_owned(), prefix: String::new(), files })
    }

    /// The same files for an issuer whose paths begin so.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self }
    }

    /// The file of that name, without `/static/`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Asset> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The address pages link to: `/static/NAME?v=HASH`, under the issuer's path. Empty for a file that isn't there.
    #[must_use]
    pub fn href(&self, path: &str) -> String {
        let link = |file: &Asset| format!("{}/static/{}?v={}", self.prefix, file.path, file.version);
        self.get(path).map(link).unwrap_or_default()
    }
}

impl Asset {
    fn new(path: &'static str, media: &'static str, text: String) -> Self {
        let sum = digest::digest(&digest::SHA256, text.as_bytes());
        let version = sum.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path, media, version, body: Bytes::from(text) }
    }

    /// The bytes.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Answers a GET: kept for good when `version` (the `v` of the query) is this file's, else only with a look back.
    #[must_use]
    pub fn answer(&self, version: Option<&str>, request: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.version);
        let unchanged = etag::is_known(request, &tag);
        let keep = if version == Some(&self.version) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.media)),
            (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
            (header::ETAG, HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))),
        ];
        if unchanged {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, self.body.clone()).into_response()
    }
}

/// An accent colour that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadAccent {
    /// No `#rrggbb`.
    #[error("the {0} accent: {1}")]
    Unreadable(&'static str, NotAColour),
    /// Less than 3:1.
    #[error(
        "the {0} accent {1} can't be told from the page's {2} (contrast {3:.1}:1, at least 3:1 is needed); take a {4} one"
    )]
    Invisible(&'static str, Colour, &'static str, f64, &'static str),
}

fn visible(scheme: &'static str, given: &str, ground: &'static str) -> Result<Colour, BadAccent> {
    let parse = |text| Colour::parse(text).map_err(|why| BadAccent::Unreadable(scheme, why));
    let (colour, paper) = (parse(given)?, parse(ground)?);
    let contrast = colour.contrast(paper);
    let instead = if scheme == "light" { "darker" } else { "lighter" };
    if contrast < 3.0 { Err(BadAccent::Invisible(scheme, colour, ground, contrast, instead)) } else { Ok(colour) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Assets {
        Assets::build("Chancery", ACCENT.0, ACCENT.1).unwrap()
    }

    #[test]
    fn an_address_names_its_content() {
        let (ours, theirs) = (ours(), Assets::build("Other", "#004488", "#88bbff").unwrap());
        for path in ["chancery.css", "seal.svg", "seal-dark.svg"] {
            assert_ne!(ours.href(path), theirs.href(path));
        }
        assert_eq!(ours.href("chancery.js"), theirs.href("chancery.js"));
        assert!(ours.href("chancery.css").starts_with("/static/chancery.css?v="));
        assert!(theirs.under("/auth").href("seal.svg").starts_with("/auth/static/seal.svg?v="));
        assert!(ours.get("../Cargo.toml").is_none() && ours.get("").is_none());
    }

    #[test]
    fn only_the_current_version_is_kept_for_good() {
        let assets = ours();
        let file = assets.get("chancery.css").unwrap();
        let plain = HeaderMap::new();
        let cache = |answer: &Response| answer.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned();
        assert!(cache(&file.answer(Some(&file.version), &plain)).contains("immutable"));
        assert_eq!(cache(&file.answer(Some("0"), &plain)), "no-cache");
        assert_eq!(cache(&file.answer(None, &plain)), "no-cache");
        let etag = file.answer(None, &plain).headers()[header::ETAG].clone();
        let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, etag)]);
        assert_eq!(file.answer(None, &again).status(), StatusCode::NOT_MODIFIED);
        let other = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("\"x\", W/\"y\""))]);
        assert_eq!(file.answer(None, &other).status(), StatusCode::OK);
    }

    #[test]
    fn an_accent_that_cannot_be_seen_is_refused() {
        for (light, dark, told) in
            [("#ffee00", ACCENT.1, "darker"), (ACCENT.0, "#222222", "lighter"), ("red", ACCENT.1, "#8f1d2c")]
        {
            let why = Assets::build("x", light, dark).unwrap_err().to_string();
            assert!(why.contains(told), "{why}");
        }
    }
}
