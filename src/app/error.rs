//! Why a node cannot start or go on; each text says what to do about it.

use std::io;

use super::access::TOKEN_BYTES_MIN;
use crate::config::SecretError;
use crate::config::diag::Diagnostic;
use crate::{admin, control, notify, serve};

/// Why a node did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The files have errors; the diagnostics say which.
    #[error("the configuration has errors")]
    Config(Vec<Diagnostic>),
    /// A DNS address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] serve::BindError),
    /// An admin address cannot be listened on.
    #[error(transparent)]
    Admin(#[from] admin::BindError),
    /// The state folder cannot be used.
    #[error("the state folder (`state`) cannot be used; check who owns it, or name another one")]
    State(#[from] control::StateError),
    /// A DNS thread could not start, or ended.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// A sink of notifications ended.
    #[error(transparent)]
    Notify(#[from] notify::Died),
    /// A token of the admin API cannot be read.
    #[error("[admin] {key} cannot be read")]
    Token {
        /// Which.
        key: &'static str,
        /// Why not.
        source: SecretError,
    },
    /// The two tokens of the admin API are the same.
    #[error("[admin] read_token and write_token are the same; whoever may read could change everything")]
    SameTokens,
    /// A token of the admin API can be guessed.
    #[error("[admin] {0} is shorter than {TOKEN_BYTES_MIN} bytes; make one with: openssl rand -hex 32")]
    ShortToken(&'static str),
    /// Signals cannot be received.
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
    /// The threads of the runtime did not start.
    #[error("cannot start threads")]
    Runtime(#[source] io::Error),
    /// Told to stop once more before it had stopped.
    #[error("stopped at once by a second {0}")]
    Interrupted(&'static str),
    /// A part of the node ended that never should; its supervisor starts it anew, with its state.
    #[error("{0} ended unexpectedly")]
    Died(&'static str),
}

impl AppError {
    /// The error and its causes on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
