//! Where the admin API listens: TCP, or a unix socket. That what can be reached from elsewhere is guarded by
//! tokens is a matter of the configuration.

use std::fmt;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::model::node::AdminAddr;

/// Owner and group may talk to the node; the folder says who else may come near.
const SOCKET_MODE: u32 = 0o660;

/// A bound listener. A unix socket file goes away with it.
#[derive(Debug)]
pub struct Listener {
    pub(super) kind: Kind,
    shown: AdminAddr,
    _file: Option<SocketFile>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of a unix socket, removed on drop.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "socket file not removed");
        }
    }
}

/// Why the admin API cannot listen. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has the address.
    #[error("{address} (listen.admin) is in use; stop what listens there, or choose another address")]
    InUse {
        /// As configured.
        address: Shown,
    },
    /// A file that is not a socket stands at the path.
    #[error("{address} (listen.admin) is a file that is not a socket; move it away, or choose another path")]
    NotSocket {
        /// As configured.
        address: Shown,
    },
    /// The folder of the socket is not there.
    #[error("{address} (listen.admin): its folder does not exist; create it, or let systemd (RuntimeDirectory=)")]
    NoFolder {
        /// As configured.
        address: Shown,
    },
    /// The process may not.
    #[error("{address} (listen.admin): permission denied; check who owns the folder, or use a port from 1024")]
    Denied {
        /// As configured.
        address: Shown,
    },
    /// Anything else.
    #[error("{address} (listen.admin) cannot be listened on")]
    Other {
        /// As configured.
        address: Shown,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// An admin address as the configuration writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(pub AdminAddr);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            AdminAddr::Tcp(address) => address.fmt(f),
            AdminAddr::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listener {
    /// Binds. Port 0 takes a free one. The socket file of a process that is gone is replaced.
    ///
    /// # Errors
    /// [`BindError`], each with what to do.
    pub async fn bind(address: &AdminAddr) -> Result<Self, BindError> {
        match address {
            AdminAddr::Tcp(tcp) => Self::bind_tcp(*tcp).await,
            AdminAddr::Unix(path) => Self::bind_unix(path).await,
        }
    }

    /// Where it listens: the port is the real one.
    #[must_use]
    pub fn address(&self) -> Shown {
        Shown(self.shown.clone())
    }

    async fn bind_tcp(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| fault(AdminAddr::Tcp(address), source);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let shown = AdminAddr::Tcp(listener.local_addr().map_err(failed)?);
        Ok(Self { kind: Kind::Tcp(listener), shown, _file: None })
    }

    async fn bind_unix(path: &Path) -> Result<Self, BindError> {
        let shown = AdminAddr::Unix(path.to_owned());
        let failed = |source| fault(shown.clone(), source);
        remove_stale(path).await?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        let file = SocketFile(path.to_owned());
        std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        Ok(Self { kind: Kind::Unix(listener), shown, _file: Some(file) })
    }
}

/// Removes a socket file that nobody listens on: what a killed process leaves behind.
async fn remove_stale(path: &Path) -> Result<(), BindError> {
    let address = || Shown(AdminAddr::Unix(path.to_owned()));
    match std::fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(there) if !there.file_type().is_socket() => return Err(BindError::NotSocket { address: address() }),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|source| fault(AdminAddr::Unix(path.to_owned()), source))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(BindError::InUse { address: address() }),
    }
}

fn fault(address: AdminAddr, source: io::Error) -> BindError {
    let address = Shown(address);
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        io::ErrorKind::PermissionDenied => BindError::Denied { address },
        io::ErrorKind::NotFound => BindError::NoFolder { address },
        _ => BindError::Other { address, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(path: &Path) -> AdminAddr {
        AdminAddr::Unix(path.to_owned())
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let first = Listener::bind(&unix(&path)).await.unwrap();
        assert!(matches!(Listener::bind(&unix(&path)).await, Err(BindError::InUse { .. })));
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Listener::bind(&unix(&path)).await, Err(BindError::NotSocket { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_missing_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = unix(&folder.path().join("no/admin.sock"));
        assert!(matches!(Listener::bind(&missing).await, Err(BindError::NoFolder { .. })));
    }
}
