//! After a family has ended: what the token endpoint and the gateway say to its newest tokens.

use std::time::Duration;

use super::super::web::Trouble;
use super::Dashboard;
use super::browsers::Step;
use super::calls::{Mode, step};
use super::tokens::SignedIn;

/// How long a refusal is waited for before the gateway's answer is shown as it is.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

impl Dashboard {
    /// Tries the newest tokens and adds what happened.
    pub async fn afterwards(&self, signed_in: &SignedIn, steps: &mut Vec<Step>) -> Result<(), Trouble> {
        let ended = self.clock.monotonic();
        if let Some(newest) = signed_in.newest() {
            let answer = self.refresh_with(newest).await?;
            steps.push(step("Then the newest refresh token was presented.", "POST", &answer));
        }
        for (mode, name) in [(Mode::Offline, "judged offline"), (Mode::Introspect, "by introspection")] {
            let answer = loop {
                let answer = self.shipments(mode, &signed_in.access_token).await?;
                if !answer.status.is_success() || self.clock.monotonic().saturating_sub(ended) > PATIENCE {
                    break answer;
                }
                tokio::time::sleep(PAUSE).await;
            };
            let after = self.clock.monotonic().saturating_sub(ended).as_millis();
            steps.push(step(format!("The access token, {name}, {after} ms later."), "GET", &answer));
        }
        Ok(())
    }
}
