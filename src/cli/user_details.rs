//! `chancery user create` and `update`: the flags of what else is told of a user, and of the operator's own attributes.

use clap::Args;
use serde_json::Value;

use super::out::{Done, Failure};
use crate::identity::people::DetailsEdit;

/// An empty text empties what stood there.
#[derive(Debug, Default, Args)]
pub(super) struct Flags {
    #[arg(long, value_name = "TEXT")]
    middle_name: Option<String>,
    #[arg(long, value_name = "TEXT")]
    nickname: Option<String>,
    /// Page about the user
    #[arg(long, value_name = "URL")]
    profile: Option<String>,
    #[arg(long, value_name = "URL")]
    picture: Option<String>,
    #[arg(long, value_name = "URL")]
    website: Option<String>,
    #[arg(long, value_name = "TEXT")]
    gender: Option<String>,
    /// 1990-05-17; 0000-05-17 without the year, or 1990 alone
    #[arg(long, value_name = "DATE")]
    birthdate: Option<String>,
    /// Time zone, such as Europe/Paris
    #[arg(long, value_name = "ZONE")]
    zoneinfo: Option<String>,
    /// Language, such as en-GB
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Such as "+1 604 555 1234"; a new one counts as not verified unless said otherwise
    #[arg(long, value_name = "NUMBER")]
    phone_number: Option<String>,
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    phone_number_verified: Option<bool>,
    /// The whole address as it stands on a label; may have several lines
    #[arg(long, value_name = "TEXT")]
    address_formatted: Option<String>,
    /// Street, house, what else is needed; may have several lines
    #[arg(long, value_name = "TEXT")]
    street_address: Option<String>,
    /// City or village
    #[arg(long, value_name = "TEXT")]
    locality: Option<String>,
    /// State, province or region
    #[arg(long, value_name = "TEXT")]
    region: Option<String>,
    #[arg(long, value_name = "TEXT")]
    postal_code: Option<String>,
    #[arg(long, value_name = "TEXT")]
    country: Option<String>,
    /// An attribute of your own, for claims of clients and resources: dept=Sales; dept= takes it away, and
    /// 'teams:=["red","blue"]' gives it a value in JSON: a text, a list of texts, a number, true or false. May be repeated.
    /// Changing what one said ends the access tokens that may tell it
    #[arg(long = "attribute", value_name = "NAME=TEXT")]
    attributes: Vec<String>,
}

impl Flags {
    /// What was asked for.
    pub(super) fn edit(self) -> Done<DetailsEdit> {
        let attributes = self.attributes.iter().map(|text| attribute(text)).collect::<Done<_>>()?;
        let texts = [
            ("middle_name", self.middle_name),
            ("nickname", self.nickname),
            ("profile", self.profile),
            ("picture", self.picture),
            ("website", self.website),
            ("gender", self.gender),
            ("birthdate", self.birthdate),
            ("zoneinfo", self.zoneinfo),
            ("locale", self.locale),
            ("phone_number", self.phone_number),
            ("address_formatted", self.address_formatted),
            ("street_address", self.street_address),
            ("locality", self.locality),
            ("region", self.region),
            ("postal_code", self.postal_code),
            ("country", self.country),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
        Ok(DetailsEdit { texts, phone_number_verified: self.phone_number_verified, attributes })
    }
}

/// `name=text`, `name=` or `name:=JSON`.
fn attribute(given: &str) -> Done<(String, Option<Value>)> {
    let fail = |why: &str| Failure::new(format!("--attribute {given:?}: {why}"));
    let (name, value) = given.split_once('=').ok_or_else(|| fail("write NAME=TEXT, such as dept=Sales"))?;
    let Some(name) = name.strip_suffix(':') else {
        return Ok((name.to_owned(), Some(value).filter(|text| !text.is_empty()).map(Value::from)));
    };
    let value =
        serde_json::from_str(value).map_err(|_| fail("what follows := is no JSON; write \"quotes\" around texts"))?;
    Ok((name.to_owned(), Some(value)))
}
