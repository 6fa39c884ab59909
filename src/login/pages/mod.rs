//! How the public pages look and what they show: one file per page, each a template with its fields and a `sample()`
//! of its states, which the tests render in every language. No page knows a rule or asks the database.
//!
//! Forms work without script. Every text from outside is escaped by the template; names are set apart against marks
//! that turn the reading direction, and cut where a person would stop reading (`filters::shown`).

mod agent;
mod choose;
mod consent;
mod device_code;
mod device_consent;
mod device_told;
mod error;
mod filters;
mod form_post;
mod frame;
mod sign_in;
mod sign_in_again;
mod sign_out;
mod signed_out;

pub use choose::Choose;
pub use consent::{Asked, Consent};
pub use device_code::{DeviceCode, DeviceCodeError};
pub use device_consent::DeviceConsent;
pub use device_told::DeviceTold;
pub use error::{ErrorPage, Problem};
pub use form_post::FormPost;
pub use frame::{Brand, Client, Form, Frame, Link, LinkKind, Who};
pub use sign_in::{SignIn, SignInError};
pub use sign_in_again::SignInAgain;
pub use sign_out::SignOut;
pub use signed_out::SignedOut;
