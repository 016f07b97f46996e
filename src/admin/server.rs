//! Connections of the admin API: few, short, and each bounded in time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::listener::{Kind, Listener};

/// Connections at a time; more wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to send its request head.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// How long a connection may last in all.
const CONNECTION_TIME: Duration = Duration::from_secs(60);
/// Request head in bytes; far more than any request here needs.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// After a failed accept: the system is out of files, and asking again at once helps nobody.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long running requests may take to end at shutdown.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Serves until `stop` says true, then lets running requests end. `router` is told by an extension
/// of `Origin` how the request came.
pub async fn run(listener: Listener, router: Router, mut stop: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let origin = match &listener.kind {
        Kind::Tcp(_) => Origin::Tcp,
        Kind::Unix(_) => Origin::Unix,
    };
    let router = router.layer(axum::Extension(origin));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = accept(&listener.kind) => accepted,
        };
        match accepted {
            Ok(stream) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    connection(stream, router, stop).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, listener = %listener.address(), "admin connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    let _ = timeout(DRAIN_TIME, async { while connections.join_next().await.is_some() {} }).await;
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Where any web page of a local browser can send requests to.
    Tcp,
    /// Where only processes with access to the file can.
    Unix,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn accept(kind: &Kind) -> std::io::Result<Box<dyn Stream>> {
    Ok(match kind {
        Kind::Tcp(listener) => Box::new(listener.accept().await?.0),
        Kind::Unix(listener) => Box::new(listener.accept().await?.0),
    })
}

async fn connection(stream: Box<dyn Stream>, router: Router, mut stop: watch::Receiver<bool>) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = timeout(CONNECTION_TIME, async {
        tokio::select! {
            ended = served.as_mut() => ended,
            () = stopped(&mut stop) => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        }
    });
    if let Ok(Err(error)) = ended.await {
        tracing::debug!(%error, "admin connection ended early");
    }
}

/// Waits for the word to stop, or for the one who would say it to be gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
