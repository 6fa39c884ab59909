//! A user agent in a person's words: "Firefox on Linux". It is whatever its sender says, and only ever shown.

use crate::login::words::Words;

/// What tells a browser, those first whose agents name others as well.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same for systems.
const SYSTEMS: &[(&str, &str)] = &[
    ("Tizen", "Tizen"),
    ("Web0S", "webOS"),
    ("webOS", "webOS"),
    ("AppleTV", "Apple TV"),
    ("PlayStation", "PlayStation"),
    ("Xbox", "Xbox"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// In words; of a program that is no browser, its own name.
pub fn in_words(words: &Words, agent: Option<&str>) -> String {
    let agent = agent.unwrap_or_default().trim();
    let named = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| (*name).to_owned())
    };
    let browser = named(BROWSERS).filter(|_| agent.starts_with("Mozilla/"));
    let own = || agent.split(['/', ' ', '(']).next().filter(|own| !own.is_empty()).map(str::to_owned);
    match (browser.or_else(own), named(SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} {} {system}", words.on),
        (Some(program), None) => program,
        (None, _) => words.device_unknown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::locale::Lang;

    #[test]
    fn what_it_says_in_words() {
        let words = Words::of(Lang::En);
        for (agent, told) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 Chrome/76.0 Safari/537.36",
                "Chrome on Tizen",
            ),
            ("curl/8.14.1", "curl"),
            ("okhttp/5.0 (Android 15)", "okhttp on Android"),
            ("HarbourTV 3", "HarbourTV"),
            ("", "Not known"),
            ("/", "Not known"),
        ] {
            assert_eq!(in_words(words, Some(agent)), told, "{agent}");
        }
        assert_eq!(in_words(words, None), "Not known");
        assert_eq!(in_words(Words::of(Lang::De), Some("okhttp/5.0 (Android 15)")), "okhttp unter Android");
    }
}
