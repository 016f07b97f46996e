//! A regional endpoint that does what the test says: replies, hangs, refuses; HTTP, TLS or bare TCP.

use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::tls::Certificate;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// What a connection gets.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// A status and a body.
    Reply(u16, String),
    /// A status, and when to come back, in seconds.
    Later(u16, u64),
    /// Nothing, for ever.
    Hang,
    /// The end of the connection.
    Close,
    /// Something that is not HTTP.
    Noise,
}

impl Behaviour {
    /// What a region that works says.
    pub fn healthy(region: &str) -> Self {
        Self::Reply(200, format!("{{\"status\": \"ok\", \"region\": \"{region}\"}}"))
    }

    pub fn status(status: u16) -> Self {
        Self::Reply(status, format!("status {status}"))
    }
}

/// One request that came.
#[derive(Debug, Clone)]
pub struct Request {
    /// When its connection came.
    pub at: Instant,
    /// Head and all, as it was sent.
    pub head: String,
    /// What followed it.
    pub body: Vec<u8>,
    /// What TLS was told, where there was TLS.
    pub sni: Option<String>,
}

impl Request {
    /// The first line.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body, which is JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

struct State {
    behaviour: Mutex<Behaviour>,
    acceptor: Mutex<Option<TlsAcceptor>>,
    requests: Mutex<Vec<Request>>,
    /// When each connection came.
    connections: Mutex<Vec<Instant>>,
}

pub struct Endpoint {
    pub address: SocketAddr,
    state: Arc<State>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.refuse();
    }
}

impl Endpoint {
    /// On any port of 127.0.0.1.
    pub fn new(behaviour: Behaviour) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), behaviour)
    }

    /// On this address.
    pub fn on(ip: IpAddr, behaviour: Behaviour) -> Self {
        Self::at((ip, 0).into(), behaviour)
    }

    pub fn at(address: SocketAddr, behaviour: Behaviour) -> Self {
        let state = Arc::new(State {
            behaviour: Mutex::new(behaviour),
            acceptor: Mutex::new(None),
            requests: Mutex::default(),
            connections: Mutex::default(),
        });
        let listener = RUNTIME.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let task = RUNTIME.spawn(serve(listener, Arc::clone(&state)));
        Self { address, state, task: Mutex::new(Some(task)) }
    }

    /// Speaks TLS with this certificate from now on.
    pub fn present(&self, certificate: &Certificate) -> &Self {
        *self.state.acceptor.lock().unwrap() = Some(certificate.acceptor());
        self
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what connections get, and says since when.
    pub fn set(&self, behaviour: Behaviour) -> Instant {
        *self.state.behaviour.lock().unwrap() = behaviour;
        Instant::now()
    }

    /// Closes the port.
    pub fn refuse(&self) -> Instant {
        if let Some(task) = self.task.lock().unwrap().take() {
            task.abort();
            let _ = RUNTIME.block_on(task);
        }
        Instant::now()
    }

    /// Opens the port again.
    pub fn listen(&self) -> Instant {
        let mut task = self.task.lock().unwrap();
        if task.is_none() {
            let listener = RUNTIME.block_on(TcpListener::bind(self.address)).unwrap();
            *task = Some(RUNTIME.spawn(serve(listener, Arc::clone(&self.state))));
        }
        Instant::now()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> Vec<Instant> {
        self.state.connections.lock().unwrap().clone()
    }

    /// The first connection that came after a moment.
    pub fn first_after(&self, moment: Instant) -> Option<Instant> {
        self.connections().into_iter().find(|at| *at > moment)
    }

    /// How many connections came after a moment.
    pub fn count_after(&self, moment: Instant) -> usize {
        self.connections().iter().filter(|at| **at > moment).count()
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let at = Instant::now();
        state.connections.lock().unwrap().push(at);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A prober that gives up in the middle is what many tests are about.
            let _ = connection(stream, at, &state).await;
        });
    }
}

async fn connection(stream: TcpStream, at: Instant, state: &State) -> std::io::Result<()> {
    let behaviour = state.behaviour.lock().unwrap().clone();
    let acceptor = state.acceptor.lock().unwrap().clone();
    match acceptor {
        Some(acceptor) => {
            let stream = acceptor.accept(stream).await?;
            let sni = stream.get_ref().1.server_name().map(str::to_owned);
            talk(stream, at, sni, behaviour, state).await
        }
        None => talk(stream, at, None, behaviour, state).await,
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    at: Instant,
    sni: Option<String>,
    behaviour: Behaviour,
    state: &State,
) -> std::io::Result<()> {
    if matches!(behaviour, Behaviour::Close) {
        return stream.shutdown().await;
    }
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let end = head.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_default() + 4;
    let mut body = head.split_off(end);
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut request = Request { at, head, body: Vec::new(), sni };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(());
        }
    }
    request.body = body;
    state.requests.lock().unwrap().push(request);
    match behaviour {
        Behaviour::Hang => pending::<()>().await,
        Behaviour::Close => {}
        Behaviour::Noise => stream.write_all(b"220 mail.example ESMTP\r\n").await?,
        Behaviour::Later(status, seconds) => {
            let text = format!(
                "HTTP/1.1 {status} Because\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(text.as_bytes()).await?;
        }
        Behaviour::Reply(status, body) => {
            let text = format!(
                "HTTP/1.1 {status} Because\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).await?;
        }
    }
    stream.shutdown().await
}
