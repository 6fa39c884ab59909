//! Why nothing was fetched, precisely enough for logs and the audit trail. Of what a server said, nothing is repeated: its bytes
//! would stand in our lines.

use std::error::Error as _;
use std::io;
use std::net::IpAddr;

/// Why nothing was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("the URL {0}")]
    BadUrl(&'static str),
    /// The address, and what range it lies in.
    #[error("{0} is {1}, where this server doesn't connect (setting fetch.allow)")]
    Refused(IpAddr, &'static str),
    #[error("the host's name has no address")]
    Unresolved,
    #[error("it took too long")]
    Timeout,
    #[error("the answer is too large")]
    TooLarge,
    #[error("the answer is a redirect, and none is followed")]
    Redirect,
    #[error("the answer is compressed or encoded")]
    Encoded,
    #[error("TLS: {0}")]
    Tls(&'static str),
    #[error("no connection: {0}")]
    Connect(&'static str),
    #[error("the answer {0}")]
    Protocol(&'static str),
    #[error("too many requests are on their way already")]
    Busy,
}

/// Settings that are of no use: one clear line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub(super) String);

impl FetchError {
    /// A connection that didn't come about.
    pub(super) fn unconnected(error: &io::Error) -> Self {
        Self::Connect(match error.kind() {
            io::ErrorKind::ConnectionRefused => "refused by the other side",
            io::ErrorKind::ConnectionReset => "reset by the other side",
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "the address can't be reached",
            _ => "the network failed",
        })
    }

    /// A TLS handshake that failed.
    pub(super) fn unsecured(error: &io::Error) -> Self {
        use rustls::CertificateError as Fault;
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        Self::Tls(match cause {
            Some(rustls::Error::InvalidCertificate(fault)) => match fault {
                Fault::UnknownIssuer => "the certificate's issuer isn't known here (setting fetch.extra_ca)",
                Fault::Expired | Fault::ExpiredContext { .. } => "the certificate has expired",
                Fault::NotValidYet | Fault::NotValidYetContext { .. } => "the certificate is not valid yet",
                Fault::NotValidForName | Fault::NotValidForNameContext { .. } => "the certificate is for another name",
                _ => "the certificate is not acceptable",
            },
            Some(rustls::Error::InvalidMessage(_)) => "the other side doesn't speak it",
            Some(rustls::Error::AlertReceived(_)) => "the other side ended the handshake",
            _ => "the handshake failed",
        })
    }

    /// An exchange that broke off.
    pub(super) fn broken(error: &hyper::Error) -> Self {
        if error.is_parse_too_large() {
            return Self::TooLarge;
        }
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        let cut = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof);
        Self::Protocol(if error.is_incomplete_message() || cut {
            "is cut short"
        } else if error.is_parse() {
            "is not HTTP/1.1"
        } else {
            "broke off"
        })
    }
}
