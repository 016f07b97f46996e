//! What the sinks that speak HTTP share: a client, a POST, a judgement of the reply.
//!
//! Redirects are not followed: an event would become a GET. Proxies are taken from the environment
//! (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, Url};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{Failure, Unready, clip};
use crate::model::sink::Ca;

/// So long a connection is kept for the next event: shorter than servers and proxies keep theirs.
const IDLE_TIME: Duration = Duration::from_secs(20);
/// So much of a reply is read.
const REPLY_BYTES_MAX: usize = 4096;
/// So much of it is told.
const SAID_LEN_MAX: usize = 200;

/// A client that trusts these certificates, or the built-in roots.
pub(super) fn client(ca: Option<&Ca>) -> Result<Client, Unready> {
    let fault = |error: &dyn Error| Unready::Client(chain(error));
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_root_certificates(roots(ca)?)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("pharos/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(1)
        .build()
        .map_err(|error| fault(&error.without_url()))
}

fn roots(ca: Option<&Ca>) -> Result<RootCertStore, Unready> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some((_, pem)) => {
            let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
            roots.add_parsable_certificates(certificates.map_err(|_| Unready::Trust)?);
        }
    }
    if roots.is_empty() { Err(Unready::Trust) } else { Ok(roots) }
}

/// A URL of HTTP from a key; it may be a secret, which no error repeats.
pub(super) fn url(key: &'static str, text: &str) -> Result<Url, Unready> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or(Unready::Unfit(key, "a URL of HTTP"))
}

/// Sends a request; any 2xx is a success.
pub(super) async fn send(request: RequestBuilder) -> Result<(), Failure> {
    let response = request.send().await.map_err(no_reply)?;
    let status = response.status();
    if status.is_success() {
        // Read to its end, so that the connection can be used again.
        let _ = beginning(response).await;
        return Ok(());
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let after = after.map(Duration::from_secs);
    let said = String::from_utf8_lossy(&beginning(response).await).into_owned();
    let said = said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let said = clip(&said.collect::<Vec<_>>().join(" "), SAID_LEN_MAX);
    Err(Failure::Status { code: status.as_u16(), said, after })
}

/// The beginning of the body, as far as it comes.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() >= REPLY_BYTES_MAX {
            body.truncate(REPLY_BYTES_MAX);
            break;
        }
    }
    body
}

/// In words, without the URL, which may be a secret.
fn no_reply(error: reqwest::Error) -> Failure {
    Failure::NoReply(chain(&error.without_url()))
}

/// An error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
