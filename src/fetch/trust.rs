//! Whose certificates are believed: those of the public authorities, and of the PEM file that `fetch.extra_ca` names. TLS 1.2 and
//! 1.3 by rustls with ring, without resumption: no session of one host is offered to another.
//!
//! Refused at the start: a file that can't be read, holds no certificate, or one that is none.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::error::Unusable;

pub(super) fn client(extra: Option<&Path>) -> Result<Arc<ClientConfig>, Unusable> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra {
        add(&mut roots, path).map_err(|why| Unusable(format!("fetch.extra_ca ({}) {why}", path.display())))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Unusable(format!("TLS: {error}")))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let pem = std::fs::read(path).map_err(|error| format!("can't be read: {error}"))?;
    let mut found = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        found += 1;
        let certificate = certificate.map_err(|_| format!("is broken at its certificate {found}"))?;
        roots.add(certificate).map_err(|_| format!("holds as its certificate {found} what is none"))?;
    }
    if found == 0 { Err("holds no certificate in PEM".to_owned()) } else { Ok(()) }
}
