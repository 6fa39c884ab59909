//! The machine itself: its steps, what can happen, and what comes of it. Pure: no clock, no database, no HTTP.
//!
//! Whatever is not in the table is refused. Nothing but a proof leaves the first two steps towards a code, nothing but
//! the word of whoever has a session the third, and nothing but an answer to the last question ends in one.

/// A step, as the database holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Waits for user name and password.
    Password,
    /// The same, for someone else than whoever is signed in here.
    Another,
    /// Someone is signed in here; waits for whether it shall be that one.
    Choose,
    /// Someone is signed in; waits for consent, if that is to be asked for.
    Consent,
    /// A code was handed out.
    Done,
    /// The client was told no.
    Cancelled,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// A user has proved who they are.
    Proved,
    /// What was proved no longer stands.
    Lapsed,
    /// Someone else wants to sign in.
    Another,
    /// It shall be whoever is signed in here.
    Chosen,
    /// Consent was given, or need not be asked for.
    Allowed,
    /// The user doesn't want to.
    Refused,
}

impl Step {
    pub const ALL: &'static [Self] =
        &[Self::Password, Self::Another, Self::Choose, Self::Consent, Self::Done, Self::Cancelled];

    /// As stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Another => "another",
            Self::Choose => "choose",
            Self::Consent => "consent",
            Self::Done => crate::oauth::code::DONE,
            Self::Cancelled => "cancelled",
        }
    }

    /// As it was stored.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|step| step.name() == name)
    }

    /// Whether the machine has come to its end.
    #[must_use]
    pub fn is_last(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }

    /// The step after; none: this can't happen here.
    #[must_use]
    pub fn after(self, input: Input) -> Option<Self> {
        match (self, input) {
            (Self::Done | Self::Cancelled, _) => None,
            (_, Input::Refused) => Some(Self::Cancelled),
            (_, Input::Another) => Some(Self::Another),
            (Self::Password | Self::Another, Input::Proved) => Some(Self::Consent),
            (Self::Choose, Input::Chosen) => Some(Self::Consent),
            (Self::Consent | Self::Choose, Input::Lapsed) => Some(Self::Password),
            (Self::Consent, Input::Allowed) => Some(Self::Done),
            (Self::Password | Self::Another, Input::Lapsed | Input::Allowed | Input::Chosen)
            | (Self::Choose, Input::Proved | Input::Allowed)
            | (Self::Consent, Input::Proved | Input::Chosen) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INPUTS: [Input; 6] =
        [Input::Proved, Input::Chosen, Input::Lapsed, Input::Another, Input::Allowed, Input::Refused];

    #[test]
    fn names_are_read_back() {
        for step in Step::ALL {
            assert_eq!(Step::named(step.name()), Some(*step));
        }
        assert_eq!(Step::named("Password"), None);
    }

    proptest! {
        #[test]
        fn a_code_comes_only_of_a_proof_and_an_answer(walk in prop::collection::vec(0..INPUTS.len(), 0..40), chooses in any::<bool>()) {
            let first = if chooses { Step::Choose } else { Step::Password };
            let (mut step, mut proved, mut ended) = (first, false, false);
            for input in walk.into_iter().map(|at| INPUTS[at]) {
                let Some(next) = step.after(input) else { continue };
                prop_assert!(!ended, "moved after its end");
                match input {
                    // Whoever is chosen proved who they are when they signed in here.
                    Input::Proved | Input::Chosen => proved = true,
                    Input::Lapsed | Input::Another => proved = false,
                    Input::Allowed | Input::Refused => {}
                }
                prop_assert_eq!(next == Step::Done, input == Input::Allowed);
                prop_assert!(next != Step::Done || proved);
                prop_assert_eq!(next == Step::Consent, proved && next != Step::Done && matches!(input, Input::Proved | Input::Chosen));
                ended = next.is_last();
                step = next;
            }
        }
    }
}
