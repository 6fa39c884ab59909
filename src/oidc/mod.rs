//! OpenID Connect: subjects, claims and ID tokens; above them the endpoints.

pub mod claims;
pub mod hint;
pub mod id_token;
pub mod logout;
pub mod requested;
pub mod subject;
pub mod userinfo;
