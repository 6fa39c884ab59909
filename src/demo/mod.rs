//! A sample dashboard and a sample gateway that use nothing but HTTP.
