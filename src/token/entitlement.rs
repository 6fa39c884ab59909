//! Proof that all checks of a grant passed and that what follows is enrolled. The mint takes nothing else.
//!
//! An access token is drawn first (its id, times, audience), enrolled by the store together with what it came of, and only
//! then signed. Entitlements are made by `token/family` (enrolled in a lineage) and by [`for_client`] (a client for itself).

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use super::refresh::Authentic;
use crate::app::App;
use crate::event::{Actor, Caller, Event, Record};
use crate::oauth::client::Registration;
use crate::oauth::client_auth::AuthenticatedClient;
use crate::oauth::delivery::Carrier;
use crate::oauth::error::Error;
use crate::oauth::scope::Scopes;
use crate::oidc::claims::Own;
use crate::policy::Standing;
use crate::secret;
use crate::store;
use crate::store::codes::NamedClaims;
use crate::store::lineage::Issued;

/// An access token that has an id and limits, and is not signed yet.
#[derive(Debug, Clone)]
pub struct Draft {
    pub jti: Uuid,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub scopes: Scopes,
    pub audience: Vec<String>,
    /// Claims of its audience's own.
    pub claims: Own,
    /// When everything that comes of the same authorization ends; none for a client acting for itself.
    pub all_ends_at: Option<DateTime<Utc>>,
}

/// What a draft is drawn from.
#[derive(Debug)]
pub struct Allowed {
    pub scopes: Scopes,
    pub audience: Vec<String>,
    pub lifetime: Duration,
    /// Claims of the audience's own, for tokens with a user behind them.
    pub claims: Own,
    /// What resources demand of a user before a scope is given.
    pub demands: Vec<Demand>,
}

/// A scope that a resource gives to users of these groups only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub scope: String,
    pub groups: Vec<String>,
}

impl Demand {
    /// Those scopes that a user of these groups may have, by all that is demanded.
    #[must_use]
    pub fn narrow(all: &[Self], scopes: &Scopes, groups: &[String]) -> Scopes {
        let met = |demand: &Self| demand.groups.iter().any(|group| groups.contains(group));
        scopes.only(|scope| all.iter().filter(|demand| demand.scope == scope).all(met))
    }
}

impl Draft {
    /// Draws a token that ends after its lifetime, and never after `ends`.
    #[must_use]
    pub fn new(standing: &Standing, allowed: Allowed, ends: &[DateTime<Utc>]) -> Self {
        // Whole seconds, as tokens carry them: what the rolls say is what the token says.
        let issued_at = standing.now().trunc_subsecs(0);
        let longest = issued_at + allowed.lifetime.min(standing.longest_access());
        let all_ends_at = ends.iter().copied().min();
        let expires_at = all_ends_at.map_or(longest, |end| end.min(longest));
        let Allowed { audience, claims, .. } = allowed;
        // Whichever grant it is of, and at each refresh anew: what resources demand of users. A client that acts for itself is in no
        // group; its registration is what it was given.
        let scopes = match standing.user() {
            Some(user) => Demand::narrow(&allowed.demands, &allowed.scopes, &user.groups.0),
            None => allowed.scopes,
        };
        Self { jti: secret::uuid_v4(), issued_at, expires_at, scopes, audience, claims, all_ends_at }
    }

    /// The row that enrols it.
    #[must_use]
    pub fn row(&self, standing: &Standing, caller: &Caller) -> Issued {
        Issued {
            jti: self.jti,
            at: standing.now(),
            expires_at: self.expires_at,
            rev_seq: standing.as_of(),
            address: caller.address_text(),
            user_agent: caller.user_agent.clone(),
            scopes: self.scopes.to_string(),
            audience: self.audience.join(" "),
        }
    }
}

/// Who the user was proved to be, and how, at the family's birth.
#[derive(Debug, Clone)]
pub struct Authentication {
    pub family_id: Uuid,
    /// Whether the family ends with its session: only then do its access tokens carry `sid`, and end with it.
    pub hangs_on_session: bool,
    pub auth_time: DateTime<Utc>,
    pub acr: String,
    pub amr: Vec<String>,
    pub nonce: Option<String>,
    /// What its request asked for by name.
    pub claims: NamedClaims,
}

/// The right to one set of tokens.
#[derive(Debug)]
pub struct Entitlement {
    pub(super) standing: Standing,
    pub(super) client: Registration,
    pub(super) draft: Draft,
    /// None for a client acting for itself.
    pub(super) authentication: Option<Authentication>,
    /// With the way it travels.
    pub(super) refresh: Option<(Authentic, Carrier)>,
}

/// A client's right to a token for itself. Its audit row, which holds the `jti`, is written before it is handed out.
pub async fn for_client(
    app: &App,
    client: &AuthenticatedClient,
    standing: Standing,
    allowed: Allowed,
    caller: &Caller,
) -> Result<Entitlement, Error> {
    let draft = Draft::new(&standing, allowed, &[]);
    let record = Record::new(Event::TokenIssued, Actor::Client(client.id()), caller, standing.now())
        .client(client.id())
        .detail(serde_json::json!({ "jti": draft.jti, "scope": draft.scopes.to_string(), "audience": draft.audience, "expires_at": draft.expires_at }));
    store::audit::append(&app.store, &record).await?;
    let client = client.client().registration().clone();
    Ok(Entitlement { standing, client, draft, authentication: None, refresh: None })
}
