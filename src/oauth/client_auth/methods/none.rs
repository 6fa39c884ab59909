//! `none` (RFC 6749, 2.1; RFC 7591, 2): a public client, which gives nothing but its word.

use super::{Claim, Method, client_id};

pub const METHOD: Method = Method {
    name: "none",
    public: true,
    needs_secret: false,
    signed_with: &[],
    used_in: |_| true,
    read: |sent| Ok(Claim { client_id: client_id(sent.form)?, proof: String::new() }),
    verify: |_| Box::pin(async { Ok(true) }),
};
