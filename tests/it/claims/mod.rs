//! What is told of users, to whom, in which form, and by what name.

mod device;
mod own;
mod pairwise;
mod races;
mod sector;
mod signed;
mod told;

use chancery::change::By;
use chancery::event::{Actor, Caller};
use chancery::identity::people::{self, DetailsEdit, Edit};
use chancery::store::users::User;
use serde_json::Value;

use crate::kit::actors::{Answer, Browser, RelyingParty};
use crate::kit::issuer::Issuer;

/// Changes what is told of a user.
async fn tell(issuer: &Issuer, user: &User, details: DetailsEdit) {
    let caller = Caller::default();
    let by = By { actor: Actor::Operator, caller: &caller, at: issuer.app.clock.after_stamps() };
    let edit = Edit { details, ..Edit::default() };
    let changed = people::update(&issuer.app.store, &by, user.id, &edit).await.unwrap();
    changed.settle(&issuer.app).await.unwrap();
}

/// Gives a user attributes; null takes one away.
async fn attributes(issuer: &Issuer, user: &User, given: Value) {
    let Value::Object(given) = given else { panic!("an object") };
    let attributes =
        given.into_iter().map(|(name, value)| (name, Some(value).filter(|value| !value.is_null()))).collect();
    tell(issuer, user, DetailsEdit { attributes, ..DetailsEdit::default() }).await;
}

/// Tokens for these scopes, in a browser of its own.
async fn tokens(issuer: &Issuer, rp: &RelyingParty, user: &str, scope: &str) -> Answer {
    let flow = rp.flow(&[("scope", scope)]);
    let code = Browser::new(issuer).code(&flow, user).await;
    rp.redeem(&flow, &code).await.ok()
}

/// The names of an object's members, in order.
fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
