//! http and https: one request on a connection of its own, answered as expected.
//!
//! The address is the target's, whatever `host` says. Absent on purpose: name look-ups, redirects (a 301
//! is a status), proxies, cookies, retries, connections kept for the next probe. The body is read only
//! where it matters, and never beyond 64 KiB.
//!
//! `Host` is `host` as configured, followed by the port where that is not the scheme's own (RFC 9110,
//! 7.2); a `host` that names a port itself is sent word for word. SNI and the certificate's name are
//! `host` without its port; for a `host` that is an address there is no SNI (RFC 6066, 3).

use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use regex::bytes::Regex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::evidence::Evidence;
use super::expect::{self, Patterns};
use super::reply::Reply;
use super::tls::{Configs, Secure, TlsFault};
use super::{error, tcp};
use crate::model::check::HttpAsk;
use crate::model::observation::Failure;

/// Sent unless `headers` say otherwise.
const AGENT: &str = concat!("pharos/", env!("CARGO_PKG_VERSION"));

/// Why a target cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpFault {
    /// A path that HTTP cannot carry.
    #[error("path {0:?} cannot be sent")]
    Path(String),
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
}

/// A target that is asked over HTTP, ready to be asked.
#[derive(Debug)]
pub(super) struct HttpTarget {
    /// As it is sent.
    request: Box<[u8]>,
    is_head: bool,
    secure: Option<Secure>,
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
        let secure = ask.tls.as_ref().map(|tls| Secure::new(tls, split_port(&ask.host).0, configs)).transpose()?;
        Ok(Self {
            request: request(ask, target.port())?.into_boxed_slice(),
            is_head: ask.method == "HEAD",
            secure,
            pattern: expect::pattern(ask, patterns)?,
        })
    }

    /// Whether asking takes a handshake, and so a thousand times the processor time of anything else.
    pub(super) fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    /// Asks once; `ask` and `target` are what it was made from.
    pub(super) async fn ask(
        &self,
        ask: &HttpAsk,
        target: SocketAddr,
        timeout: Duration,
        seen: &mut Evidence,
    ) -> Result<(), Failure> {
        let mut plain = tcp::connect(target, timeout, seen).await?;
        let Some(secure) = &self.secure else { return self.exchange(&mut plain, ask, timeout, seen).await };
        // In a box, because it is large and others need none of it.
        let talking = Box::pin(async {
            // The request must not wait until the last word of the handshake is acknowledged.
            plain.set_nodelay(true).map_err(|e| error::failure(&e, timeout))?;
            let mut stream = secure.shake_hands(plain).await.map_err(|e| error::failure(&e, timeout))?;
            seen.secured();
            let said = self.exchange(&mut stream, ask, timeout, seen).await;
            Secure::take_leave(stream);
            said
        });
        talking.await
    }

    async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        ask: &HttpAsk,
        timeout: Duration,
        seen: &mut Evidence,
    ) -> Result<(), Failure> {
        let failed = |e: std::io::Error| error::failure(&e, timeout);
        stream.write_all(&self.request).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
        let mut reply = Reply::new(stream);
        let head = reply.head(self.is_head).await.map_err(failed)?;
        seen.answered(head.status);
        expect::check_status(ask, head.status)?;
        if !expect::needs_body(ask) {
            return Ok(());
        }
        let body = reply.body(head).await.map_err(failed)?;
        expect::check_body(ask, self.pattern.as_deref(), &body)
    }
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

/// The request, byte for byte: our own headers, each replaced by that of the check where it has one.
fn request(ask: &HttpAsk, port: u16) -> Result<Vec<u8>, HttpFault> {
    let HttpAsk { tls, method, path, host, headers, expect_status: _, expect_body: _, expect_json: _ } = ask;
    let own_port = if tls.is_some() { 443 } else { 80 };
    let bare = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.clone() };
    let host = if split_port(host).1 || port == own_port { bare } else { format!("{bare}:{port}") };
    let is_given = |own: &str| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(own));
    let own = [("Host", host.as_str()), ("User-Agent", AGENT), ("Accept", "*/*"), ("Connection", "close")];
    let own = own.into_iter().filter(|(name, _)| !is_given(name));
    let given = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));

    Method::from_str(method).map_err(|_| HttpFault::Method(method.clone()))?;
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(HttpFault::Path(path.clone()));
    }
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in own.chain(given) {
        HeaderName::from_str(name).map_err(|_| HttpFault::Header(name.to_owned()))?;
        HeaderValue::from_str(value).map_err(|_| HttpFault::Header(value.to_owned()))?;
        for part in [name, ": ", value, "\r\n"] {
            text.push_str(part);
        }
    }
    // There is none, and for these methods that must be said (RFC 9110, 8.6).
    if matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
        text.push_str("Content-Length: 0\r\n");
    }
    text.push_str("\r\n");
    Ok(text.into_bytes())
}
