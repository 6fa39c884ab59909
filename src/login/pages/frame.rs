//! What all pages share: the frame with the operator's name and links, the form's hidden fields, the client and the
//! person a page speaks of.
//!
//! Refuses to link anywhere but to `https` and `http` addresses: a client's policy may say `javascript:`.

use std::sync::Arc;

use super::filters::blank;
use crate::config;
use crate::http::assets::{ACCENT, Assets};
use crate::http::locale::Lang;
use crate::login::words::Words;

/// The operator's house style, made once.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The name at the head of each page and in its title.
    pub name: String,
    /// The stylesheet's address.
    pub css: String,
    /// The script's address.
    pub js: String,
    /// The icons' addresses, for light and dark.
    pub icons: (String, String),
    /// What the foot of each page links to.
    pub links: Vec<Link>,
}

/// A link of the operator's at the foot of each page.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where it leads; `https` or `mailto`, as the settings demand.
    pub url: String,
    /// What it is, which names it in the reader's language.
    pub kind: LinkKind,
}

/// What the foot can link to.
#[derive(Clone, Copy, Debug)]
pub enum LinkKind {
    /// Where to get help.
    Help,
    /// What is done with personal data.
    Privacy,
    /// The terms of use.
    Terms,
}

impl Brand {
    /// The house style that the settings describe, with the addresses of the files made for it.
    #[must_use]
    pub fn of(settings: &config::Brand, assets: &Assets) -> Self {
        let links = [
            (&settings.support_url, LinkKind::Help),
            (&settings.privacy_url, LinkKind::Privacy),
            (&settings.terms_url, LinkKind::Terms),
        ];
        let links = links.into_iter().filter_map(|(url, kind)| Some(Link { url: url.as_ref()?.to_string(), kind }));
        Self::new(assets, links.collect())
    }

    /// The brand these files were made for, with links of the operator's own.
    #[must_use]
    pub fn new(assets: &Assets, links: Vec<Link>) -> Self {
        Self {
            name: assets.name.clone(),
            css: assets.href("chancery.css"),
            js: assets.href("chancery.js"),
            icons: (assets.href("seal.svg"), assets.href("seal-dark.svg")),
            links,
        }
    }
}

/// What every page begins with.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The reader's language.
    pub words: &'static Words,
    /// The operator's house style.
    pub brand: Arc<Brand>,
    /// What an admin looks the request up by.
    pub request_id: String,
}

impl Frame {
    /// The frame of one answer.
    #[must_use]
    pub fn new(lang: Lang, brand: Arc<Brand>, request_id: impl Into<String>) -> Self {
        Self { words: Words::of(lang), brand, request_id: request_id.into() }
    }

    /// A frame for samples; nothing when the built-in files can't be made.
    #[must_use]
    pub fn sample(lang: Lang) -> Option<Self> {
        let link = |kind, url: &str| Link { url: url.to_owned(), kind };
        let links = vec![
            link(LinkKind::Help, "https://harbour.example/help"),
            link(LinkKind::Privacy, "https://harbour.example/privacy"),
            link(LinkKind::Terms, "https://harbour.example/terms"),
        ];
        let assets = Assets::build("Harbour", ACCENT.0, ACCENT.1).ok()?;
        Some(Self::new(lang, Arc::new(Brand::new(&assets, links)), "0199a3f2-7c1f-7b44-9d0e-4f2a91c0d3e8"))
    }

    /// A link's name.
    #[must_use]
    pub fn link(&self, link: &Link) -> &'static str {
        match link.kind {
            LinkKind::Help => self.words.help,
            LinkKind::Privacy => self.words.privacy,
            LinkKind::Terms => self.words.terms,
        }
    }
}

/// Where a page's forms go, and what they bring along unseen.
#[derive(Clone)]
pub struct Form {
    /// The address, an absolute one, that all forms of the page are posted to.
    pub action: String,
    /// The value of `form_token`.
    pub token: String,
    /// The value of `interaction`; left out when empty.
    pub interaction: String,
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form(redacted)")
    }
}

impl Form {
    /// A form for samples.
    #[must_use]
    pub fn sample(action: &str) -> Self {
        Self { action: action.to_owned(), token: "sample-token".into(), interaction: "sample-interaction".into() }
    }
}

/// The application a page speaks of. Nothing here is trusted: the client registered it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name.
    pub name: String,
    /// The host its answers go to (of the redirect URI), or a private scheme.
    pub host: String,
    /// Its logo, whose origin the page's policy names.
    pub logo: Option<String>,
    /// Its home page.
    pub site: Option<String>,
    /// Its privacy policy.
    pub policy: Option<String>,
    /// Its terms of use.
    pub terms: Option<String>,
    /// No administrator registered it.
    pub unverified: bool,
}

impl Client {
    /// Links that may be shown: the home page under the name of its host, whatever else it may call itself.
    #[must_use]
    pub fn links(&self, words: &Words) -> Vec<(String, String)> {
        let host = |url: &String| url::Url::parse(url).ok()?.host_str().map(str::to_owned);
        let each = [
            (&self.site, self.site.as_ref().and_then(host).unwrap_or_default()),
            (&self.policy, words.client_policy.to_owned()),
            (&self.terms, words.client_terms.to_owned()),
        ];
        each.into_iter().filter_map(|(url, name)| Some((url.clone().filter(|url| web(url))?, name))).collect()
    }

    /// A client for samples.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            name: "Harbour Dashboard".into(),
            host: "dashboard.harbour.example".into(),
            logo: Some("https://cdn.harbour.example/logo.svg".into()),
            site: Some("https://dashboard.harbour.example/".into()),
            policy: Some("https://dashboard.harbour.example/privacy".into()),
            terms: Some("https://dashboard.harbour.example/terms".into()),
            unverified: false,
        }
    }
}

/// The person a page speaks of.
#[derive(Clone, Debug)]
pub struct Who {
    /// The user name, as it is signed in with.
    pub username: String,
    /// The name to call the person by; the user name when empty.
    pub name: String,
    /// The e-mail address, if there is one.
    pub email: Option<String>,
}

impl Who {
    /// What is shown first.
    #[must_use]
    pub fn title(&self) -> &str {
        if blank(&self.name) { &self.username } else { &self.name }
    }

    /// What is shown below: e-mail or user name, unless it is the title.
    #[must_use]
    pub fn more(&self) -> Option<&str> {
        Some(self.email.as_deref().unwrap_or(&self.username)).filter(|more| *more != self.title())
    }

    /// The letter in the round.
    #[must_use]
    pub fn initial(&self) -> String {
        let first = self.title().chars().find(|c| c.is_alphanumeric());
        first.map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
    }

    /// A person for samples.
    #[must_use]
    pub fn sample() -> Self {
        Self { username: "alice".into(), name: "Alice Marsh".into(), email: Some("alice@example.com".into()) }
    }
}

/// Whether an address is one of the web.
fn web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}
