//! What is told of a user beyond his name and address: columns of `users`, read where claims are told and nowhere else, so that
//! a refresh doesn't carry them about.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

/// The operator's own attributes, by name: texts, lists of texts, numbers, booleans.
pub type Attributes = BTreeMap<String, Value>;

/// Personal data, each in a column of its own.
#[derive(Debug, Clone, Default, PartialEq, FromRow)]
pub struct Details {
    pub middle_name: Option<String>,
    pub nickname: Option<String>,
    /// URL of a page about the user.
    pub profile: Option<String>,
    pub picture: Option<String>,
    pub website: Option<String>,
    pub gender: Option<String>,
    pub birthdate: Option<String>,
    pub zoneinfo: Option<String>,
    pub locale: Option<String>,
    pub phone_number: Option<String>,
    pub phone_number_verified: bool,
    #[sqlx(flatten)]
    pub address: Address,
    pub attributes: Json<Attributes>,
}

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct Address {
    #[sqlx(rename = "address_formatted")]
    pub formatted: Option<String>,
    #[sqlx(rename = "address_street")]
    pub street_address: Option<String>,
    #[sqlx(rename = "address_locality")]
    pub locality: Option<String>,
    #[sqlx(rename = "address_region")]
    pub region: Option<String>,
    #[sqlx(rename = "address_postal_code")]
    pub postal_code: Option<String>,
    #[sqlx(rename = "address_country")]
    pub country: Option<String>,
}
