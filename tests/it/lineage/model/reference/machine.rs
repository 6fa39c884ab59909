//! The reference as a state machine: where histories begin, which operations may come next, what each does.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::super::op::{CLIENTS, Named, Op, USERS, any_op};
use super::*;

/// The reference as the machinery wants it.
#[derive(Debug)]
pub struct Reference;

impl ReferenceStateMachine for Reference {
    type State = State;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<State> {
        let state = State {
            now: 1000 * DAY,
            users: [true; USERS],
            clients: [true; CLIENTS],
            staff: [true; USERS],
            granted: [[false; CLIENTS]; USERS],
            holds: [None; USERS],
            sessions: Vec::new(),
            codes: Vec::new(),
            families: Vec::new(),
            tokens: Vec::new(),
            said: Said::Done,
        };
        Just(state).boxed()
    }

    fn transitions(_: &State) -> BoxedStrategy<Op> {
        any_op().boxed()
    }

    /// What can be said to anyone at all; what is refused is for the reference to say.
    fn preconditions(state: &State, op: &Op) -> bool {
        match *op {
            Op::Authorize { user, client, .. } => state.users[user] && state.clients[client],
            Op::Redeem { .. } => !state.codes.is_empty(),
            Op::Refresh { .. } | Op::RevokeRefresh { .. } => !state.families.is_empty(),
            Op::RevokeAccess { .. } | Op::Admin(Named::Token(_)) => !state.tokens.is_empty(),
            Op::Admin(Named::Family(at)) => !state.families.is_empty() && !state.is_due(at % state.families.len()),
            Op::Admin(Named::Session(at)) => {
                // A session that is long over may have been removed.
                !state.sessions.is_empty() && state.now < state.sessions[at % state.sessions.len()].expires
            }
            Op::SignOut(user) | Op::ChangePassword(user) => {
                state.holds[user].is_some_and(|session| state.session_lives(session))
            }
            Op::User { user, enable } => state.users[user] != enable,
            Op::Client { client, enable } => state.clients[client] != enable,
            Op::RemoveConsent { user, client } | Op::Admin(Named::Grant(user, client)) => state.granted[user][client],
            _ => true,
        }
    }

    fn apply(mut state: State, op: &Op) -> State {
        state.said = Said::Done;
        match *op {
            Op::Authorize { user, client, again } => state.said = state.authorize(user, client, again),
            Op::Redeem { code, how } => state.said = state.redeem(code % state.codes.len(), how),
            Op::Refresh { family, back, how } => {
                state.said = state.refresh(family % state.families.len(), back, how);
            }
            Op::RevokeRefresh { family, stranger, .. } => {
                let at = family % state.families.len();
                state.said =
                    state.revoke(state.families[at].client, stranger, |state| state.end_family(at, "client_revoked"));
            }
            Op::RevokeAccess { token, stranger } => {
                let at = token % state.tokens.len();
                let client = state.families[state.tokens[at].family].client;
                state.said = state.revoke(client, stranger, |state| state.tokens[at].over = true);
            }
            Op::SignOut(user) => {
                if let Some(session) = state.holds[user].take() {
                    state.end_session(session);
                }
            }
            Op::ChangePassword(user) => {
                state.end_user(user);
                state.begin_session(user);
            }
            Op::SetPassword(user) => state.end_user(user),
            Op::User { user, enable } => {
                state.users[user] = enable;
                if !enable {
                    state.end_user(user);
                }
            }
            Op::Client { client, enable } => {
                state.clients[client] = enable;
                if !enable {
                    state.end_client(client);
                }
            }
            Op::RemoveConsent { user, client } => state.end_grant(user, client),
            Op::ChangeGroups(user) => {
                if state.staff[user] {
                    // Access tokens alone.
                    let of = |family: usize| state.families[family].user == user;
                    let reached: Vec<usize> =
                        (0..state.tokens.len()).filter(|at| of(state.tokens[*at].family)).collect();
                    reached.into_iter().for_each(|at| state.tokens[at].over = true);
                }
                state.staff[user] = !state.staff[user];
            }
            Op::Admin(named) => state.admin(named),
            Op::Sweep => state.sweep(),
            Op::Wait(seconds) => state.now += seconds,
            Op::Restart => {}
        }
        state
    }
}
