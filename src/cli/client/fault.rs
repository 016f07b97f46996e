//! Why a command could not be done. Each text says what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use super::place::Place;
use crate::cli::Exit;
use crate::cli::shape::Text;
use crate::config::SecretError;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Nobody is there.
    #[error("cannot reach the node: {}\n  {hint}", list(.tried))]
    Unreachable {
        /// Where, and what happened there.
        tried: Vec<(Place, io::Error)>,
        /// What to do.
        hint: String,
    },
    /// Somebody is there who says nothing.
    #[error("the node at {place} did not reply within {}s; `journalctl -u pharos` tells what it does", .within.as_secs())]
    Slow {
        /// Where.
        place: String,
        /// How long it had.
        within: Duration,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("no reply from {place}: {source}; is it the admin API (listen.admin)?")]
    Broken {
        /// Where.
        place: String,
        /// What happened.
        source: hyper::Error,
    },
    /// HTTP, and not what a node says.
    #[error("what listens at {place} is not the admin API of a pharos node; another address: --admin")]
    NotPharos {
        /// Where.
        place: String,
    },
    /// JSON of another shape.
    #[error("the node at {place} replied something unexpected ({fault}); is it of another version? `pharos --version`")]
    Shape {
        /// Where.
        place: String,
        /// What is unexpected.
        fault: serde_json::Error,
    },
    /// Over the bound of a reply.
    #[error("the reply of {place} is too long; ask for less")]
    TooLong {
        /// Where.
        place: String,
    },
    /// The node said no.
    #[error("{}", refusal(*.status, .code, .message))]
    Refused {
        /// Of the reply.
        status: StatusCode,
        /// For programs.
        code: Text,
        /// For people.
        message: Text,
    },
    /// `--config` names a file that cannot be read.
    #[error("cannot read {}, or it is not TOML: see `pharos check`; without it: --admin ADDR:PORT", .path.display())]
    Config {
        /// Which.
        path: PathBuf,
    },
    /// `admin = []`.
    #[error("{} says listen.admin = []: this node has no admin API; give it one and restart it", .path.display())]
    NoApi {
        /// Where it says so.
        path: PathBuf,
    },
    /// The token cannot be had.
    #[error("no token: {fault}{}", because(.fault))]
    Token {
        /// Why.
        #[from]
        fault: SecretError,
    },
    /// A line end or the like within it.
    #[error("the token has characters that a token cannot have; it is one line of ASCII")]
    TokenForm,
    /// The request could not be made.
    #[error("cannot make the request: {0}")]
    Body(String),
    /// The system gave no event loop.
    #[error("cannot begin to talk to the node: {0}")]
    Runtime(io::Error),
    /// What was named is not there, or names several.
    #[error("{0}")]
    Unknown(String),
    /// The command line is wrong in a way that only shows later.
    #[error("{0}")]
    Usage(String),
}

impl Fault {
    /// How the command ends with it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. }
            | Self::Slow { .. }
            | Self::Broken { .. }
            | Self::NotPharos { .. }
            | Self::Shape { .. }
            | Self::TooLong { .. }
            | Self::Body(_)
            | Self::Runtime(_) => Exit::Unreachable,
            Self::Refused { status, .. } if *status == StatusCode::SERVICE_UNAVAILABLE => Exit::Unreachable,
            Self::Refused { .. } | Self::Unknown(_) => Exit::No,
            Self::Config { .. } | Self::NoApi { .. } | Self::Token { .. } | Self::TokenForm | Self::Usage(_) => {
                Exit::Usage
            }
        }
    }
}

/// `127.0.0.1:8053: connection refused, unix:/run/pharos/admin.sock: permission denied`
fn list(tried: &[(Place, io::Error)]) -> String {
    let words = |(place, fault): &(Place, io::Error)| match (fault.kind(), place) {
        (io::ErrorKind::ConnectionRefused, _) => format!("{place}: connection refused"),
        (io::ErrorKind::NotFound, Place::Unix(_)) => format!("{place}: no such socket"),
        (io::ErrorKind::PermissionDenied, Place::Unix(_)) => {
            format!("{place}: permission denied (join the group that owns it, or use sudo)")
        }
        (io::ErrorKind::TimedOut, _) => format!("{place}: no connection within {}s", super::CONNECT_MAX.as_secs()),
        _ => format!("{place}: {fault}"),
    };
    tried.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn because(fault: &SecretError) -> String {
    match std::error::Error::source(fault) {
        Some(source) => format!(": {source}"),
        None => String::new(),
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> String {
    const HOW: &str = "give a token with --token-file FILE or in PHAROS_TOKEN (see [admin] of the node's pharos.toml)";
    match code {
        "token-missing" => format!("the node wants a token: {HOW}"),
        "token-wrong" => format!("the node does not know this token: {HOW}"),
        "token-read-only" => format!("this token may only read; {HOW}, the one of write_token"),
        "not-found" => format!("{message}; is the node of another version? `pharos --version`"),
        _ if status.is_server_error() => format!("the node could not: {message}"),
        _ => message.to_owned(),
    }
}
