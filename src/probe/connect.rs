//! The connector's two additions: the address is given, not looked up; and its phases are timed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::{Layer, Service};

use super::evidence;

/// Resolves every name to one address.
#[derive(Debug)]
pub(super) struct Pinned(pub(super) SocketAddr);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        let address: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(address)))
    }
}

/// Marks in the evidence when a connection is asked for and when it is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    /// Whether the connection includes a TLS handshake.
    pub(super) is_tls: bool,
}

impl<S> Layer<S> for Timed {
    type Service = TimedConnector<S>;

    fn layer(&self, inner: S) -> TimedConnector<S> {
        TimedConnector { inner, is_tls: self.is_tls }
    }
}

/// See [`Timed`].
#[derive(Debug, Clone)]
pub(super) struct TimedConnector<S> {
    inner: S,
    is_tls: bool,
}

impl<S, R> Service<R> for TimedConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        evidence::dialled();
        let connecting = self.inner.call(request);
        let is_tls = self.is_tls;
        Box::pin(async move {
            let connection = connecting.await?;
            if is_tls {
                evidence::secured();
            } else {
                evidence::connected();
            }
            Ok(connection)
        })
    }
}
