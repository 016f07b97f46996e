//! http and https: one request on a connection of its own, answered as expected.
//!
//! The address is the target's, whatever `host` says: names resolve to it and nothing else. Absent on
//! purpose: redirects (a 301 is a status), proxies, cookies, retries, connections kept for the next
//! probe. The body is read only where it matters, and never beyond 64 KiB.
//!
//! `Host` is `host` as configured, followed by the port where that is not the scheme's own (RFC 9110,
//! 7.2); a `host` that names a port itself is sent word for word. SNI and the certificate's name are
//! `host` without its port; for a `host` that is an address there is no SNI (RFC 6066, 3).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::Regex;
use reqwest::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Method, Response, Url};
use rustls::ClientConfig;

use super::connect::{Pinned, Timed};
use super::expect::{self, BODY_SIZE_BYTES_MAX, Body, Patterns};
use super::tls::{Configs, TlsFault};
use super::{error, evidence};
use crate::model::check::HttpAsk;
use crate::model::observation::Failure;

/// Sent unless `headers` say otherwise.
const AGENT: &str = concat!("pharos/", env!("CARGO_PKG_VERSION"));

/// Why a target cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpFault {
    /// Host and path make no URL.
    #[error("host {0:?} and its path make no URL")]
    Url(String),
    /// A header that HTTP cannot carry.
    #[error("header {0:?} cannot be sent")]
    Header(String),
    /// A method that HTTP cannot carry.
    #[error("method {0:?} cannot be sent")]
    Method(String),
    /// The pattern does not compile.
    #[error("expect_body: {0}")]
    Pattern(#[from] regex::Error),
    /// No way to verify.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The HTTP stack refused its own parts.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A target that is asked over HTTP, ready to be asked.
#[derive(Debug)]
pub(super) struct HttpTarget {
    client: Client,
    /// The client has a copy of its own; this one is held so that other targets find it.
    _config: Arc<ClientConfig>,
    method: Method,
    url: Url,
    headers: HeaderMap,
    pattern: Option<Arc<Regex>>,
}

impl HttpTarget {
    /// Prepares everything that does not change between probes.
    pub(super) fn new(
        ask: &HttpAsk,
        target: SocketAddr,
        configs: &mut Configs,
        patterns: &mut Patterns,
    ) -> Result<Self, HttpFault> {
        let (url, literal) = url(ask, target)?;
        let config = match &ask.tls {
            Some(tls) => configs.get(tls, literal)?,
            None => configs.none()?,
        };
        let client = Client::builder()
            .tls_backend_preconfigured((*config).clone())
            .dns_resolver(Arc::new(Pinned(target)))
            .connector_layer(Timed { is_tls: ask.tls.is_some() })
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .referer(false)
            .tcp_keepalive(None)
            .build()?;
        Ok(Self {
            client,
            _config: config,
            method: Method::from_str(&ask.method).map_err(|_| HttpFault::Method(ask.method.clone()))?,
            url,
            headers: headers(ask, target.port())?,
            pattern: expect::pattern(ask, patterns)?,
        })
    }

    /// Asks once; `ask` is what the target was made from.
    pub(super) async fn ask(&self, ask: &HttpAsk, timeout: Duration) -> Result<(), Failure> {
        let request = self.client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        let failed = |e: reqwest::Error| error::failure(&e, timeout);
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        evidence::answered(status);
        expect::check_status(ask, status)?;
        if !expect::needs_body(ask) {
            return Ok(());
        }
        let body = read(response).await.map_err(failed)?;
        expect::check_body(ask, self.pattern.as_deref(), &body)
    }
}

/// Reads to the end of the body, or to the most that is searched.
async fn read(mut response: Response) -> Result<Body, reqwest::Error> {
    let mut body = Body::default();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_SIZE_BYTES_MAX - body.bytes.len();
        body.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            body.is_cut = true;
            break;
        }
    }
    Ok(body)
}

/// The URL, and the address that `host` is where it is one. The connector does not look up such a
/// host, it would connect to it: the URL then carries the target's address in its place.
fn url(ask: &HttpAsk, target: SocketAddr) -> Result<(Url, Option<IpAddr>), HttpFault> {
    let fault = || HttpFault::Url(ask.host.clone());
    let (name, _) = split_port(&ask.host);
    let scheme = if ask.tls.is_some() { "https" } else { "http" };
    let name = if name.parse::<Ipv6Addr>().is_ok() { format!("[{name}]") } else { name.to_owned() };
    let mut url = Url::parse(&format!("{scheme}://{name}:{}{}", target.port(), ask.path)).map_err(|_| fault())?;
    if url.domain().is_some() {
        return Ok((url, None));
    }
    let literal = url.host_str().unwrap_or_default().trim_matches(['[', ']']).parse().map_err(|_| fault())?;
    url.set_ip_host(target.ip()).map_err(|()| fault())?;
    Ok((url, Some(literal)))
}

/// `host` without a port that it names, and whether it does.
fn split_port(host: &str) -> (&str, bool) {
    match host.rsplit_once(':') {
        Some((name, port)) if (!name.contains(':') || name.ends_with(']')) && port.parse::<u16>().is_ok() => {
            (name, true)
        }
        _ => (host, false),
    }
}

/// Our own headers, each replaced by that of the check where it has one.
fn headers(ask: &HttpAsk, port: u16) -> Result<HeaderMap, HttpFault> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| HttpFault::Header(text.to_owned()));
    let own_port = if ask.tls.is_some() { 443 } else { 80 };
    let bare = if ask.host.parse::<Ipv6Addr>().is_ok() { format!("[{}]", ask.host) } else { ask.host.clone() };
    let host = if split_port(&ask.host).1 || port == own_port { bare } else { format!("{bare}:{port}") };
    let mut given = HeaderMap::new();
    for (name, text) in &ask.headers {
        let name = HeaderName::from_str(name).map_err(|_| HttpFault::Header(name.clone()))?;
        given.append(name, value(text)?);
    }
    for (name, text) in [(HOST, host.as_str()), (USER_AGENT, AGENT), (ACCEPT, "*/*"), (CONNECTION, "close")] {
        if !given.contains_key(&name) {
            given.insert(name, value(text)?);
        }
    }
    Ok(given)
}
