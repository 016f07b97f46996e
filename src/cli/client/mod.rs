//! Talks HTTP/1.1 to the admin API of a node, over TCP or a unix socket: one connection per request.
//!
//! Deliberately absent: TLS (the API is plain HTTP, behind loopback, a unix socket or a tunnel), redirects,
//! keep-alive and proxies.

mod fault;
mod place;
mod reply;
mod sse;
mod token;

use std::cell::OnceCell;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use fault::Fault;
pub(crate) use place::Place;
use place::Places;
pub(crate) use reply::Reply;
pub(crate) use sse::{Heard, Stream};
use token::Token;

/// Until a connection stands. A node on this machine needs none of it; one behind a tunnel some.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Until the reply to a request is complete.
const REPLY_MAX: Duration = Duration::from_secs(30);

/// Which node is asked, and as whom.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The node")]
pub(crate) struct NodeArgs {
    /// Where the node's admin API is: ADDR:PORT, unix:PATH or http://HOST:PORT; by default what
    /// listen.admin of the configuration says, else 127.0.0.1:8053
    #[arg(long, value_name = "PLACE", env = "PHAROS_ADMIN")]
    admin: Option<Place>,
    /// The node's file, read for listen.admin and the tokens; by default /etc/pharos/pharos.toml
    #[arg(long, short = 'c', value_name = "FILE", env = "PHAROS_CONFIG")]
    config: Option<PathBuf>,
    /// A file that holds the token; else PHAROS_TOKEN, else the file that the configuration names, where it
    /// may be read
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print the JSON that the node replies, as it is
    #[arg(long)]
    pub(crate) json: bool,
}

/// The admin API of one node.
pub(crate) struct Client {
    places: Places,
    /// The place that let itself be connected to.
    reached: OnceCell<Place>,
    token: Option<Token>,
    runtime: Runtime,
}

/// A connection's work, ended with it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    pub(crate) fn new(args: &NodeArgs) -> Result<Self, Fault> {
        let NodeArgs { admin, config, token_file, json: _ } = args;
        let places = Places::of(admin.as_ref(), config.as_deref())?;
        let token = Token::of(token_file.as_deref(), &places)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::Runtime)?;
        Ok(Self { places, reached: OnceCell::new(), token, runtime })
    }

    /// Runs something that waits.
    pub(crate) fn block<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Reads a path; anything but success is a fault.
    pub(crate) fn get(&self, path: &str) -> Result<Reply, Fault> {
        self.block(self.get_soon(path))
    }

    /// As [`Client::get`], inside of [`Client::block`].
    pub(crate) async fn get_soon(&self, path: &str) -> Result<Reply, Fault> {
        self.ask(Method::GET, path, None, REPLY_MAX).await?.good()
    }

    /// Writes, and returns whatever the node says to it; `within` is how long it may take.
    pub(crate) fn write(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Reply, Fault> {
        self.block(self.write_soon(method, path, body, REPLY_MAX))
    }

    /// As [`Client::write`], inside of [`Client::block`], with a bound of its own.
    pub(crate) async fn write_soon(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<Reply, Fault> {
        let body = serde_json::to_vec(body).map_err(|fault| Fault::Body(fault.to_string()))?;
        self.ask(method, path, Some(body), within).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Vec<u8>>, within: Duration) -> Result<Reply, Fault> {
        let work = async {
            let (reply, driver) = self.send(method, path, body, &[]).await?;
            let reply = Reply::read(reply, &self.shown()).await;
            drop(driver);
            reply
        };
        timeout(within, work).await.unwrap_or_else(|_| Err(Fault::Slow { place: self.shown(), within }))
    }

    /// Listens to a path that never ends, from what follows this id on.
    pub(crate) async fn stream(&self, path: &str, after: Option<u64>) -> Result<Stream, Fault> {
        let after = after.map(|id| id.to_string());
        let mut headers = vec![(header::ACCEPT, HeaderValue::from_static("text/event-stream"))];
        if let Some(id) = after.and_then(|id| HeaderValue::from_str(&id).ok()) {
            headers.push((header::HeaderName::from_static("last-event-id"), id));
        }
        let begin = timeout(REPLY_MAX, self.send(Method::GET, path, None, &headers));
        let slow = |_| Fault::Slow { place: self.shown(), within: REPLY_MAX };
        let (reply, driver) = begin.await.map_err(slow)??;
        let is_stream = reply
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/event-stream")));
        if !reply.status().is_success() || !is_stream {
            Reply::read(reply, &self.shown()).await?.good()?;
            return Err(Fault::NotPharos { place: self.shown() });
        }
        Ok(Stream::new(reply.into_body(), driver))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(header::HeaderName, HeaderValue)],
    ) -> Result<(hyper::Response<Incoming>, Driver), Fault> {
        let mut tried = Vec::new();
        let places = self.reached.get().map_or(self.places.all(), std::slice::from_ref);
        for place in places {
            let mut request = Request::builder().method(method.clone()).uri(path).header(header::HOST, place.host());
            if body.is_some() {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            if let Some(token) = &self.token {
                request = request.header(header::AUTHORIZATION, token.header()?);
            }
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let body = Full::new(Bytes::from(body.clone().unwrap_or_default()));
            let request = request.body(body).map_err(|fault| Fault::Body(fault.to_string()))?;
            let sent = match place {
                Place::Tcp(address) => match connect(TcpStream::connect(address)).await {
                    Ok(stream) => speak(stream, request).await,
                    Err(fault) => {
                        tried.push((place.clone(), fault));
                        continue;
                    }
                },
                Place::Unix(path) => match connect(UnixStream::connect(path)).await {
                    Ok(stream) => speak(stream, request).await,
                    Err(fault) => {
                        tried.push((place.clone(), fault));
                        continue;
                    }
                },
            };
            let _ = self.reached.set(place.clone());
            return sent.map_err(|source| Fault::Broken { place: place.to_string(), source });
        }
        Err(Fault::Unreachable { tried, hint: self.places.hint() })
    }

    /// The place that is talked to, for people.
    fn shown(&self) -> String {
        let place = self.reached.get().or(self.places.all().first());
        place.map_or_else(String::new, ToString::to_string)
    }
}

/// A part of a path as a URL has it (RFC 3986, 2.1): all but the unreserved characters are escaped.
pub(crate) fn escaped(text: &str) -> String {
    let is_free = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if is_free(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

async fn connect<S>(work: impl Future<Output = io::Result<S>>) -> io::Result<S> {
    timeout(CONNECT_MAX, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Sends one request and waits for the head of the reply.
async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> hyper::Result<(hyper::Response<Incoming>, Driver)> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong on the connection is told to the one who waits for the reply or its body.
    let driver = Driver(tokio::spawn(async move { drop(connection.await) }));
    Ok((sender.send_request(request).await?, driver))
}
