//! OpenID Connect: subjects, claims, ID tokens, and telling of ends; above them the endpoints.

pub mod channels;
pub mod claims;
pub mod hint;
pub mod id_token;
pub mod logout;
pub mod notify;
pub mod requested;
pub mod subject;
pub mod userinfo;
