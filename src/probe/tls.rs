//! How https targets are verified.
//!
//! Sessions are never resumed: a resumed handshake shows no certificate, and a changed or expired one
//! would go unseen.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::shared::Shared;
use crate::model::check::Tls;

/// Why no client could be made.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum TlsFault {
    /// The file is not PEM.
    #[error("ca_file {} is not PEM", .0.display())]
    NotPem(PathBuf),
    /// No certificate can be valid for it.
    #[error("host {0:?} is no name that TLS knows")]
    Name(String),
    /// It has nothing to trust.
    #[error("ca_file {} holds no certificate that can be trusted", .0.display())]
    NoCertificate(PathBuf),
    /// The TLS stack refused its own parts.
    #[error("no TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Client configurations, one for all targets that are verified in the same way.
#[derive(Debug, Default)]
pub(super) struct Configs(Shared<Tls, ClientConfig>);

impl Configs {
    fn get(&mut self, tls: &Tls) -> Result<Arc<ClientConfig>, TlsFault> {
        self.0.get(tls, |tls| config(verifier(tls)?))
    }
}

/// How the connection to one target is secured.
pub(super) struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secure").field(&self.name).finish()
    }
}

impl Secure {
    /// For a host that is a name, or an address, brackets or not.
    pub(super) fn new(tls: &Tls, host: &str, configs: &mut Configs) -> Result<Self, TlsFault> {
        let name = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => ServerName::from(ip),
            Err(_) => ServerName::try_from(host.to_owned()).map_err(|_| TlsFault::Name(host.to_owned()))?,
        };
        Ok(Self { connector: TlsConnector::from(configs.get(tls)?), name })
    }

    /// Secures a connection.
    pub(super) async fn shake_hands(&self, plain: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), plain).await
    }

    /// Closes as the peer expects it (RFC 8446, 6.1), without waiting for anything.
    pub(super) fn take_leave(stream: TlsStream<TcpStream>) {
        let (plain, mut session) = stream.into_inner();
        session.send_close_notify();
        let mut bytes = Vec::new();
        // Where either fails, the connection is gone already.
        let _ = session.write_tls(&mut bytes).and_then(|_| plain.try_write(&bytes));
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(ring::default_provider())).clone()
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsFault> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(tls: &Tls) -> Result<Arc<dyn ServerCertVerifier>, TlsFault> {
    if !tls.verify {
        return Ok(Arc::new(Unverified));
    }
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some((path, pem)) => {
            let certificates = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| TlsFault::NotPem(path.clone()))?;
            roots.add_parsable_certificates(certificates);
            if roots.is_empty() {
                return Err(TlsFault::NoCertificate(path.clone()));
            }
        }
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|e| rustls::Error::General(e.to_string()))?;
    Ok(verifier)
}

/// `verify = false`: any certificate will do, expired, self-made or of an ancient form.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
