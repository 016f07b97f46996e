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

use super::failure::chain;
use super::wallet::Cut;
use super::{Failure, Unready, Wallet, clip};
use crate::model::sink::Ca;

/// So long a connection is kept for the next event: shorter than servers and proxies keep theirs.
const IDLE_TIME: Duration = Duration::from_secs(20);
/// So much of a reply is read.
const REPLY_BYTES_MAX: usize = 4096;
/// So much of it is told.
const SAID_LEN_MAX: usize = 200;

/// A way to send requests, of one sink.
pub(super) struct Http {
    client: Client,
    wallet: Wallet,
}

impl Http {
    /// It trusts these certificates, or the built-in roots; no failure shows what the wallet holds.
    pub(super) fn new(ca: Option<&Ca>, wallet: &Wallet) -> Result<Self, Unready> {
        Ok(Self { client: client(ca)?, wallet: wallet.clone() })
    }

    pub(super) fn post(&self, url: &Url) -> RequestBuilder {
        self.client.post(url.clone())
    }

    /// Sends a request; any 2xx is a success.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<(), Failure> {
        let response = request.send().await.map_err(no_reply)?;
        let status = response.status();
        if status.is_success() {
            // Read to its end, so that the connection can be used again.
            let _ = beginning(response).await;
            return Ok(());
        }
        let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = after.map(Duration::from_secs);
        let (body, cut) = beginning(response).await;
        let said = said(&body, cut, &self.wallet);
        Err(Failure::Status { code: status.as_u16(), said, after })
    }
}

/// The beginning of a body on one line.
fn said(body: &[u8], cut: Cut, wallet: &Wallet) -> String {
    let text = wallet.hide_in(&String::from_utf8_lossy(body), cut);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    clip(&words.collect::<Vec<_>>().join(" "), SAID_LEN_MAX)
}

/// A client that trusts these certificates, or the built-in roots.
fn client(ca: Option<&Ca>) -> Result<Client, Unready> {
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

/// The beginning of the body, as far as it comes.
async fn beginning(mut response: Response) -> (Vec<u8>, Cut) {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() >= REPLY_BYTES_MAX {
            body.truncate(REPLY_BYTES_MAX);
            return (body, Cut::After);
        }
    }
    (body, Cut::No)
}

/// In words, without the URL, which may be a secret.
fn no_reply(error: reqwest::Error) -> Failure {
    Failure::NoReply(chain(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::super::wallet::tests::wallet;
    use super::*;

    #[test]
    fn a_secret_is_hidden_before_a_reply_is_cut() {
        let wallet = wallet("TOKEN", "hunter2-hunter2");
        // Across what is shown, and across what is read.
        for (filler, max) in [("x", SAID_LEN_MAX), (" ", REPLY_BYTES_MAX)] {
            for before in max - 20..=max {
                let mut body = format!("{}hunter2-hunter2 is wrong", filler.repeat(before)).into_bytes();
                let cut = if body.len() >= REPLY_BYTES_MAX { Cut::After } else { Cut::No };
                body.truncate(REPLY_BYTES_MAX);
                let said = said(&body, cut, &wallet);
                assert!(!said.contains("hu") && said.len() <= SAID_LEN_MAX, "{before}: {said}");
            }
        }
    }
}
