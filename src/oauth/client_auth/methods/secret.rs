//! Client secrets, however they travel: compared by digest, in constant time, with every one that is live.

use super::Presented;
use crate::oauth::error::Error;
use crate::secret::{ClientSecret, Digest, Opaque};
use crate::store::clients;

/// Whether the proof is a live secret of the client.
pub(super) async fn verify(presented: &Presented<'_>) -> Result<bool, Error> {
    let Presented { app, client_id, proof, .. } = *presented;
    let rows = clients::secrets(&app.store, client_id).await?;
    let presented = Opaque::<ClientSecret>::parse(proof).map_or_else(|| Digest::of(&[b"unparsable"]), |s| s.digest());
    let now = app.clock.now();
    // Every live secret is looked at, so that the time tells nothing of which one fits.
    Ok(rows
        .iter()
        .filter(|row| row.expires_at.is_none_or(|end| end > now))
        .filter_map(|row| Digest::stored(&row.digest))
        .fold(false, |found, stored| found | stored.matches(&presented)))
}
