//! The application of one region: a tiny HTTP server that can be told to fail.
//!
//! It speaks just enough HTTP for a health check and for `curl`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const CONNECTIONS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 8 * 1024;
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How many ports are tried until one is free on every address.
const PORT_TRIES: usize = 32;

/// A region that works, or does not.
pub(super) struct Endpoint {
    /// Its region, as the zone calls it.
    pub(super) region: &'static str,
    /// Where it listens.
    pub(super) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    working: watch::Sender<bool>,
    /// When it first turned somebody away since it was told to fail.
    refused: watch::Sender<Option<Instant>>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Endpoint {
    /// Starts one per region, all on one port that is free on each address.
    pub(super) async fn start(regions: &[(&'static str, IpAddr)]) -> io::Result<Vec<Self>> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..PORT_TRIES {
            match bind_all(regions).await {
                Ok(bound) => {
                    return Ok(bound
                        .into_iter()
                        .map(|(region, listener, at)| Self::over(region, listener, at))
                        .collect());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn over(region: &'static str, listener: TcpListener, address: SocketAddr) -> Self {
        let state = Arc::new(State { working: watch::Sender::new(true), refused: watch::Sender::new(None) });
        let task = tokio::spawn(serve(listener, region, Arc::clone(&state)));
        Self { region, address, state, task }
    }

    /// Whether it works.
    pub(super) fn is_working(&self) -> bool {
        *self.state.working.borrow()
    }

    /// Lets it fail, or work again, from now on.
    pub(super) fn set_working(&self, working: bool) {
        self.state.refused.send_replace(None);
        self.state.working.send_replace(working);
    }

    /// When it first turned a check away, since it was told to fail.
    pub(super) fn first_refusal(&self) -> Option<Instant> {
        *self.state.refused.borrow()
    }
}

async fn bind_all(regions: &[(&'static str, IpAddr)]) -> io::Result<Vec<(&'static str, TcpListener, SocketAddr)>> {
    let mut port = 0;
    let mut bound = Vec::new();
    for (region, ip) in regions {
        let listener = TcpListener::bind((*ip, port)).await?;
        let address = listener.local_addr()?;
        port = address.port();
        bound.push((*region, listener, address));
    }
    Ok(bound)
}

async fn serve(listener: TcpListener, region: &'static str, state: Arc<State>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let _permit = permit;
            // A client that goes away in the middle is its own loss.
            let _ = timeout(REQUEST_TIME, reply(stream, region, &state)).await;
        });
    }
}

async fn reply(mut stream: TcpStream, region: &str, state: &State) -> io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let working = *state.working.borrow();
    let (status, word) = if working { ("200 OK", "ok") } else { ("503 Service Unavailable", "failing") };
    if !working {
        state.refused.send_if_modified(|first| {
            let news = first.is_none();
            first.get_or_insert_with(Instant::now);
            news
        });
    }
    let body = format!("{{\"region\": \"{region}\", \"status\": \"{word}\"}}\n");
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    async fn get(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_region_fails_and_works_again() {
        let regions =
            [("us-east", Ipv4Addr::new(127, 0, 0, 1).into()), ("eu-west", Ipv4Addr::new(127, 0, 0, 2).into())];
        let endpoints = Endpoint::start(&regions).await.unwrap();
        assert_eq!(endpoints[0].address.port(), endpoints[1].address.port());
        assert!(get(endpoints[1].address).await.starts_with("HTTP/1.1 200 "));
        endpoints[1].set_working(false);
        assert!(endpoints[1].first_refusal().is_none());
        assert!(get(endpoints[1].address).await.starts_with("HTTP/1.1 503 "));
        assert!(endpoints[1].first_refusal().is_some());
        assert!(get(endpoints[0].address).await.contains("\"region\": \"us-east\""));
        endpoints[1].set_working(true);
        assert!(get(endpoints[1].address).await.contains("200 OK"));
    }
}
