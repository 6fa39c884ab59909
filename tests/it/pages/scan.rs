//! Reads the pages' own HTML, strictly: what a browser would repair is a fault here.

use std::collections::BTreeMap;

/// One tag: its name (`/name` for an end), its attributes, the text up to the next one.
#[derive(Debug)]
pub struct Tag {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub text: String,
}

impl Tag {
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

/// The tags of a page, which writes every value in double quotes and no comments.
pub fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let (mut end, mut quoted) = (0, false);
        for (at, c) in rest.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (inside, after) = (&rest[..end], &rest[end + 1..]);
        let (name, mut list) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let mut attributes = BTreeMap::new();
        while !list.trim_matches(['/', ' ', '\n']).is_empty() {
            list = list.trim_start();
            let stop = list.find(['=', ' ', '/']).unwrap_or(list.len());
            let key = list[..stop].to_owned();
            let value = if list[stop..].starts_with("=\"") {
                let (value, after) = list[stop + 2..].split_once('"').expect("a closing quote");
                list = after;
                value.to_owned()
            } else {
                assert!(!list[stop..].starts_with('='), "a value without quotes in <{inside}>");
                list = &list[stop..];
                String::new()
            };
            assert!(attributes.insert(key, value).is_none(), "an attribute stands twice in <{inside}>");
        }
        let text = after.split('<').next().unwrap_or_default().to_owned();
        found.push(Tag { name: name.trim_end_matches('/').to_owned(), attributes, text });
        rest = after;
    }
    found
}

const VOID: [&str; 5] = ["!doctype", "meta", "link", "input", "img"];
const DRAWN: [&str; 2] = ["path", "circle"];

/// Every start has its end, in order.
pub fn nests(page: &str, tags: &[Tag]) {
    let mut open = Vec::new();
    for tag in tags.iter().filter(|t| !VOID.contains(&t.name.as_str()) && !DRAWN.contains(&t.name.as_str())) {
        if let Some(name) = tag.name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{page}: </{name}> closes another");
        } else {
            open.push(tag.name.as_str());
        }
    }
    assert!(open.is_empty(), "{page}: left open: {open:?}");
}
