//! Grants: one file each, stating its name, its parameters and its rules; registered in one line of `oauth/registry`.

pub mod audience;
pub mod authorization_code;
pub mod client_credentials;
pub mod device_code;
pub mod refresh_token;
pub mod request;
