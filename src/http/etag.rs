//! Whether a reader already has what stands (RFC 9110, 13.1.2): `If-None-Match`, compared weakly.
//!
//! Several headers and several tags in one are one list; `*` is any. What isn't text is no tag.

use axum::http::{HeaderMap, header};

/// Whether the request names this tag.
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let bare = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let wanted = bare(tag);
    listed.flat_map(|value| value.split(',')).map(str::trim).any(|known| known == "*" || bare(known) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_one_list_and_weakness_does_not_count() {
        let knows = |lines: &[&'static str], tag: &str| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_NONE_MATCH, header::HeaderValue::from_static(line));
            }
            is_known(&headers, tag)
        };
        for lines in [&["\"a\""][..], &["W/\"a\""], &["\"x\", W/\"a\""], &["\"x\"", "\"a\""], &["*"]] {
            assert!(knows(lines, "\"a\"") && knows(lines, "W/\"a\""), "{lines:?}");
        }
        for lines in [&[][..], &["\"x\""], &["a"], &["W/W/\"a\""]] {
            assert!(!knows(lines, "\"a\""), "{lines:?}");
        }
    }
}
