//! `client_secret_basic` (RFC 6749, 2.3.1): id and secret in the `Authorization` header. Refused: any other scheme there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Claim, Method, refused, secret};
use crate::http::params;

pub const METHOD: Method = Method {
    name: "client_secret_basic",
    public: false,
    needs_secret: true,
    signed_with: &[],
    used_in: |sent| !sent.authorization.is_empty(),
    read: |sent| {
        let claim = sent.authorization.first().and_then(|header| read(header));
        claim.ok_or_else(|| refused("the Authorization header is not Basic credentials"))
    },
    verify: |presented| Box::pin(secret::verify(presented)),
};

/// Form-encoded inside; one space, strict base64.
fn read(header: &str) -> Option<Claim> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || value.len() > 4096 {
        return None;
    }
    let raw = STANDARD.decode(value).ok()?;
    let text = std::str::from_utf8(&raw).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some(Claim { client_id: params::decode(id.as_bytes()).ok()?, proof: params::decode(secret.as_bytes()).ok()? })
}
