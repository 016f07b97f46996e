//! How https targets are verified.
//!
//! Sessions are never resumed: a resumed handshake shows no certificate, and a changed or expired one
//! would go unseen.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption, Tls12Resumption, WebPkiServerVerifier};
use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, DigitallySignedStruct, NamedGroup, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::evidence;
use super::shared::Shared;
use crate::model::check::Tls;

/// Why no client could be made.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum TlsFault {
    /// The file is not PEM.
    #[error("ca_file {} is not PEM", .0.display())]
    NotPem(PathBuf),
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
    /// The configuration for an https target; `literal` where its `host` is an address, which is then
    /// what the certificate must be valid for.
    pub(super) fn get(&mut self, tls: &Tls, literal: Option<IpAddr>) -> Result<Arc<ClientConfig>, TlsFault> {
        let shared = self.0.get(tls, |tls| config(verifier(tls)?))?;
        let (Some(ip), true) = (literal, tls.verify) else { return Ok(shared) };
        Ok(Arc::new(config(Arc::new(ForName { name: ip.into(), inner: verifier(tls)? }))?))
    }

    /// A configuration for targets without TLS, which verifies nothing because it is never asked to.
    pub(super) fn none(&mut self) -> Result<Arc<ClientConfig>, TlsFault> {
        self.get(&Tls { verify: false, ca: None }, None)
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
    config.resumption = Resumption::store(Arc::new(Forgetful)).tls12_resumption(Tls12Resumption::Disabled);
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

/// Remembers no session; and is asked for one first thing when a TLS handshake begins, which is how
/// the end of the TCP handshake below it becomes known.
#[derive(Debug)]
struct Forgetful;

impl ClientSessionStore for Forgetful {
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        evidence::connected();
        None
    }

    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
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

/// Verifies for a name of its own, whatever name the connection was made to.
#[derive(Debug)]
struct ForName {
    name: ServerName<'static>,
    inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for ForName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(certificate, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
