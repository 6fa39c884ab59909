//! What ought to happen: sessions, codes, families and tokens as a person would keep them on paper. It knows no numbers of a
//! log: a kill simply crosses out whatever it reaches and is there.

mod machine;

pub use machine::Reference;

use super::op::{CLIENTS, Named, Presented, USERS};

const MINUTE: u64 = 60;
pub const DAY: u64 = 24 * 60 * MINUTE;
pub const SESSION_IDLE: u64 = 10 * DAY;
pub const SESSION_ABSOLUTE: u64 = 60 * DAY;
const FAMILY_IDLE: u64 = 14 * DAY;
const FAMILY_ABSOLUTE: u64 = 90 * DAY;
const CODE: u64 = 60;
const ACCESS: u64 = 10 * MINUTE;
const KEPT: u64 = 30 * DAY;
/// Each client's own.
pub const WINDOW: [u64; CLIENTS] = [60, 0, 300];
/// The client whose families outlive sessions.
pub const NATIVE: usize = 2;

/// What an operation answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Done,
    /// A code, given in this session.
    Code {
        session: usize,
    },
    /// Tokens of this generation.
    Tokens {
        family: usize,
        generation: usize,
    },
    /// The error's code.
    Refused(&'static str),
}

#[derive(Debug, Clone)]
pub struct Session {
    pub user: usize,
    pub used: u64,
    expires: u64,
    pub over: bool,
}

#[derive(Debug, Clone)]
pub struct Code {
    pub user: usize,
    pub client: usize,
    session: usize,
    made: u64,
    pub over: bool,
    burnt: bool,
    spent: Option<usize>,
    gone: bool,
}

#[derive(Debug, Clone)]
pub struct Family {
    pub user: usize,
    pub client: usize,
    pub session: usize,
    pub generation: usize,
    rotated: u64,
    expires: u64,
    /// Ended together with something it hangs on.
    pub over: bool,
    /// Ended by name: when, and why.
    pub ended: Option<(u64, &'static str)>,
    /// Which generations' tokens somebody heard of.
    pub heard: Vec<bool>,
    pub retries: usize,
    /// Removed for good.
    pub gone: bool,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub family: usize,
    expires: u64,
    pub over: bool,
}

/// All there is, at a moment; and what the last operation answers.
#[derive(Debug, Clone)]
pub struct State {
    pub now: u64,
    pub users: [bool; USERS],
    pub clients: [bool; CLIENTS],
    pub staff: [bool; USERS],
    /// Whether a grant's row has been made.
    pub granted: [[bool; CLIENTS]; USERS],
    /// What each user's browser holds.
    pub holds: [Option<usize>; USERS],
    pub sessions: Vec<Session>,
    pub codes: Vec<Code>,
    pub families: Vec<Family>,
    pub tokens: Vec<Token>,
    pub said: Said,
}

impl State {
    pub fn session_lives(&self, session: usize) -> bool {
        let Session { user, used, expires, over } = self.sessions[session];
        !over && self.users[user] && self.now < expires && self.now < used + SESSION_IDLE
    }

    pub fn family_lives(&self, family: usize) -> bool {
        let it = &self.families[family];
        let hangs = it.client == NATIVE || self.session_lives(it.session);
        !it.gone
            && !it.over
            && it.ended.is_none()
            && self.users[it.user]
            && self.clients[it.client]
            && hangs
            && self.now < it.expires
            && self.now < it.rotated + FAMILY_IDLE
    }

    pub fn token_lives(&self, token: usize) -> bool {
        let it = &self.tokens[token];
        !it.over && self.now < it.expires
    }

    /// The generation a pick means: among those somebody heard of, so many before the newest.
    pub fn generation(&self, family: usize, back: usize) -> usize {
        let heard: Vec<usize> =
            (0..).zip(&self.families[family].heard).filter(|(_, heard)| **heard).map(|(at, _)| at).collect();
        heard[heard.len() - 1 - back % heard.len()]
    }

    fn use_session(&mut self, session: usize) {
        let it = &mut self.sessions[session];
        // Written down at most once a minute.
        if self.now - it.used >= MINUTE {
            it.used = self.now;
        }
    }

    /// Crosses out what these conditions pick.
    fn end(&mut self, session: impl Fn(usize, &Session) -> bool, family: impl Fn(&Self, usize, usize, usize) -> bool) {
        for (at, it) in self.sessions.clone().iter().enumerate() {
            self.sessions[at].over |= session(at, it);
        }
        for at in 0..self.codes.len() {
            let Code { user, client, session, .. } = self.codes[at];
            self.codes[at].over |= family(self, user, client, session);
        }
        for at in 0..self.families.len() {
            let Family { user, client, session, .. } = self.families[at];
            if family(self, user, client, if client == NATIVE { usize::MAX } else { session }) {
                self.families[at].over = true;
                self.end_tokens_of(at);
            }
        }
    }

    fn end_tokens_of(&mut self, family: usize) {
        self.tokens.iter_mut().filter(|token| token.family == family).for_each(|token| token.over = true);
    }

    fn end_user(&mut self, user: usize) {
        self.end(|_, session| session.user == user, |_, owner, _, _| owner == user);
    }

    fn end_client(&mut self, client: usize) {
        self.end(|_, _| false, |_, _, of, _| of == client);
    }

    fn end_grant(&mut self, user: usize, client: usize) {
        self.end(|_, _| false, |_, owner, of, _| (owner, of) == (user, client));
    }

    fn end_session(&mut self, session: usize) {
        self.end(|at, _| at == session, |_, _, _, of| of == session);
    }

    fn end_family(&mut self, family: usize, why: &'static str) {
        if !self.families[family].gone && self.families[family].ended.is_none() {
            self.families[family].ended = Some((self.now, why));
            self.end_tokens_of(family);
        }
    }

    fn give(&mut self, family: usize, generation: usize, heard: bool) -> Said {
        let it = &mut self.families[family];
        it.heard.resize(generation + 1, false);
        it.heard[generation] |= heard;
        let mut expires = (self.now + ACCESS).min(it.expires);
        if it.client != NATIVE {
            expires = expires.min(self.sessions[it.session].expires);
        }
        if heard {
            self.tokens.push(Token { family, expires, over: false });
        }
        Said::Tokens { family, generation }
    }

    fn authorize(&mut self, user: usize, client: usize, again: bool) -> Said {
        let held = self.holds[user].filter(|session| self.session_lives(*session));
        let session = held.unwrap_or(self.sessions.len());
        match held {
            Some(session) if again => {
                self.sessions[session].used = self.now;
                self.sessions[session].expires = self.now + SESSION_ABSOLUTE;
            }
            Some(session) => self.use_session(session),
            None => self.begin_session(user),
        }
        self.granted[user][client] = true;
        let made = self.now;
        self.codes.push(Code { user, client, session, made, over: false, burnt: false, spent: None, gone: false });
        Said::Code { session }
    }

    fn begin_session(&mut self, user: usize) {
        self.holds[user] = Some(self.sessions.len());
        self.sessions.push(Session { user, used: self.now, expires: self.now + SESSION_ABSOLUTE, over: false });
    }

    fn redeem(&mut self, code: usize, how: Presented) -> Said {
        let Code { user, client, session, made, over, burnt, spent, gone } = self.codes[code];
        let by = if how == Presented::Stranger { (client + 1) % CLIENTS } else { client };
        if !self.clients[by] {
            return Said::Refused("invalid_client");
        }
        let refused = Said::Refused("invalid_grant");
        if gone || how == Presented::Stranger {
            return refused;
        }
        if how == Presented::Wrong {
            // An unspent code is burnt with it; a spent one stays what it is.
            self.codes[code].burnt |= spent.is_none();
            return refused;
        }
        if burnt {
            return refused;
        }
        if let Some(family) = spent {
            self.end_family(family, "code_reuse");
            return refused;
        }
        let alive = !over && self.users[user] && self.session_lives(session);
        if self.now >= made + CODE || !alive {
            return refused;
        }
        let family = self.families.len();
        let mut expires = self.now + FAMILY_ABSOLUTE;
        if client != NATIVE {
            expires = expires.min(self.sessions[session].expires);
        }
        self.families.push(Family {
            user,
            client,
            session,
            generation: 0,
            rotated: self.now,
            expires,
            over: false,
            ended: None,
            heard: Vec::new(),
            retries: 0,
            gone: false,
        });
        self.codes[code].spent = Some(family);
        self.give(family, 0, true)
    }

    fn refresh(&mut self, family: usize, back: usize, how: Presented) -> Said {
        let presented = self.generation(family, back);
        let Family { client, session, generation, rotated, .. } = self.families[family];
        let by = if how == Presented::Stranger { (client + 1) % CLIENTS } else { client };
        if !self.clients[by] {
            return Said::Refused("invalid_client");
        }
        if how == Presented::Stranger || !self.family_lives(family) {
            return Said::Refused("invalid_grant");
        }
        if how == Presented::Wrong {
            return Said::Refused("invalid_scope");
        }
        let heard = how != Presented::Unheard;
        if presented == generation {
            let it = &mut self.families[family];
            (it.generation, it.rotated) = (generation + 1, self.now);
        } else if presented + 1 == generation && self.now - rotated < WINDOW[client] {
            self.families[family].retries += 1;
        } else {
            let late = presented + 1 == generation;
            self.end_family(family, if late { "late" } else { "reuse" });
            return Said::Refused("invalid_grant");
        }
        if client != NATIVE {
            self.use_session(session);
        }
        self.give(family, self.families[family].generation, heard)
    }

    fn revoke(&mut self, client: usize, stranger: bool, end: impl FnOnce(&mut Self)) -> Said {
        if !self.clients[if stranger { (client + 1) % CLIENTS } else { client }] {
            return Said::Refused("invalid_client");
        }
        if !stranger {
            end(self);
        }
        Said::Done
    }

    fn admin(&mut self, named: Named) {
        match named {
            Named::Token(at) => {
                let at = at % self.tokens.len();
                self.tokens[at].over = true;
            }
            Named::Family(at) => self.end_family(at % self.families.len(), "stolen"),
            Named::Session(at) => self.end_session(at % self.sessions.len()),
            Named::Grant(user, client) => self.end_grant(user, client),
            Named::User(user) => self.end_user(user),
            Named::Client(client) => self.end_client(client),
            Named::All => self.end(|_, _| true, |_, _, _, _| true),
        }
    }

    /// Whether a family may go: the server removes it when it comes to it, at the latest when it is told to.
    pub fn is_due(&self, family: usize) -> bool {
        let (it, before) = (&self.families[family], self.now.saturating_sub(KEPT));
        it.expires < before || it.ended.is_some_and(|(at, _)| at < before)
    }

    fn sweep(&mut self) {
        let now = self.now;
        for at in 0..self.families.len() {
            self.families[at].gone |= self.is_due(at);
        }
        for code in 0..self.codes.len() {
            self.codes[code].gone |= match self.codes[code].spent {
                Some(family) => self.families[family].gone,
                None => self.codes[code].made + CODE + DAY < now,
            };
        }
    }
}
