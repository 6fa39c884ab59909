//! What can happen to lineages: the operations, as plain data. Picks are taken modulo what there is, so that shrinking keeps
//! a history meaningful.

use proptest::prelude::*;

/// The clients, by what sets them apart.
pub const CLIENTS: usize = 3;
pub const USERS: usize = 2;

/// How a code or a refresh token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    Right,
    /// Right, but the answer never arrives.
    Unheard,
    /// By another client, with its own good credentials.
    Stranger,
    /// With a wrong verifier; with a scope that was never given.
    Wrong,
}

/// What an administrator names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Token(usize),
    Family(usize),
    Session(usize),
    Grant(usize, usize),
    User(usize),
    Client(usize),
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Up to a code at the client. `again`: with `prompt=login`.
    Authorize {
        user: usize,
        client: usize,
        again: bool,
    },
    Redeem {
        code: usize,
        how: Presented,
    },
    /// `back`: so many known generations before the newest known one.
    Refresh {
        family: usize,
        back: usize,
        how: Presented,
    },
    /// RFC 7009, by the token's client or by another.
    RevokeRefresh {
        family: usize,
        back: usize,
        stranger: bool,
    },
    RevokeAccess {
        token: usize,
        stranger: bool,
    },
    SignOut(usize),
    /// His own; he goes on in the same browser.
    ChangePassword(usize),
    /// By somebody else.
    SetPassword(usize),
    User {
        user: usize,
        enable: bool,
    },
    Client {
        client: usize,
        enable: bool,
    },
    RemoveConsent {
        user: usize,
        client: usize,
    },
    /// Reach `access`: the next refresh answers with what is allowed now.
    ChangeGroups(usize),
    Admin(Named),
    /// Whatever has expired is removed.
    Sweep,
    /// Seconds.
    Wait(u64),
    /// Another process takes over: nothing in memory survives.
    Restart,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn presented() -> impl Strategy<Value = Presented> {
    prop_oneof![
        8 => Just(Presented::Right),
        3 => Just(Presented::Unheard),
        1 => Just(Presented::Stranger),
        1 => Just(Presented::Wrong),
    ]
}

fn named() -> impl Strategy<Value = Named> {
    prop_oneof![
        4 => any::<usize>().prop_map(Named::Token),
        4 => any::<usize>().prop_map(Named::Family),
        4 => any::<usize>().prop_map(Named::Session),
        2 => (0..USERS, 0..CLIENTS).prop_map(|(user, client)| Named::Grant(user, client)),
        1 => (0..USERS).prop_map(Named::User),
        1 => (0..CLIENTS).prop_map(Named::Client),
        1 => Just(Named::All),
    ]
}

/// Any operation, the everyday ones most often.
pub fn any_op() -> impl Strategy<Value = Op> {
    let pick = any::<usize>;
    // Mostly the newest tokens; now and then one from long ago.
    let back = || prop_oneof![6 => Just(0_usize), 4 => Just(1), 1 => Just(2), 1 => any::<usize>()];
    let seconds = prop_oneof![
        5 => prop::sample::select(vec![0, 1, 29, 30, 31, 59, 60, 61]),
        3 => prop::sample::select(vec![5 * MINUTE, 10 * MINUTE, HOUR, 13 * HOUR]),
        2 => prop::sample::select(vec![DAY, 5 * DAY, 9 * DAY, 13 * DAY]),
        1 => prop::sample::select(vec![15 * DAY, 40 * DAY, 90 * DAY]),
    ];
    prop_oneof![
        10 => (0..USERS, 0..CLIENTS, prop::bool::weighted(0.2)).prop_map(|(user, client, again)| Op::Authorize { user, client, again }),
        12 => (pick(), presented()).prop_map(|(code, how)| Op::Redeem { code, how }),
        36 => (pick(), back(), presented()).prop_map(|(family, back, how)| Op::Refresh { family, back, how }),
        2 => (pick(), back(), prop::bool::weighted(0.3)).prop_map(|(family, back, stranger)| Op::RevokeRefresh { family, back, stranger }),
        2 => (pick(), prop::bool::weighted(0.3)).prop_map(|(token, stranger)| Op::RevokeAccess { token, stranger }),
        2 => (0..USERS).prop_map(Op::SignOut),
        2 => (0..USERS).prop_map(Op::ChangePassword),
        1 => (0..USERS).prop_map(Op::SetPassword),
        2 => (0..USERS, prop::bool::weighted(0.65)).prop_map(|(user, enable)| Op::User { user, enable }),
        2 => (0..CLIENTS, prop::bool::weighted(0.65)).prop_map(|(client, enable)| Op::Client { client, enable }),
        2 => (0..USERS, 0..CLIENTS).prop_map(|(user, client)| Op::RemoveConsent { user, client }),
        1 => (0..USERS).prop_map(Op::ChangeGroups),
        3 => named().prop_map(Op::Admin),
        3 => Just(Op::Sweep),
        16 => seconds.prop_map(Op::Wait),
        2 => Just(Op::Restart),
    ]
}
