//! An HTTP toolbox that knows no protocol.

pub mod assets;
pub mod away;
pub mod caller;
pub mod colour;
pub mod cookies;
pub mod etag;
pub mod headers;
pub mod html;
pub mod locale;
pub mod meter;
pub mod origin;
pub mod params;
pub mod plain;
pub mod settle;
