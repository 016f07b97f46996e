//! Connections of the admin API: few, short, and each bounded in time.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::access::Came;
use super::listener::{Kind, Listener};
use super::patience::Patient;

/// Connections at a time; more wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to send its request head.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// How long a connection takes requests; the one that runs then may end.
const CONNECTION_TIME: Duration = Duration::from_secs(60);
/// How long that one may take. A reload waits for the first checks of new targets, and `pharos reload`
/// waits 300 s for it.
const LAST_REQUEST_TIME: Duration = Duration::from_secs(330);
/// Request head in bytes; far more than any request here needs.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// After a failed accept: the system is out of files, and asking again at once helps nobody.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long running requests may take to end at shutdown.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// What a connection is allowed to take: a place among few, and little time. A stream of events, of
/// which there is another bound, is let out of both.
#[derive(Debug, Clone)]
pub(super) struct Lease(Arc<Terms>);

#[derive(Debug)]
struct Terms {
    place: Mutex<Option<OwnedSemaphorePermit>>,
    lasting: AtomicBool,
}

impl Lease {
    fn new(place: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Terms { place: Mutex::new(Some(place)), lasting: AtomicBool::new(false) }))
    }

    /// Gives the place back, and lets the connection last.
    pub(super) fn lengthen(&self) {
        self.0.lasting.store(true, Ordering::Relaxed);
        drop(self.0.place.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn is_lasting(&self) -> bool {
        self.0.lasting.load(Ordering::Relaxed)
    }
}

/// Serves until `stop` says true, then lets running requests end. `router` is told by extensions how a
/// request came, and of its lease.
pub async fn run(listener: Listener, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = accept(&listener.kind, &places) => accepted,
        };
        match accepted {
            Ok((stream, came, place)) => {
                let (router, stop, lease) = (router.clone(), stop.clone(), Lease::new(place));
                connections.spawn(connection(stream, came, router, lease, stop));
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

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Waits for a place, and for somebody who takes it.
async fn accept(kind: &Kind, places: &Arc<Semaphore>) -> io::Result<(Box<dyn Stream>, Came, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    Ok(match kind {
        Kind::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            let came = Came::Tcp(stream.local_addr()?);
            // An event shall not wait for the one after it.
            stream.set_nodelay(true)?;
            (Box::new(stream), came, place)
        }
        Kind::Unix(listener) => (Box::new(listener.accept().await?.0), Came::Unix, place),
    })
}

async fn connection(
    stream: Box<dyn Stream>,
    came: Came,
    router: Router,
    lease: Lease,
    mut stop: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let asked = lease.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(came);
        request.extensions_mut().insert(asked.clone());
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
    let mut served = std::pin::pin!(served);
    let mut end = std::pin::pin!(sleep(CONNECTION_TIME));
    let (mut ends, mut closing, mut stopping) = (true, false, false);
    let ended = loop {
        tokio::select! {
            ended = served.as_mut() => break ended,
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                served.as_mut().graceful_shutdown();
            }
            () = end.as_mut(), if ends => {
                if lease.is_lasting() {
                    ends = false;
                } else if closing {
                    tracing::debug!("an admin request took too long and is dropped");
                    return;
                } else {
                    closing = true;
                    end.as_mut().reset(Instant::now() + LAST_REQUEST_TIME);
                    served.as_mut().graceful_shutdown();
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "admin connection ended early");
    }
}

/// Waits for the word to stop, or for the one who would say it to be gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// Asks for a path that replies after so many seconds; what came back, and when the connection was closed.
    async fn ask(takes: u64) -> (String, u64) {
        let (mut near, began) = (connect(takes), Instant::now());
        near.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("taken");
        let mut reply = String::new();
        near.read_to_string(&mut reply).await.expect("an end");
        (reply, began.elapsed().as_secs())
    }

    fn connect(takes: u64) -> DuplexStream {
        let (near, far) = duplex(4096);
        let router = Router::new().route(
            "/",
            get(async move || {
                sleep(Duration::from_secs(takes)).await;
                "done"
            }),
        );
        tokio::spawn(async move {
            let place = Arc::new(Semaphore::new(1)).acquire_owned().await.expect("open");
            let stop = watch::Sender::new(false);
            connection(Box::new(far), Came::Unix, router, Lease::new(place), stop.subscribe()).await;
        });
        near
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_may_end() {
        let (reply, took) = ask(100).await;
        assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("done"), "{reply}");
        assert_eq!(took, 100, "and the connection with it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_end_is_dropped() {
        assert_eq!(ask(10_000).await, (String::new(), 390));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_nothing_more_is_closed() {
        let (reply, took) = ask(0).await;
        assert!(reply.ends_with("done"), "{reply}");
        assert!(took <= 60, "{took}");
    }
}
