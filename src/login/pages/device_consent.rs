//! What a device asks for (RFC 8628, 3.3 and 5.4): which application, who you are, each permission in words, and from where and
//! when the device asked, so that a person can tell their own from somebody else's.

use askama::Template;

use super::agent::in_words;
use super::{Asked, Client, Form, Frame, Who, filters};

/// "Let a device in?"
#[derive(Clone, Debug, Template)]
#[template(path = "device_consent.html")]
pub struct DeviceConsent {
    /// The frame.
    pub frame: Frame,
    /// Posts `consent-allow`, `consent-deny` or `another-account`; anything else is no consent.
    pub form: Form,
    /// Who asks.
    pub client: Client,
    /// Who would give.
    pub who: Who,
    /// What is asked for.
    pub asks: Vec<Asked>,
    /// The code that was entered.
    pub code: String,
    /// Where the device asked from.
    pub address: Option<String>,
    /// What it called itself.
    pub agent: Option<String>,
    /// How long ago it asked.
    pub seconds: u64,
}

impl DeviceConsent {
    /// The device in words.
    #[must_use]
    pub fn device(&self) -> String {
        in_words(self.frame.words, self.agent.as_deref())
    }

    /// Where it asked from.
    #[must_use]
    pub fn from(&self) -> String {
        self.address.clone().unwrap_or_else(|| self.frame.words.device_unknown.to_owned())
    }

    /// When it asked.
    #[must_use]
    pub fn when(&self) -> String {
        self.frame.words.ago.with(&self.frame.words.span(self.seconds))
    }

    /// Its states.
    #[must_use]
    pub fn sample(frame: &Frame) -> Vec<(&'static str, Self)> {
        let usual = Self {
            frame: frame.clone(),
            form: Form::sample("/login"),
            client: Client { name: "Harbour TV".into(), host: String::new(), ..Client::sample() },
            who: Who::sample(),
            asks: vec![Asked::OpenId, Asked::Profile, Asked::Offline { days: 90 }],
            code: "WDJB-MJHT".into(),
            address: Some("203.0.113.7".into()),
            agent: Some("Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 Chrome/76.0 Safari/537.36".into()),
            seconds: 42,
        };
        let bare = Self {
            client: Client { policy: None, terms: None, ..usual.client.clone() },
            asks: Vec::new(),
            address: None,
            agent: None,
            seconds: 0,
            ..usual.clone()
        };
        let wide = Self {
            address: Some("2001:db8:85a3:8d3:1319:8a2e:370:7348".into()),
            agent: Some("harbour-command-line-tool/1.0 (Linux)".into()),
            seconds: 540,
            ..usual.clone()
        };
        vec![("usual", usual), ("bare", bare), ("wide", wide)]
    }
}
