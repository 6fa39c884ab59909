//! Which language a reader is answered in: OpenID Connect's `ui_locales` first, then `Accept-Language` (RFC 9110,
//! 12.5.4), matched by their first subtag (RFC 4647, 3.4).
//!
//! Refuses nothing: what can't be read is passed over, and English is left.

use std::cmp::Reverse;

/// As many wishes as are looked at; a longer list is no reader's.
const WISHES: usize = 32;

/// The languages there are words in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

impl Lang {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::En, Self::De, Self::Fr, Self::Es];

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
        }
    }

    /// The language of a tag or range: `de`, `de-AT`, `DE_at`.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let first = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|lang| first.eq_ignore_ascii_case(lang.tag()))
    }
}

/// The first language of `ui_locales` (separated by spaces) that there are words in, else the best one of
/// `Accept-Language`, else English.
#[must_use]
pub fn negotiate(ui_locales: Option<&str>, accept_language: Option<&str>) -> Lang {
    let asked = ui_locales.unwrap_or_default().split_ascii_whitespace().take(WISHES).find_map(Lang::of);
    asked.or_else(|| accepted(accept_language?)).unwrap_or_default()
}

/// The language with the highest weight; of equal ones the first.
fn accepted(header: &str) -> Option<Lang> {
    let wishes = header.split(',').take(WISHES).filter_map(|wish| {
        let (range, parameters) = wish.split_once(';').unwrap_or((wish, ""));
        let lang = if range.trim() == "*" { Lang::default() } else { Lang::of(range.trim())? };
        Some((lang, weight(parameters)?)).filter(|(_, weight)| *weight > 0)
    });
    // `min_by_key` keeps the first of equals.
    wishes.min_by_key(|(_, weight)| Reverse(*weight)).map(|(lang, _)| lang)
}

/// `q` in thousandths; 1 when there is none, nothing when it can't be read.
fn weight(parameters: &str) -> Option<u16> {
    let Some(value) = parameters.trim().strip_prefix(['q', 'Q']) else {
        return parameters.trim().is_empty().then_some(1000);
    };
    let value = value.trim_start().strip_prefix('=')?.trim();
    let (whole, rest) = value.split_once('.').unwrap_or((value, ""));
    if rest.len() > 3 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths =
        rest.bytes().chain([b'0'; 3]).take(3).fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ui_locales_go_before_the_browser() {
        assert_eq!(negotiate(Some("pt-BR fr-CA de"), Some("es")), Lang::Fr);
        assert_eq!(negotiate(Some("pt zh"), Some("es-MX,es;q=0.9")), Lang::Es);
        assert_eq!(negotiate(None, Some("da, de-CH;q=0.8, fr;q=0.9, en;q=0.7")), Lang::Fr);
        assert_eq!(negotiate(None, Some("de;q=0.5,es;q=0.5")), Lang::De);
        assert_eq!(negotiate(None, Some("de;q=0, *;q=0.1")), Lang::En);
        assert_eq!(negotiate(None, None), Lang::En);
        assert_eq!(negotiate(None, Some("de;q = 1.000")), Lang::De);
    }

    #[test]
    fn garbage_is_passed_over() {
        for junk in
            ["", ";;;", "q=1", "de;q=2", "de;q=0.1234", "de;q=1.5", "de;q=-1", "de;q", "de;q=é", "\u{202e}", ",,,", "*"]
        {
            assert_eq!(negotiate(Some(junk).filter(|j| !j.starts_with("de")), Some(junk)), Lang::En, "{junk}");
        }
        let long = "xx,".repeat(100_000) + "de";
        assert_eq!(negotiate(Some(&long), Some(&long)), Lang::En);
    }

    proptest::proptest! {
        #[test]
        fn any_text_gets_a_language(a in ".{0,80}", b in "[a-z;=q,.0-9* -]{0,80}") {
            let _ = negotiate(Some(&a), Some(&b));
        }
    }
}
