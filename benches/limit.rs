//! The limit of the machine: a responder over UDP that does next to nothing for a query.
//!
//! `limit METHOD BATCH THREADS PORT` listens on 127.0.0.1 and gives every query the same A record. What it
//! costs is what the system takes for a datagram in and one out, so that the distance of a server from
//! it is what the server itself does. METHOD is one of:
//!
//! - `recvfrom`: a system call for each datagram, in and out; BATCH is not used;
//! - `mmsg`: up to BATCH datagrams with each system call, as the server does it.
//!
//! It runs until it is ended. Without arguments it says how it is called.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

/// Room for a query or a reply.
const MESSAGE_BYTES: usize = 1232;

/// Room of the socket for queries that wait.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Name as in the question, A, IN, 60 s, 127.0.0.1.
const RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some((method, batch, threads, port)) = read(&words) else {
        eprintln!("limit recvfrom|mmsg BATCH THREADS PORT");
        return;
    };
    let running: Vec<_> = (0..threads)
        .map(|_| {
            let socket = open(port).unwrap();
            thread::spawn(move || method(&socket, batch))
        })
        .collect();
    for thread in running {
        thread.join().unwrap().unwrap();
    }
}

type Method = fn(&UdpSocket, usize) -> io::Result<()>;

fn read(words: &[String]) -> Option<(Method, usize, usize, u16)> {
    let [method, batch, threads, port] = words else { return None };
    let method: Method = match method.as_str() {
        "recvfrom" => one_by_one,
        "mmsg" => by_batches,
        _ => return None,
    };
    Some((method, batch.parse().ok().filter(|&batch| batch > 0)?, threads.parse().ok()?, port.parse().ok()?))
}

fn open(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket.into())
}

fn one_by_one(socket: &UdpSocket, _: usize) -> io::Result<()> {
    let mut message = [0; MESSAGE_BYTES];
    loop {
        let (size, peer) = socket.recv_from(&mut message)?;
        if let Some(size) = answer(&mut message, size) {
            socket.send_to(&message[..size], peer)?;
        }
    }
}

fn by_batches(socket: &UdpSocket, batch: usize) -> io::Result<()> {
    let mut messages = vec![[0; MESSAGE_BYTES]; batch];
    let mut incoming = MultiHeaders::<SockaddrIn>::preallocate(batch, None);
    let mut outgoing = MultiHeaders::<SockaddrIn>::preallocate(batch, None);
    let mut received: Vec<(usize, Option<SockaddrIn>)> = Vec::with_capacity(batch);
    let socket = socket.as_raw_fd();
    loop {
        received.clear();
        {
            let mut room: Vec<[IoSliceMut<'_>; 1]> = messages.iter_mut().map(|m| [IoSliceMut::new(m)]).collect();
            let got = recvmmsg(socket, &mut incoming, room.iter_mut(), MsgFlags::MSG_WAITFORONE, None)?;
            received.extend(got.map(|message| (message.bytes, message.address)));
        }
        let mut replies = Vec::with_capacity(batch);
        let mut peers = Vec::with_capacity(batch);
        for (message, &(size, peer)) in messages.iter_mut().zip(&received) {
            if let Some(size) = answer(message, size) {
                replies.push([IoSlice::new(&message[..size])]);
                peers.push(peer);
            }
        }
        let mut sent = 0;
        while sent < replies.len() {
            let results = sendmmsg(socket, &mut outgoing, &replies[sent..], &peers[sent..], [], MsgFlags::empty())?;
            sent += results.count().max(1);
        }
    }
}

/// Makes a reply of the query in place; returns its length, if it is a query.
fn answer(message: &mut [u8; MESSAGE_BYTES], size: usize) -> Option<usize> {
    let mut at = 12;
    while *message[..size].get(at)? != 0 {
        at += 1 + usize::from(message[at]);
    }
    let end = at + 5;
    if size < end {
        return None;
    }
    // A reply, with authority; one question, one answer.
    message[2] |= 0x84;
    message[3] = 0;
    message[4..12].copy_from_slice(&[0, 1, 0, 1, 0, 0, 0, 0]);
    message.get_mut(end..end + RECORD.len())?.copy_from_slice(&RECORD);
    Some(end + RECORD.len())
}
