//! What the pages say. One struct of messages, one value of it for each language, so that a message that isn't
//! translated doesn't compile.
//!
//! A message that takes a value is an [`Around`]: the text before and after it, so that each language has its own
//! order and the template can set the value apart and escape it.

mod de;
mod en;
mod es;
mod fr;

use crate::http::locale::Lang;

/// A sentence around one value, which is written `{}`.
#[derive(Clone, Copy, Debug)]
pub struct Around(pub &'static str);

impl Around {
    /// What stands before the value.
    #[must_use]
    pub fn before(&self) -> &'static str {
        self.0.split_once("{}").map_or(self.0, |(before, _)| before)
    }

    /// What stands after it.
    #[must_use]
    pub fn after(&self) -> &'static str {
        self.0.split_once("{}").map_or("", |(_, after)| after)
    }

    /// The whole sentence, as plain text.
    #[must_use]
    pub fn with(&self, value: &str) -> String {
        [self.before(), value, self.after()].concat()
    }
}

/// A number of something: for one, and for any other number.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// For exactly one.
    pub one: &'static str,
    /// For all others.
    pub many: Around,
}

impl Count {
    /// The words for `n`.
    #[must_use]
    pub fn of(&self, n: u64) -> String {
        if n == 1 { self.one.to_owned() } else { self.many.with(&n.to_string()) }
    }
}

/// What an error page says: its heading, what happened, what the reader can do.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The heading.
    pub title: &'static str,
    /// What happened.
    pub what: &'static str,
    /// What to do now.
    pub now: &'static str,
}

/// All messages of the pages, in one language.
#[derive(Debug)]
#[allow(missing_docs, reason = "each message is its own description: words/en.rs")]
pub struct Words {
    pub lang: Lang,
    // frame
    pub help: &'static str,
    pub privacy: &'static str,
    pub terms: &'static str,
    pub to_dark: &'static str,
    pub to_light: &'static str,
    pub new_tab: &'static str,
    // time
    pub seconds: Count,
    pub minutes: Count,
    pub hours: Count,
    pub days: Count,
    // sign-in
    pub sign_in: &'static str,
    pub continue_to: Around,
    pub user_name: &'static str,
    pub password: &'static str,
    pub show_password: &'static str,
    pub hide_password: &'static str,
    pub cancel: &'static str,
    pub wrong_pair: &'static str,
    pub throttled: Around,
    pub closed: &'static str,
    pub busy: &'static str,
    pub about_client: Around,
    pub client_policy: &'static str,
    pub client_terms: &'static str,
    // signing in again
    pub sign_in_again: &'static str,
    pub again_for: Around,
    pub again: &'static str,
    pub wrong_password: &'static str,
    pub confirm: &'static str,
    pub not_you: &'static str,
    pub another_account: &'static str,
    // choosing an account
    pub choose_account: &'static str,
    pub continue_as: Around,
    // consent
    pub let_in: Around,
    pub consent: &'static str,
    pub it_asks: &'static str,
    pub unverified: &'static str,
    pub scope_openid: &'static str,
    pub scope_profile: &'static str,
    pub scope_email: &'static str,
    pub scope_address: &'static str,
    pub scope_phone: &'static str,
    pub scope_groups: &'static str,
    pub scope_offline: &'static str,
    pub at_most: Around,
    pub scope_bare: &'static str,
    pub see: Around,
    /// What each claim is, as it stands after "see".
    pub claims: &'static [(&'static str, &'static str)],
    pub allow: &'static str,
    pub deny: &'static str,
    pub signed_in_as: &'static str,
    // signing out
    pub sign_out: &'static str,
    pub sign_out_ask: Around,
    pub sign_out_asked_by: Around,
    pub sign_out_means: &'static str,
    pub sign_out_stay: &'static str,
    pub signed_out: &'static str,
    pub signed_out_what: &'static str,
    pub signed_out_telling: &'static str,
    pub signed_out_shared: &'static str,
    pub application: Around,
    pub back_to: Around,
    pub on_the_way: &'static str,
    // errors
    pub for_developers: &'static str,
    pub parameter: &'static str,
    pub error_code: &'static str,
    pub detail: &'static str,
    pub request_id: &'static str,
    pub start_again: &'static str,
    pub bad_request: Told,
    pub unknown_client: Told,
    pub bad_redirect: Told,
    pub expired: Told,
    pub other_browser: Told,
    pub not_from_here: Told,
    pub finished: Told,
    pub too_many: Told,
    pub overloaded: Told,
    pub not_found: Told,
    pub broken: Told,
    pub device_over: Told,
    // devices
    pub device_title: &'static str,
    pub device_what: &'static str,
    pub device_check: &'static str,
    pub device_code: &'static str,
    pub device_continue: &'static str,
    pub device_wrong: &'static str,
    pub device_elsewhere: &'static str,
    pub device_let_in: Around,
    pub device_consent: &'static str,
    pub device_warning: &'static str,
    pub device_asked: &'static str,
    pub device_from: &'static str,
    pub device_is: &'static str,
    pub device_when: &'static str,
    pub device_unknown: &'static str,
    pub device_allow: &'static str,
    pub ago: Around,
    pub on: &'static str,
    pub device_done: &'static str,
    pub device_done_what: Around,
    pub device_done_now: &'static str,
    pub device_denied: &'static str,
    pub device_denied_what: Around,
    pub device_denied_now: &'static str,
}

impl Words {
    /// The messages of a language.
    #[must_use]
    pub fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &en::WORDS,
            Lang::De => &de::WORDS,
            Lang::Fr => &fr::WORDS,
            Lang::Es => &es::WORDS,
        }
    }

    /// What a claim is, in words.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&'static str> {
        self.claims.iter().find(|(claim, _)| *claim == name).map(|(_, said)| *said)
    }

    /// A length of time in the unit a person would use, rounded up: a wait that is announced is long enough.
    #[must_use]
    pub fn span(&self, seconds: u64) -> String {
        match seconds {
            0..=90 => self.seconds.of(seconds.max(1)),
            91..=5400 => self.minutes.of(seconds.div_ceil(60)),
            5401..=172_800 => self.hours.of(seconds.div_ceil(3600)),
            _ => self.days.of(seconds.div_ceil(86_400)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_never_too_short() {
        let words = Words::of(Lang::En);
        for (seconds, told) in [
            (0, "1 second"),
            (12, "12 seconds"),
            (91, "2 minutes"),
            (900, "15 minutes"),
            (5401, "2 hours"),
            (7_776_000, "90 days"),
        ] {
            assert_eq!(words.span(seconds), told);
        }
    }

    #[test]
    fn every_claim_has_a_word_in_every_language() {
        let known = crate::oidc::claims::BY_SCOPE.iter().flat_map(|(_, names)| *names);
        for (name, lang) in known.flat_map(|name| Lang::ALL.map(|lang| (name, lang))) {
            assert!(Words::of(lang).claim(name).is_some(), "{name} {lang:?}");
        }
    }

    #[test]
    fn a_value_stands_where_the_language_wants_it() {
        assert_eq!(
            Words::of(Lang::De).throttled.with("5 Minuten"),
            "Zu viele Versuche. Versuchen Sie es in 5 Minuten noch einmal."
        );
        assert_eq!(Words::of(Lang::Fr).minutes.of(1), "1 minute");
    }
}
