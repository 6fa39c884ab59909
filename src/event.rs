//! The closed list of audit events, and the row each becomes.
//!
//! Serves every room that decides something worth telling an auditor; `docs/EVENTS.md` is generated from it. A row
//! never holds a secret: ids, digests and addresses only. Refuses free-form events: what is not in the list is not told.

use std::fmt::Write as _;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

macro_rules! events {
    ($($name:ident = $text:literal, $says:literal;)*) => {
        /// Everything the audit trail can tell.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $(#[doc = $says] $name,)* }
        impl Event {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Event] = &[$(Event::$name,)*];
            /// The stable name, as stored and exported.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Event::$name => $text,)* } }
            /// What it says, in one sentence.
            #[must_use]
            pub fn says(self) -> &'static str { match self { $(Event::$name => $says,)* } }
        }
    };
}

events! {
    SigninSucceeded = "signin.succeeded", "A user proved who they are and a browser session began.";
    SigninRefused = "signin.refused", "A sign-in attempt failed; the account named may not exist. Of a right password: why nothing came of it.";
    SigninThrottled = "signin.throttled", "A sign-in attempt was refused before its password was looked at.";
    SigninCancelled = "signin.cancelled", "A user cancelled at the sign-in or consent page.";
    FormRefused = "form.refused", "A form came from another site, another browser or an older page; nothing was done.";
    SessionEnded = "session.ended", "A browser session was ended by sign-out, by its user or by an admin.";
    ConsentGiven = "consent.given", "A user allowed a client to act with scopes.";
    ConsentRemoved = "consent.removed", "A user's consent to a client was removed.";
    CodeIssued = "code.issued", "An authorization code was handed to a client.";
    CodeRedeemed = "code.redeemed", "An authorization code was exchanged and a family began.";
    CodeRefused = "code.refused", "An authorization code was presented and refused.";
    CodeReused = "code.reused", "A spent authorization code was presented again by its own client; the family ended.";
    DeviceRequested = "device.requested", "A device was given a device code and a user code.";
    DeviceClaimed = "device.claimed", "A browser entered a user code: it alone may answer.";
    UserCodeRefused = "device.user_code_refused", "A user code was entered that is none, is over, or is another browser's; or too many were.";
    DeviceApproved = "device.approved", "A user allowed what a device asked for.";
    DeviceDenied = "device.denied", "Whoever entered a user code did not allow what the device asked for.";
    DeviceRedeemed = "device.redeemed", "A device code was exchanged and a family began.";
    DeviceRefused = "device.refused", "A device code was presented and refused.";
    DeviceReused = "device.reused", "A spent device code was presented again by its own client; the family ended.";
    RefreshRotated = "refresh.rotated", "A refresh token was rotated.";
    RefreshRetried = "refresh.retried", "The previous refresh token was presented again within the rules and answered alike.";
    RefreshRefused = "refresh.refused", "A refresh was refused; the family lives on.";
    RefreshLate = "refresh.late", "The previous refresh token came too late to be a retry; the family ended.";
    RefreshReused = "refresh.reused", "A refresh token two or more generations old was presented; the family ended.";
    RefreshLost = "refresh.lost", "A generation the rolls never saw was presented; the family ended: writes were lost.";
    RefreshMoved = "refresh.moved", "A refresh came from a network or user agent unlike the last one's.";
    RefreshContended = "refresh.contended", "Generations were retried several times running from another network.";
    TokenIssued = "token.issued", "An access token was issued to a client acting for itself.";
    ClientRefused = "client.refused", "A client failed to authenticate or used what it may not.";
    Revoked = "revocation.written", "Something was revoked: an entry of the revocation log.";
    UserCreated = "user.created", "A user was created.";
    UserUpdated = "user.updated", "A user's attributes or groups changed.";
    UserDisabled = "user.disabled", "A user was disabled.";
    UserEnabled = "user.enabled", "A user was enabled again.";
    UserUnlocked = "user.unlocked", "A user's failed sign-ins were forgotten: the password may be tried again.";
    UserDeleted = "user.deleted", "A user was deleted.";
    PasswordChanged = "user.password_changed", "A user's password was changed or set.";
    ClientCreated = "client.created", "A client was registered.";
    ClientUpdated = "client.updated", "A client's registration changed.";
    ClientDisabled = "client.disabled", "A client was disabled.";
    ClientEnabled = "client.enabled", "A client was enabled again.";
    ClientDeleted = "client.deleted", "A client was deleted.";
    ClientSecretRotated = "client.secret_rotated", "A client was given a new secret.";
    ResourceCreated = "resource.created", "A resource was registered.";
    ResourceUpdated = "resource.updated", "A resource's registration changed.";
    ResourceRetired = "resource.retired", "A resource was retired.";
    KeyCreated = "key.created", "A signing key was announced.";
    KeyRotated = "key.rotated", "The announced signing key took over.";
    KeyRevoked = "key.revoked", "A signing key was revoked.";
    RegistrationRefused = "registration.refused", "A client tried to register itself, or to change or see a registration, and was refused.";
    InitialTokenCreated = "initial_token.created", "An initial access token was made: clients may register themselves with it.";
    InitialTokenRevoked = "initial_token.revoked", "An initial access token was revoked.";
    LogoutDelivered = "logout.delivered", "A client was told that a browser session had ended, and took it.";
    LogoutRefused = "logout.refused", "A client was told that a browser session had ended, and said no.";
    LogoutGivenUp = "logout.given_up", "A client was not told that a browser session had ended: it could not be reached, or has no address any more.";
    DatabaseRestored = "database.restored", "A backup was restored: a new epoch began and everything before it ended.";
}

/// The Markdown of `docs/EVENTS.md`.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Audit events\n\nGenerated from `src/event.rs`; do not edit. `make bless` rewrites it.\n\n| event | says |\n|---|---|\n",
    );
    for event in Event::ALL {
        let _ = writeln!(out, "| `{}` | {} |", event.name(), event.says());
    }
    out
}

/// Where a request came from, as far as the house believes it.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The client's address, through trusted proxies only.
    pub address: Option<IpAddr>,
    /// The user agent, cut to 200 characters and stripped of control characters.
    pub user_agent: Option<String>,
    /// The request's id, as logged and shown on error pages.
    pub request_id: Option<Uuid>,
}

impl Caller {
    /// The address as stored.
    #[must_use]
    pub fn address_text(&self) -> Option<String> {
        self.address.map(|address| address.to_string())
    }

    /// The network the address lies in, for alarms: an IPv4 /24 or an IPv6 /48.
    #[must_use]
    pub fn network(&self) -> Option<String> {
        self.address.map(|address| match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        })
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in user, by internal id.
    User(Uuid),
    /// A client, by id.
    Client(Uuid),
    /// Whoever holds the command line.
    Operator,
    /// The server by itself.
    System,
    /// Nobody has proved who they are.
    Anonymous,
}

impl Actor {
    /// As stored and shown: a kind, and where there is one an id.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Actor::User(id) => format!("user:{id}"),
            Actor::Client(id) => format!("client:{id}"),
            Actor::Operator => "operator".to_owned(),
            Actor::System => "system".to_owned(),
            Actor::Anonymous => "anonymous".to_owned(),
        }
    }
}

/// One row of the audit trail.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub event: Event,
    /// `ok`, or the reason of a refusal.
    pub outcome: &'static str,
    pub actor: Actor,
    pub user_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub family_id: Option<Uuid>,
    pub caller: Caller,
    pub detail: Value,
}

impl Record {
    /// A row about `event`, done by `actor`; the rest is filled in by the calls named after its fields.
    #[must_use]
    pub fn new(event: Event, actor: Actor, caller: &Caller, at: DateTime<Utc>) -> Self {
        Self {
            id: crate::secret::uuid_v7(at),
            at,
            event,
            outcome: "ok",
            actor,
            user_id: None,
            client_id: None,
            session_id: None,
            family_id: None,
            caller: caller.clone(),
            detail: json!({}),
        }
    }

    #[must_use]
    pub fn outcome(mut self, outcome: &'static str) -> Self {
        self.outcome = outcome;
        self
    }

    #[must_use]
    pub fn user(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.user_id = id.into();
        self
    }

    #[must_use]
    pub fn client(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.client_id = id.into();
        self
    }

    #[must_use]
    pub fn session(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.session_id = id.into();
        self
    }

    #[must_use]
    pub fn family(mut self, id: impl Into<Option<Uuid>>) -> Self {
        self.family_id = id.into();
        self
    }

    /// What else is worth knowing; never a secret.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}
