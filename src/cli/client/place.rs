//! Where a node's admin API is.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Fault;
use crate::config;
use crate::model::node::{AdminAddr, Node};

/// Where a node's file is, unless it is said.
const CONFIG: &str = "/etc/pharos/pharos.toml";
/// What `listen.admin` is by default.
const PORT: u16 = 8053;

/// One place to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `HOST:PORT`, where the host is a name or an address.
    Tcp(String),
    /// The path of a socket.
    Unix(PathBuf),
}

impl Place {
    /// What the `Host` header says.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Tcp(authority) => authority,
            Self::Unix(_) => "localhost",
        }
    }

    /// Whether what is sent there stays on this machine.
    pub(super) fn is_here(&self) -> bool {
        match self {
            Self::Tcp(authority) => match authority.parse::<SocketAddr>() {
                Ok(address) => address.ip().is_loopback(),
                Err(_) => authority.rsplit_once(':').is_some_and(|(host, _)| host.eq_ignore_ascii_case("localhost")),
            },
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(authority) => f.write_str(authority),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceError {
    /// `unix:` and nothing.
    #[error("unix: has no path; write unix:/run/pharos/admin.sock")]
    NoPath,
    /// `https:`.
    #[error("the admin API speaks plain HTTP; for a node elsewhere use a tunnel (ssh -L 8053:127.0.0.1:8053 HOST)")]
    Tls,
    /// Something behind the port.
    #[error("only a host and a port are needed: http://{0}")]
    Path(String),
    /// Not one of the forms.
    #[error("write ADDR:PORT, unix:PATH or http://HOST:PORT")]
    Form,
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(PlaceError::NoPath) } else { Ok(Self::Unix(path.into())) };
        }
        if text.starts_with("https:") {
            return Err(PlaceError::Tls);
        }
        let bare = text.strip_prefix("http://");
        let authority = bare.unwrap_or(text);
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if let Some((authority, _)) = authority.split_once('/').filter(|_| bare.is_some()) {
            return Err(PlaceError::Path(authority.to_owned()));
        }
        // An address without a port has the default one.
        if let Ok(ip) = authority.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(Self::Tcp(SocketAddr::new(ip, PORT).to_string()));
        }
        if let Ok(address) = authority.parse::<SocketAddr>() {
            return Ok(Self::Tcp(address.to_string()));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse::<u16>().map_err(|_| PlaceError::Form)?),
            None => (authority, if bare.is_some() { 80 } else { PORT }),
        };
        let is_name = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if host.is_empty() || !is_name(host) { Err(PlaceError::Form) } else { Ok(Self::Tcp(format!("{host}:{port}"))) }
    }
}

/// Where to try, in this order, and how these places were found.
#[derive(Debug)]
pub(super) struct Places {
    list: Vec<Place>,
    source: Source,
    /// The node's own settings, where they could be read.
    node: Option<Node>,
}

/// How the places were found.
#[derive(Debug)]
enum Source {
    /// `--admin` or the environment.
    Given,
    /// This file.
    Config(PathBuf),
    /// Nothing was given and this file cannot be read.
    Default(PathBuf),
}

impl Places {
    pub(super) fn of(given: Option<&Place>, config: Option<&Path>) -> Result<Self, Fault> {
        let path = config.unwrap_or(Path::new(CONFIG)).to_owned();
        let node = config::load_own(&path);
        if let Some(place) = given {
            return Ok(Self { list: vec![place.clone()], source: Source::Given, node });
        }
        let Some(own) = &node else {
            if config.is_some() {
                return Err(Fault::Config { path });
            }
            let usual = Place::Tcp(format!("127.0.0.1:{PORT}"));
            return Ok(Self { list: vec![usual], source: Source::Default(path), node });
        };
        let mut list: Vec<_> = own.admin.iter().map(of_listener).collect();
        // A socket knows by its file mode who may talk to the node.
        list.sort_by_key(|place| matches!(place, Place::Tcp(_)));
        if list.is_empty() { Err(Fault::NoApi { path }) } else { Ok(Self { list, source: Source::Config(path), node }) }
    }

    pub(super) fn all(&self) -> &[Place] {
        &self.list
    }

    /// The settings of the node that is asked; none where a node of another machine is: its tokens are others,
    /// and what is sent there can be read on the way.
    pub(super) fn own_node(&self) -> Option<&Node> {
        let node = self.node.as_ref()?;
        let own: Vec<_> = node.admin.iter().map(of_listener).collect();
        self.list.iter().all(|place| place.is_here() || own.contains(place)).then_some(node)
    }

    /// What to do when nobody is there.
    pub(super) fn hint(&self) -> String {
        let running = "is the node running? `systemctl status pharos`";
        match &self.source {
            Source::Given => format!("{running}; or it listens elsewhere: see listen.admin in its pharos.toml"),
            Source::Config(path) => {
                format!("{running}; the address is listen.admin of {}, for another: --admin", path.display())
            }
            Source::Default(path) => {
                let path = path.display();
                format!("{running}; {path} cannot be read, so the default address was tried: --config or --admin")
            }
        }
    }
}

/// As one connects to it: a wildcard address is reached on loopback.
fn of_listener(address: &AdminAddr) -> Place {
    match address {
        AdminAddr::Unix(path) => Place::Unix(path.clone()),
        AdminAddr::Tcp(address) if address.ip().is_unspecified() => {
            let loopback = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
            Place::Tcp(format!("{loopback}:{}", address.port()))
        }
        AdminAddr::Tcp(address) => Place::Tcp(address.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_people_write_them() {
        for (text, place) in [
            ("127.0.0.1:8053", "127.0.0.1:8053"),
            ("[::1]:8053", "[::1]:8053"),
            ("::1", "[::1]:8053"),
            ("127.0.0.1", "127.0.0.1:8053"),
            ("localhost:99", "localhost:99"),
            ("ns1", "ns1:8053"),
            ("http://ns1.example.com:8053/", "ns1.example.com:8053"),
            ("http://ns1.example.com", "ns1.example.com:80"),
            ("unix:/run/pharos/admin.sock", "unix:/run/pharos/admin.sock"),
        ] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()).as_deref(), Ok(place), "{text}");
        }
        for (text, fault) in [
            ("", PlaceError::Form),
            (":8053", PlaceError::Form),
            ("a b:1", PlaceError::Form),
            ("host:port", PlaceError::Form),
            ("unix:", PlaceError::NoPath),
            ("https://ns1:8053", PlaceError::Tls),
            ("http://ns1:8053/v1/status", PlaceError::Path("ns1:8053".into())),
        ] {
            assert_eq!(text.parse::<Place>(), Err(fault), "{text}");
        }
    }

    #[test]
    fn the_socket_comes_first_and_a_wildcard_is_loopback() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pharos.toml");
        // A fault elsewhere in the file does not hide where the node is.
        let text = "zzz = 1\n[listen]\nadmin = [\"127.0.0.1:99\", \"unix:admin.sock\"]\n";
        std::fs::write(&path, text).expect("written");
        let places = Places::of(None, Some(&path)).expect("places");
        let socket = folder.path().join("admin.sock");
        assert_eq!(places.all(), [Place::Unix(socket), Place::Tcp("127.0.0.1:99".into())]);
        assert!(Places::of(None, Some(&folder.path().join("none"))).is_err());
        let any = AdminAddr::Tcp(SocketAddr::from(([0; 4], 5)));
        assert_eq!(of_listener(&any), Place::Tcp("127.0.0.1:5".into()));
    }
}
