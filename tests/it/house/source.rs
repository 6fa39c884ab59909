//! One source file as the rules see it: the paths it names, its length, its opening. Reads tokens, not syntax: comments,
//! strings and test modules fall away, and what is left of `crate`, `self` and `super` paths is made absolute.

use std::ops::Range;

/// A path as written from the root of the crate, `crate::store::Tx` being `["store", "Tx"]`.
#[derive(Debug, PartialEq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Source {
    /// Relative to `src/`.
    pub file: String,
    /// The module it is, from the root of the crate.
    pub module: Vec<String>,
    /// It begins with `//!`.
    pub opens: bool,
    /// Lines outside test modules.
    pub lines: usize,
    pub paths: Vec<Named>,
    /// Lines that name axum, and lines with `use`.
    pub axum: Vec<usize>,
    pub uses: Vec<usize>,
    /// Modules declared under `#[cfg(test)]`, whose files are tests.
    pub test_modules: Vec<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    line: usize,
    /// A word, or one character of anything else.
    text: String,
}

impl Source {
    pub fn read(file: &str, text: &str) -> Self {
        let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
        let root = ["lib", "main"].contains(&stem);
        let module: Vec<String> = stem.split('/').filter(|_| !root).map(str::to_owned).collect();
        let mut source = Self {
            file: file.to_owned(),
            opens: text.starts_with("//!"),
            lines: text.lines().count(),
            module,
            ..Self::default()
        };
        let mut tokens = lex(text);
        while let Some(test) = find_test(&tokens) {
            source.note_test(&tokens[test.clone()]);
            tokens.drain(test);
        }
        source.note_paths(&tokens);
        source
    }

    fn note_test(&mut self, tokens: &[Token]) {
        self.lines -= tokens[tokens.len() - 1].line - tokens[0].line + 1;
        if let Some(at) = tokens.iter().position(|token| token.text == "mod") {
            self.test_modules.push([self.module.as_slice(), &[tokens[at + 1].text.clone()]].concat());
        }
    }

    fn note_paths(&mut self, tokens: &[Token]) {
        let mut module = self.module.clone();
        let mut inline = Vec::new(); // brace depths at which inline modules opened
        let mut depth = 0;
        let mut at = 0;
        while at < tokens.len() {
            let line = tokens[at].line;
            let next = at + 1;
            match tokens[at].text.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        module.pop();
                    }
                }
                "mod" if is(tokens, next + 1, "{") => {
                    inline.push(depth);
                    module.push(tokens[next].text.clone());
                }
                "axum" => self.axum.push(line),
                "use" => self.uses.push(line),
                "crate" | "self" | "super" if is_separator(tokens, next) && !ends_separator(tokens, at) => {
                    at = self.note_path(tokens, at, &module);
                    continue;
                }
                _ => {}
            }
            at = next;
        }
    }

    /// Notes the path that begins at `at`, all its branches; where it ends.
    fn note_path(&mut self, tokens: &[Token], mut at: usize, module: &[String]) -> usize {
        let mut base = if tokens[at].text == "crate" { Vec::new() } else { module.to_vec() };
        while ["crate", "self", "super"].contains(&tokens[at].text.as_str()) && is_separator(tokens, at + 1) {
            if tokens[at].text == "super" {
                base.pop();
            }
            at += 3;
        }
        self.note_branches(tokens, at, base)
    }

    fn note_branches(&mut self, tokens: &[Token], mut at: usize, mut path: Vec<String>) -> usize {
        let line = tokens.get(at).map_or(0, |token| token.line);
        while at < tokens.len() && is_word(&tokens[at].text) {
            if tokens[at].text != "self" {
                path.push(tokens[at].text.clone());
            }
            at += 1;
            if !is_separator(tokens, at) {
                break;
            }
            at += 2;
        }
        if !is(tokens, at, "{") || !ends_separator(tokens, at) {
            self.paths.push(Named { line, path });
            return at;
        }
        at += 1;
        while at < tokens.len() && !is(tokens, at, "}") {
            at = self.note_branches(tokens, at, path.clone());
            while at < tokens.len() && !is(tokens, at, ",") && !is(tokens, at, "}") {
                at += 1; // `as name`, or the star
            }
            at += usize::from(is(tokens, at, ","));
        }
        at + 1
    }
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

fn is_separator(tokens: &[Token], at: usize) -> bool {
    is(tokens, at, ":") && is(tokens, at + 1, ":")
}

fn ends_separator(tokens: &[Token], at: usize) -> bool {
    at >= 2 && is_separator(tokens, at - 2)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_alphanumeric())
}

/// The first item under `#[cfg(test)]`, with its attributes.
fn find_test(tokens: &[Token]) -> Option<Range<usize>> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let start = tokens.windows(MARK.len()).position(|seen| seen.iter().map(|token| &token.text).eq(MARK))?;
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start + MARK.len()) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 && ["}", ";"].contains(&token.text.as_str()) {
            return Some(start..at + 1);
        }
    }
    Some(start..tokens.len())
}

/// Words and single characters; comments, literals and lifetimes fall away.
fn lex(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let length = match rest {
            ['/', '/', ..] => rest.iter().take_while(|&&next| next != '\n').count(),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => quoted(rest, '"'),
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted(rest, '\''),
            ['\'', ..] => 1 + word(&rest[1..]),
            ['r' | 'b' | 'c', ..] if raw_string(rest) > 0 => raw_string(rest),
            ['r', '#', ..] => 2, // a raw word follows
            [first, ..] if word(rest) > 0 || !first.is_whitespace() => {
                let length = word(rest).max(1);
                tokens.push(Token { line, text: rest[..length].iter().collect() });
                length
            }
            _ => 1,
        };
        line += rest[..length].iter().filter(|&&passed| passed == '\n').count();
        at += length;
    }
    tokens
}

fn word(chars: &[char]) -> usize {
    chars.iter().take_while(|&&next| next == '_' || next.is_alphanumeric()).count()
}

/// The length of a literal up to and with its closing quote.
fn quoted(chars: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The length of a raw string with its prefix; 0 if this is none.
fn raw_string(chars: &[char]) -> usize {
    let prefix = chars.iter().take_while(|next| ['r', 'b', 'c'].contains(next)).count();
    let hashes = chars[prefix..].iter().take_while(|&&next| next == '#').count();
    let body = prefix + hashes + 1;
    if !chars[..prefix].contains(&'r') || chars.get(prefix + hashes) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    chars[body..].windows(end.len()).position(|seen| seen == end).map_or(chars.len(), |found| body + found + end.len())
}

/// The length of a block comment; they nest.
fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < chars.len() {
        match &chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}
