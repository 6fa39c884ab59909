//! Profiles: a client's rulebook. Whatever differs between them is asked here, and each question names every profile, so that
//! another one doesn't compile before it has answered all of them.

use crate::keyring::Alg;

/// A client's rulebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// OAuth 2.1: PKCE always.
    OAuth21,
    /// Compatible with older relying parties.
    Oidc,
}

impl Profile {
    pub const ALL: &'static [Self] = &[Self::OAuth21, Self::Oidc];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OAuth21 => "oauth21",
            Self::Oidc => "oidc",
        }
    }

    /// Whom it is for, in a few words of help.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::OAuth21 => "OAuth 2.1",
            Self::Oidc => "for older relying parties",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|profile| profile.name() == text)
    }

    /// Whether a confidential client may be registered to do without PKCE.
    #[must_use]
    pub fn may_omit_pkce(self) -> bool {
        match self {
            Self::OAuth21 => false,
            Self::Oidc => true,
        }
    }

    /// Whether the token request names the redirect URI that the authorization request named (RFC 6749, 4.1.3). OAuth 2.1 no
    /// longer asks for it there.
    #[must_use]
    pub fn repeats_redirect_uri(self) -> bool {
        match self {
            Self::OAuth21 => false,
            Self::Oidc => true,
        }
    }

    /// Whether a refresh token needs consent to `offline_access` (OpenID Connect Core, 11), or the grant alone.
    #[must_use]
    pub fn refreshes_offline_only(self) -> bool {
        match self {
            Self::OAuth21 => false,
            Self::Oidc => true,
        }
    }

    /// Whether a client's assertion may name the token endpoint for its audience, as OpenID Connect Core 9 has it. Whoever else
    /// the client trusts could have asked for such an assertion, and could present it here.
    #[must_use]
    pub fn takes_token_endpoint_for_audience(self) -> bool {
        match self {
            Self::OAuth21 => false,
            Self::Oidc => true,
        }
    }

    /// What ID tokens are signed with: what older relying parties know is RS256.
    #[must_use]
    pub fn id_token_alg(self) -> Alg {
        match self {
            Self::OAuth21 => Alg::Es256,
            Self::Oidc => Alg::Rs256,
        }
    }
}
