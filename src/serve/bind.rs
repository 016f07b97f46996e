//! Opening the sockets: all of them, or an error that says what to do.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::{libc, setsockopt_impl, sockopt_impl};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::answer::Transport;

/// Connections that the system completes while the server has not yet taken them.
const BACKLOG: i32 = 1024;

/// Buffers of a UDP socket: about 5,000 queries that wait while a thread is not scheduled. Less is
/// given where `net.core.rmem_max` says so.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Replies that the system holds for one TCP client. By itself it would hold megabytes, for each of a
/// thousand clients, and would say that there is room again only after a third of them is read.
const STREAM_BUFFER_BYTES: usize = 256 * 1024;

/// How long a new connection is left with the system until its first query is there, in seconds. A client
/// that wants to ask does so at once, so that the server is woken once for both; who does not is handed
/// over after this time, and is then idle like any other.
const FIRST_QUERY_SECONDS: u32 = 1;

sockopt_impl!(
    /// See `TCP_DEFER_ACCEPT` in tcp(7).
    TcpDeferAccept,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    u32
);

/// How soon a UDP thread without queries notices the stop.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a UDP thread waits for a device that takes no packets.
const SEND_TIMEOUT: Duration = Duration::from_millis(100);

/// Ports tried for port 0, where UDP must get the port that TCP got.
const PORT_TRIES: usize = 16;

/// Why the server cannot listen, in the terms of what the operator can do about it.
#[derive(Debug, Error)]
pub enum BindError {
    /// No address at all.
    #[error("no address to listen on")]
    Nothing,
    /// Two addresses that would get the same queries.
    #[error("{address} is already covered by {by}; leave one of them out")]
    Covered {
        /// The one too many.
        address: SocketAddr,
        /// The one before it.
        by: SocketAddr,
    },
    /// The process may not use the port.
    #[error("no permission to listen on {address} ({}); ports below 1024 need root or CAP_NET_BIND_SERVICE", word(*.transport))]
    Permission {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        transport: Transport,
        /// What the system said.
        source: io::Error,
    },
    /// Another program has the port.
    #[error(
        "another program listens on {address} ({transport}); `ss -lnp 'sport = :{port}'` shows which \
         (on port 53 often systemd-resolved or another name server)",
        transport = word(*.transport),
        port = .address.port()
    )]
    InUse {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        transport: Transport,
        /// What the system said.
        source: io::Error,
    },
    /// The address is not one of this machine.
    #[error("no interface of this machine has the address of {address}; `ip address` shows those it has")]
    NotLocal {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system lacks the address family.
    #[error("this machine has no {}; leave {address} out of `listen.dns`", if .address.is_ipv6() { "IPv6" } else { "IPv4" })]
    NoFamily {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on {address} ({})", word(*.transport))]
    Other {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        transport: Transport,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    fn new(address: SocketAddr, transport: Transport, source: io::Error) -> Self {
        use nix::errno::Errno;
        match source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EACCES | Errno::EPERM) => Self::Permission { address, transport, source },
            Some(Errno::EADDRINUSE) => Self::InUse { address, transport, source },
            Some(Errno::EADDRNOTAVAIL) => Self::NotLocal { address, source },
            Some(Errno::EAFNOSUPPORT) => Self::NoFamily { address, source },
            _ => Self::Other { address, transport, source },
        }
    }
}

fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
    }
}

/// The sockets of one address.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) tcp: Socket,
    /// One for each thread; the system spreads the clients among them.
    pub(super) udp: Vec<Socket>,
}

/// Sockets that are open and that nobody serves yet. Queries already wait in them.
#[derive(Debug)]
pub struct Bound {
    pub(super) listeners: Vec<Listener>,
}

impl Bound {
    /// Where it listens, in the order asked for; port 0 has become a real one.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|l| l.address).collect()
    }
}

/// Opens UDP and TCP on every address, with `udp_threads` UDP sockets each (0: one per core).
///
/// Port 0 takes a free port, the same for UDP and TCP. The sockets work on after privileges are dropped.
///
/// # Errors
/// When one address cannot be had; then none is.
pub fn bind(addresses: &[SocketAddr], udp_threads: usize) -> Result<Bound, BindError> {
    if addresses.is_empty() {
        return Err(BindError::Nothing);
    }
    for (i, &address) in addresses.iter().enumerate() {
        if let Some(&by) = addresses[..i].iter().find(|&&by| covers(by, address) || covers(address, by)) {
            return Err(BindError::Covered { address, by });
        }
    }
    let threads = match udp_threads {
        0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        n => n,
    };
    let listeners = addresses.iter().map(|&address| listen(address, threads)).collect::<Result<_, _>>()?;
    Ok(Bound { listeners })
}

/// Whether queries to `other` would reach `address` too.
fn covers(address: SocketAddr, other: SocketAddr) -> bool {
    address.port() != 0
        && address.port() == other.port()
        && address.is_ipv4() == other.is_ipv4()
        && (address.ip() == other.ip() || address.ip().is_unspecified())
}

fn listen(asked: SocketAddr, threads: usize) -> Result<Listener, BindError> {
    let mut tries = if asked.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        // TCP first and for itself alone: it keeps a second server of ours off the port, which the
        // shared UDP sockets would let in without a word.
        let (tcp, address) = tcp(asked).map_err(|e| BindError::new(asked, Transport::Tcp, e))?;
        match (0..threads).map(|_| udp(address)).collect() {
            Ok(udp) => return Ok(Listener { address, tcp, udp }),
            Err(_) if tries > 0 => {}
            Err(error) => return Err(BindError::new(address, Transport::Udp, error)),
        }
    }
}

fn tcp(asked: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(asked), Type::STREAM, Some(Protocol::TCP))?;
    if asked.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a server before this one, which linger, do not keep the port.
    socket.set_reuse_address(true)?;
    // Connections inherit it: replies are written whole, waiting for more gains nothing.
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(STREAM_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    // It only saves work.
    let _ = setsockopt(&socket, TcpDeferAccept, &FIRST_QUERY_SECONDS);
    socket.bind(&asked.into())?;
    socket.listen(BACKLOG)?;
    let address = socket.local_addr()?.as_socket().unwrap_or(asked);
    Ok((socket, address))
}

fn udp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    // Small buffers only lose queries in bursts.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    // Forged "fragmentation needed" messages shall not make replies go out in pieces, of which the
    // second could be forged too: what the path is said to bear is left out of account.
    match address.ip() {
        IpAddr::V4(_) => set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::OMIT)?,
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::OMIT)?;
        }
    }
    // Before the socket is bound, so that no datagram is received without it.
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => setsockopt(&socket, Ipv4PacketInfo, &true)?,
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => setsockopt(&socket, Ipv6RecvPacketInfo, &true)?,
        _ => {}
    }
    socket.bind(&address.into())?;
    Ok(socket)
}
