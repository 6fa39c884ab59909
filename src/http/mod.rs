//! An HTTP toolbox that knows no protocol.

pub mod assets;
pub mod colour;
pub mod headers;
pub mod html;
pub mod locale;
pub mod params;
