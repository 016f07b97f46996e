//! The endpoints: one thread that serves every address of 127.0.0.0/8 on one port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BACKLOG: i32 = 4096;
const HEAD_SIZE_BYTES_MAX: usize = 4096;
/// Hosts of one /24 that are used.
const PER_NETWORK: u32 = 250;

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nall is OK\n";
const BAD: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// All endpoints, counted from 0.
pub(crate) struct Endpoints {
    /// The one port of all of them.
    pub(crate) port: u16,
    state: Arc<Vec<State>>,
}

#[derive(Default)]
struct State {
    checks: AtomicU64,
    /// When the latest check came, in microseconds since 1970.
    arrived: AtomicU64,
    failing: AtomicBool,
    /// Replies since it last changed.
    replies: AtomicU32,
    /// How many make the verdict.
    needed: AtomicU32,
    /// When the one was sent that does.
    judged: AtomicU64,
}

impl Endpoints {
    /// Serves them until the process ends.
    pub(crate) fn start(count: u32) -> Self {
        let state: Arc<Vec<State>> = Arc::new((0..count).map(|_| State::default()).collect());
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Every address of the loopback interface, and none of another.
        socket.bind_device(Some(b"lo")).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
        socket.listen(BACKLOG).unwrap();
        let listener: std::net::TcpListener = socket.into();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(serve(listener, shared));
        });
        Self { port, state }
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.state.len()).unwrap()
    }

    /// Checks served so far, of all together.
    pub(crate) fn checks(&self) -> u64 {
        self.state.iter().map(|state| state.checks.load(Relaxed)).sum()
    }

    /// Checks served so far, of one.
    pub(crate) fn checks_of(&self, index: u32) -> u64 {
        self.of(index).checks.load(Relaxed)
    }

    /// When the latest check of one came.
    pub(crate) fn arrived(&self, index: u32) -> SystemTime {
        time(self.of(index).arrived.load(Relaxed))
    }

    /// From now on they fail or work; `needed` replies make the verdict.
    pub(crate) fn turn(&self, indexes: impl Iterator<Item = u32>, failing: bool, needed: u32) {
        for index in indexes {
            let state = self.of(index);
            state.needed.store(needed, Relaxed);
            state.replies.store(0, Relaxed);
            state.judged.store(0, Relaxed);
            state.failing.store(failing, Relaxed);
        }
    }

    /// When the reply was sent that makes the verdict since one last changed.
    pub(crate) fn judged(&self, index: u32) -> Option<SystemTime> {
        Some(self.of(index).judged.load(Relaxed)).filter(|micros| *micros > 0).map(time)
    }

    fn of(&self, index: u32) -> &State {
        &self.state[index as usize]
    }
}

/// The address of an endpoint.
pub(crate) fn address(index: u32) -> Ipv4Addr {
    let [_, _, high, low] = (index / PER_NETWORK).to_be_bytes();
    let host = u8::try_from(index % PER_NETWORK).unwrap() + 1;
    Ipv4Addr::new(127, 1 + high, low, host)
}

/// The endpoint of an address; none of another.
pub(crate) fn index(address: IpAddr) -> Option<u32> {
    let IpAddr::V4(address) = address else { return None };
    let [_, high, low, host] = address.octets();
    let network = u32::from(high.checked_sub(1)?) * 256 + u32::from(low);
    Some(network * PER_NETWORK + u32::from(host.checked_sub(1)?))
}

async fn serve(listener: std::net::TcpListener, state: Arc<Vec<State>>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let arrived = micros(SystemTime::now());
        let Some(index) = stream.local_addr().ok().and_then(|at| index(at.ip())) else { continue };
        if state.get(index as usize).is_some() {
            let state = Arc::clone(&state);
            tokio::spawn(async move { talk(stream, arrived, &state[index as usize]).await });
        }
    }
}

/// One request, one reply, and the end: everybody asks for `Connection: close`, or speaks HTTP/1.0.
async fn talk(mut stream: TcpStream, arrived: u64, state: &State) {
    let mut head = Vec::with_capacity(HEAD_SIZE_BYTES_MAX);
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_SIZE_BYTES_MAX {
        match stream.read_buf(&mut head).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let reply = if state.failing.load(Relaxed) { BAD } else { GOOD };
    if stream.write_all(reply).await.is_err() {
        return;
    }
    state.checks.fetch_add(1, Relaxed);
    state.arrived.store(arrived, Relaxed);
    if state.replies.fetch_add(1, Relaxed) + 1 == state.needed.load(Relaxed) {
        state.judged.store(micros(SystemTime::now()), Relaxed);
    }
}

fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn time(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
}
