//! `client_secret_post` (RFC 6749, 2.3.1): id and secret in the form.

use super::{Claim, Method, client_id, secret};

pub const METHOD: Method = Method {
    name: "client_secret_post",
    public: false,
    needs_secret: true,
    signed_with: &[],
    used_in: |sent| sent.form.get("client_secret").is_some(),
    read: |sent| {
        let proof = sent.form.get("client_secret").unwrap_or_default().to_owned();
        Ok(Claim { client_id: client_id(sent.form)?, proof })
    },
    verify: |presented| Box::pin(secret::verify(presented)),
};
