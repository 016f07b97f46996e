//! How https targets are verified, with certificates made for each test.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pharos::model::CheckName;
use pharos::model::check::{Ask, Cadence, HttpAsk, Probe, Tls, Watch};
use pharos::model::observation::Observation;
use pharos::probe::{Kit, Target};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const HOST: &str = "app.example.com";

/// What a server saw of one connection.
struct Seen {
    sni: Option<String>,
    request: String,
    handshake: Option<HandshakeKind>,
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        Self::named("one")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// What an https check that trusts this authority alone is told.
    fn trusted(&self) -> Tls {
        Tls { verify: true, ca: Some((PathBuf::from("/etc/pharos/ca.pem"), self.0.pem().into_bytes())) }
    }

    fn issue(&self, name: &str, shape: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        shape(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

fn self_signed() -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![HOST.to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}

/// An https server that answers 200 to everybody.
async fn serve(identity: Identity) -> (SocketAddr, mpsc::Receiver<Seen>) {
    serve_slowly(identity, Duration::ZERO).await
}

/// The same, which takes its time before it shakes hands.
async fn serve_slowly(identity: Identity, slowness: Duration) -> (SocketAddr, mpsc::Receiver<Seen>) {
    let (certificate, key) = identity;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (report, seen) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, report) = (acceptor.clone(), report.clone());
            tokio::spawn(async move {
                tokio::time::sleep(slowness).await;
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let connection = stream.get_ref().1;
                let seen = Seen {
                    sni: connection.server_name().map(ToOwned::to_owned),
                    request: String::from_utf8_lossy(&request[..length]).to_lowercase(),
                    handshake: connection.handshake_kind(),
                };
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                let _ = stream.shutdown().await;
                report.send(seen).await.unwrap();
            });
        }
    });
    (address, seen)
}

fn target(address: SocketAddr, host: &str, tls: Tls) -> Target {
    target_within(address, host, tls, Duration::from_secs(3))
}

fn target_within(target: SocketAddr, host: &str, tls: Tls, timeout: Duration) -> Target {
    let ask = Ask::Http(Box::new(HttpAsk {
        tls: Some(tls),
        method: "GET".into(),
        path: "/".into(),
        host: host.into(),
        headers: Vec::new(),
        expect_status: vec![(200, 299)],
        expect_body: None,
        expect_json: Vec::new(),
    }));
    let cadence = Cadence { interval: Duration::from_secs(10), fall: 3, rise: 2, recheck: Duration::from_secs(1) };
    let watch = Watch { check: CheckName::new("web"), probe: Probe { target, timeout, ask }, cadence };
    Target::new(Arc::new(watch), &mut Kit::default())
}

fn text(observation: &Observation) -> String {
    observation.result.as_ref().map_or_else(ToString::to_string, |()| "ok".into())
}

async fn said(identity: Identity, host: &str, tls: Tls) -> String {
    let (address, _seen) = serve(identity).await;
    text(&target(address, host, tls).observe().await)
}

const SLOWNESS: Duration = Duration::from_millis(60);
const UNVERIFIED: Tls = Tls { verify: false, ca: None };
const BUILT_IN: Tls = Tls { verify: true, ca: None };

#[tokio::test]
async fn a_trusted_certificate_passes_and_the_server_sees_the_host() {
    let authority = Authority::new();
    let (address, mut seen) = serve_slowly(authority.issue(HOST, |_| {}), SLOWNESS).await;
    let observation = target(address, HOST, authority.trusted()).observe().await;
    assert_eq!(text(&observation), "ok");
    let seen = seen.recv().await.unwrap();
    assert_eq!(seen.sni.as_deref(), Some(HOST));
    assert!(seen.request.contains(&format!("host: {HOST}:{}\r\n", address.port())), "{}", seen.request);
    let phases = observation.phases;
    let (connect, tls, first_byte) = (phases.connect.unwrap(), phases.tls.unwrap(), phases.first_byte.unwrap());
    assert!(connect + tls + first_byte <= phases.total, "{phases:?}");
    // Half of it, because the server may see the connection before the probe does.
    assert!(tls >= SLOWNESS / 2, "{phases:?}");
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_says_why() {
    let authority = Authority::new();
    let expired = authority.issue(HOST, |p| {
        p.not_before = date_time_ymd(2025, 1, 2);
        p.not_after = date_time_ymd(2026, 1, 2);
    });
    assert_eq!(said(expired, HOST, authority.trusted()).await, "certificate expired on 2026-01-02");
    let early = authority.issue(HOST, |p| p.not_before = date_time_ymd(3000, 1, 2));
    assert_eq!(said(early, HOST, authority.trusted()).await, "certificate not valid before 3000-01-02");
    let other = || authority.issue("other.example.com", |_| {});
    assert_eq!(said(other(), HOST, authority.trusted()).await, "certificate not valid for app.example.com");
    assert_eq!(said(other(), HOST, UNVERIFIED).await, "ok");
}

#[tokio::test]
async fn an_authority_must_be_known() {
    let authority = Authority::new();
    let unknown = "certificate signed by an unknown authority";
    assert_eq!(said(authority.issue(HOST, |_| {}), HOST, BUILT_IN).await, unknown);
    assert_eq!(said(authority.issue(HOST, |_| {}), HOST, Authority::named("two").trusted()).await, unknown);
    let namesake = said(authority.issue(HOST, |_| {}), HOST, Authority::new().trusted()).await;
    assert_eq!(namesake, "certificate not signed by the authority it names");
    assert_eq!(said(self_signed(), HOST, BUILT_IN).await, unknown);
    assert_eq!(said(self_signed(), HOST, UNVERIFIED).await, "ok");
}

#[tokio::test]
async fn a_ca_file_without_certificates_fails_each_probe() {
    let tls = |pem: &[u8]| Tls { verify: true, ca: Some((PathBuf::from("ca.pem"), pem.to_vec())) };
    let empty = said(self_signed(), HOST, tls(b"")).await;
    assert_eq!(empty, "ca_file ca.pem holds no certificate that can be trusted");
    let broken = said(self_signed(), HOST, tls(b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n")).await;
    assert_eq!(broken, "ca_file ca.pem is not PEM");
}

#[tokio::test]
async fn a_host_that_is_an_address_is_what_the_certificate_must_name() {
    let authority = Authority::new();
    let (address, mut seen) = serve(authority.issue("192.0.2.1", |_| {})).await;
    assert_eq!(text(&target(address, "192.0.2.1", authority.trusted()).observe().await), "ok");
    let seen = seen.recv().await.unwrap();
    assert_eq!(seen.sni, None);
    assert!(seen.request.contains("host: 192.0.2.1:"), "{}", seen.request);
    let wrong = text(&target(address, "192.0.2.2", authority.trusted()).observe().await);
    assert_eq!(wrong, "certificate not valid for 192.0.2.2");
}

#[tokio::test]
async fn every_probe_sees_the_certificate_of_the_day() {
    let authority = Authority::new();
    let (address, mut seen) = serve(authority.issue(HOST, |_| {})).await;
    let target = target(address, HOST, authority.trusted());
    for _ in 0..3 {
        assert_eq!(text(&target.observe().await), "ok");
        assert_eq!(seen.recv().await.unwrap().handshake, Some(HandshakeKind::Full));
    }
}

#[tokio::test]
async fn a_port_without_tls_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    assert_eq!(text(&target(address, HOST, BUILT_IN).observe().await), "TLS: the peer does not speak it");
}

#[tokio::test]
async fn a_handshake_that_hangs_shows_how_far_it_came() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let timeout = Duration::from_millis(200);
    let seen = target_within(address, HOST, BUILT_IN, timeout).observe().await;
    assert_eq!(text(&seen), "no reply within 200ms");
    assert!(seen.phases.connect.is_some_and(|c| c < timeout), "{:?}", seen.phases);
    assert_eq!((seen.phases.tls, seen.phases.first_byte), (None, None));
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}
