//! Servers that do what a script says, and count who came.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A connection, over TLS or not.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// What a server does with a connection whose request it has read.
pub type Script = Arc<dyn Fn(Box<dyn Wire>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A script that goes on until the connection breaks.
pub fn script<F: Future<Output = std::io::Result<()>> + Send + 'static>(
    run: impl Fn(Box<dyn Wire>) -> F + Send + Sync + 'static,
) -> Script {
    Arc::new(move |wire| {
        let running = run(wire);
        Box::pin(async move { drop(running.await) })
    })
}

/// A script that says this and closes.
pub fn says(answer: impl Into<Vec<u8>>) -> Script {
    let answer = answer.into();
    script(move |mut wire| {
        let answer = answer.clone();
        async move {
            wire.write_all(&answer).await?;
            wire.shutdown().await
        }
    })
}

/// A script that never comes to its end: the one thing first, then the other again and again.
pub fn endless(first: &'static str, again: impl Into<String>, pause: std::time::Duration) -> Script {
    let again = again.into();
    script(move |mut wire| {
        let again = again.clone();
        async move {
            wire.write_all(first.as_bytes()).await?;
            loop {
                wire.write_all(again.as_bytes()).await?;
                wire.flush().await?;
                tokio::time::sleep(pause).await;
            }
        }
    })
}

/// A good answer with this body.
pub fn good(body: &str) -> Script {
    says(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// A server, until dropped.
pub struct Server {
    pub address: SocketAddr,
    /// The requests of all connections; a connection that sent none stands there empty.
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn plain(script: Script) -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None, script).await
    }

    pub async fn at(address: SocketAddr, tls: Option<ServerConfig>, script: Script) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let heard = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let place = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(String::new());
                    heard.len() - 1
                };
                let (acceptor, script, heard) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&heard));
                serving.spawn(async move {
                    let mut wire: Box<dyn Wire> = match acceptor {
                        None => Box::new(stream),
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                    };
                    let request = read(&mut wire).await;
                    heard.lock().unwrap()[place] = request;
                    script(wire).await;
                });
            }
        });
        Self { address, requests, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connected.
    pub fn connections(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request's head, and as much body as it announces.
async fn read(wire: &mut Box<dyn Wire>) -> String {
    let mut read = Vec::new();
    while let Ok(byte) = wire.read_u8().await {
        read.push(byte);
        if read.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(read).unwrap();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    wire.read_exact(&mut body).await.unwrap();
    head + std::str::from_utf8(&body).unwrap()
}

/// A certificate authority of the tests' own.
pub struct Authority {
    key: PKey<Private>,
    certificate: X509,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = key();
        let certificate = sign(name, &key, None, None);
        Self { key, certificate }
    }

    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    /// What a server with a certificate for this name, or address, is configured with.
    pub fn server(&self, name: &str) -> ServerConfig {
        let key = key();
        let certificate = sign(name, &key, Some(name), Some(self));
        let chain = vec![CertificateDer::from(certificate.to_der().unwrap())];
        let key = PrivateKeyDer::try_from(key.private_key_to_pkcs8().unwrap()).unwrap();
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap()
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn sign(subject: &str, key: &PKey<Private>, server: Option<&str>, by: Option<&Authority>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", subject).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(by.map_or(&name, |by| by.certificate.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    match server {
        None => builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap(),
        Some(server) => {
            let mut names = SubjectAlternativeName::new();
            match server.parse::<IpAddr>() {
                Ok(_) => names.ip(server),
                Err(_) => names.dns(server),
            };
            let names = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
    }
    builder.sign(by.map_or(key, |by| &by.key), MessageDigest::sha256()).unwrap();
    builder.build()
}
