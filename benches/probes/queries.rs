//! Queries for the first pools, over UDP.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use crate::support::dns::query;
use crate::support::folder::ZONE;
use crate::support::pause;

const HEADER_SIZE_BYTES: usize = 12;
const TICK: Duration = Duration::from_millis(1);
/// Queries that may wait for their replies in the buffer of the socket.
const AT_ONCE: usize = 100;

fn message(pool: u32) -> Vec<u8> {
    let mut message = query(&format!("p{pool}.{ZONE}."), RecordType::A);
    message.metadata.id = u16::try_from(pool % 65_536).unwrap();
    message.to_vec().unwrap()
}

/// Asks for the first pools, again and again.
pub(crate) struct Asker {
    socket: UdpSocket,
    messages: Vec<Vec<u8>>,
}

impl Asker {
    /// For up to 65,536 pools.
    pub(crate) fn new(server: SocketAddr, pools: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self { socket, messages: (0..pools).map(message).collect() }
    }

    /// Asks for all of them once; each address that comes is told to `seen`, with its pool.
    pub(crate) fn ask(&self, mut seen: impl FnMut(u32, Ipv4Addr)) {
        for some in self.messages.chunks(AT_ONCE) {
            some.iter().for_each(|message| drop(self.socket.send(message)));
            let mut reply = [0; 512];
            for _ in some {
                let Ok(length) = self.socket.recv(&mut reply) else { break };
                let reply = &reply[..length];
                // One answer and nothing behind it: the address is what it ends with.
                if length > HEADER_SIZE_BYTES && reply[7] == 1 {
                    let end = *reply.last_chunk::<4>().unwrap();
                    seen(u16::from_be_bytes([reply[0], reply[1]]).into(), end.into());
                }
            }
        }
    }
}

/// A load of queries, until it is dropped.
pub(crate) struct Load {
    replies: Arc<AtomicU64>,
    began: Instant,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(server: SocketAddr, pools: u32, rate: u32) -> Self {
        let (replies, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stopped) = (Arc::clone(&replies), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let asker = Asker::new(server, pools);
            asker.socket.set_nonblocking(true).unwrap();
            let mut next = asker.messages.iter().cycle();
            let (began, mut sent) = (Instant::now(), 0.0);
            let mut reply = [0; 512];
            while !stopped.load(Relaxed) {
                let due = began.elapsed().as_secs_f64() * f64::from(rate);
                while sent < due {
                    let _ = asker.socket.send(next.next().unwrap());
                    sent += 1.0;
                }
                while asker.socket.recv(&mut reply).is_ok() {
                    counted.fetch_add(1, Relaxed);
                }
                pause(TICK);
            }
        });
        Self { replies, began: Instant::now(), stop, thread: Some(thread) }
    }

    /// Replies a second so far.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let replies = self.replies.load(Relaxed) as f64;
        replies / self.began.elapsed().as_secs_f64()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
