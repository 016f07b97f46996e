//! tcp: the connection is accepted. Nothing is sent and nothing is read.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::error;
use super::evidence::Evidence;
use crate::model::observation::Failure;

/// Connects and closes.
pub(super) async fn ask(target: SocketAddr, timeout: Duration, seen: &mut Evidence) -> Result<(), Failure> {
    connect(target, timeout, seen).await.map(drop)
}

/// A fresh connection, for the kinds of checks that go on from there.
pub(super) async fn connect(target: SocketAddr, timeout: Duration, seen: &mut Evidence) -> Result<TcpStream, Failure> {
    seen.dialled();
    let stream = TcpStream::connect(target).await.map_err(|e| error::failure(&e, timeout))?;
    seen.connected();
    Ok(stream)
}
