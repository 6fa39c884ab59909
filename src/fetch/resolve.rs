//! From a host's name to its addresses, once for each request. Tests bring resolvers of their own.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// Addresses on their way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows the addresses of names.
pub trait Resolver: Debug + Send + Sync {
    fn resolve(&self, name: &str) -> Resolving;
}

/// The machine's own resolver.
#[derive(Debug)]
pub(super) struct System;

impl Resolver for System {
    fn resolve(&self, name: &str) -> Resolving {
        let name = name.to_owned();
        Box::pin(async move {
            #[expect(clippy::disallowed_methods, reason = "this is the door")]
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
