//! Why an event was not delivered.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::config::SecretError;

/// Replies of HTTP that judge what was sent, or say that nobody will take it again: Bad Request, Gone, Content Too
/// Large, Unprocessable Content (RFC 9110, 15.5). All others may be put right there: a key, a path, a proxy.
const FINAL: [u16; 4] = [400, 410, 413, 422];

/// Why a sink cannot be used until its configuration or its secrets change.
#[derive(Debug, thiserror::Error)]
pub(in crate::notify) enum Unready {
    /// A secret cannot be read.
    #[error("{0}{cause}", cause = cause_of(.0))]
    Secret(#[from] SecretError),
    /// A secret was not read: its place is not one that is known for this kind of sink.
    #[error("a secret was not read")]
    Unread,
    /// The certificates cannot be used.
    #[error("ca_file holds no certificate that can be trusted")]
    Trust,
    /// No client could be made.
    #[error("no client: {0}")]
    Client(String),
    /// A secret is not what its key needs.
    #[error("the secret of \"{0}\" is not {1}")]
    Unfit(&'static str, &'static str),
}

/// An error and its causes on one line; many libraries repeat the cause in their own words.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

fn cause_of(error: &SecretError) -> String {
    error.source().map(|cause| format!(": {cause}")).unwrap_or_default()
}

/// Why an attempt failed. The text may hold secrets, which are hidden before it is shown.
#[derive(Debug, thiserror::Error)]
pub(in crate::notify) enum Failure {
    /// It took too long.
    #[error("nothing came back within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// There was no reply.
    #[error("{0}")]
    NoReply(String),
    /// It was not taken.
    #[error("it replied {code}{}", colon(.said))]
    Status {
        /// Of HTTP.
        code: u16,
        /// The beginning of the body.
        said: String,
        /// `Retry-After`
        after: Option<Duration>,
    },
    /// The mail was not taken.
    #[error("{said}")]
    Mail {
        /// In the words of the server, or of the library.
        said: String,
        /// It will never be.
        forever: bool,
        /// The server has judged it: it was not the way there that failed.
        judged: bool,
    },
    /// The event makes no message.
    #[error("no message can be made of it: {0}")]
    Unsayable(String),
    /// The command cannot be started.
    #[error("the command cannot be started: {0}")]
    Spawn(#[source] io::Error),
    /// The command failed.
    #[error("the command {how}{}", colon(.output))]
    Command {
        /// `ended with exit status 1`
        how: String,
        /// The end of what it wrote.
        output: String,
        /// It asks for another try.
        again: bool,
    },
}

fn colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl Failure {
    /// Whether another attempt would be in vain.
    pub(in crate::notify) fn is_final(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::NoReply(_) | Self::Spawn(_) => false,
            Self::Status { code, .. } => FINAL.contains(code),
            Self::Mail { forever, .. } => *forever,
            Self::Unsayable(_) => true,
            Self::Command { again, .. } => !again,
        }
    }

    /// Whether the other side was reached, and did not take this.
    pub(in crate::notify) fn is_judged(&self) -> bool {
        match self {
            Self::Status { .. } => true,
            Self::Mail { judged, .. } => *judged,
            Self::TimedOut(_) | Self::NoReply(_) | Self::Unsayable(_) | Self::Spawn(_) | Self::Command { .. } => false,
        }
    }

    /// How long the other side wants to be left alone.
    pub(in crate::notify) fn asked(&self) -> Option<Duration> {
        match self {
            Self::Status { after, .. } => *after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_tried_again() {
        let is_final = |code| Failure::Status { code, said: String::new(), after: None }.is_final();
        for code in [400, 410, 413, 422] {
            assert!(is_final(code), "{code}");
        }
        for code in [301, 308, 401, 403, 404, 405, 407, 408, 409, 415, 425, 429, 451, 500, 502, 503, 504] {
            assert!(!is_final(code), "{code}");
        }
    }

    #[test]
    fn texts_say_what_was_said() {
        let status = Failure::Status { code: 404, said: "no_service".to_owned(), after: None };
        assert_eq!(status.to_string(), "it replied 404: no_service");
        let command = Failure::Command { how: "ended with exit status 3".into(), output: String::new(), again: false };
        assert_eq!(command.to_string(), "the command ended with exit status 3");
    }
}
