//! tcp: the connection is accepted. Nothing is sent and nothing is read.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::{error, evidence};
use crate::model::observation::Failure;

/// Connects and closes.
pub(super) async fn ask(target: SocketAddr, timeout: Duration) -> Result<(), Failure> {
    evidence::dialled();
    TcpStream::connect(target).await.map_err(|e| error::failure(&e, timeout))?;
    evidence::connected();
    Ok(())
}
