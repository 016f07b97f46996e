//! Who is told of events, and how: the tables `[notify.NAME]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Severity, Topic};
use super::secret::SecretSource;

/// One `[notify.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Its name, unique on the node.
    pub name: Arc<str>,
    /// What it is told.
    pub filter: Filter,
    /// Who is told, and how.
    pub target: Target,
}

/// What a sink is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// `on`: about what. Default all topics.
    pub topics: Vec<Topic>,
    /// `severity`: the least that counts. Default info. What ends a state that the sink was told of
    /// always counts.
    pub severity: Severity,
    /// `pools`: ids of pools (`app.example.com/app`) and names of zones, without the final dot; an event
    /// about another pool does not count. Default none, which is every pool.
    pub pools: Vec<Arc<str>>,
}

/// Kinds of sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An incoming webhook of Slack, or of what speaks like it (Mattermost).
    Slack {
        /// `url`: whoever has it can write into the channel.
        url: SecretSource,
        /// `ca_file`
        ca: Option<Ca>,
    },
    /// PagerDuty, Events API v2.
    PagerDuty {
        /// `routing_key` of the integration.
        routing_key: SecretSource,
        /// `url`. Default `https://events.pagerduty.com/v2/enqueue`.
        url: String,
        /// `ca_file`
        ca: Option<Ca>,
    },
    /// Prometheus Alertmanager, API v2.
    Alertmanager {
        /// `url`: without `/api/v2/alerts`, and without a slash at its end.
        url: String,
        /// `username` and `password`, or `token`.
        login: Login,
        /// `labels` of each alert, beside its own.
        labels: Vec<(String, String)>,
        /// `ca_file`
        ca: Option<Ca>,
    },
    /// Any HTTP server: CloudEvents 1.0.
    Webhook {
        /// `url`
        url: Text,
        /// `secret`: the key of the signature; without one there is none.
        secret: Option<SecretSource>,
        /// `headers`, in the order of the file.
        headers: Vec<(String, Text)>,
        /// `ca_file`
        ca: Option<Ca>,
    },
    /// A mail server (SMTP submission).
    Email(Box<Email>),
    /// A program on this machine.
    Exec {
        /// `command`: the program, by its absolute path, and its arguments.
        command: Vec<String>,
        /// `timeout`: then it is ended, with all it started. Default 30 s, up to 10 min.
        timeout: Duration,
        /// `env`: its environment beside what pharos sets.
        env: Vec<(String, Text)>,
    },
}

impl Target {
    /// The word for its kind: the value of `type`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Webhook { .. } => "webhook",
            Self::Email(_) => "email",
            Self::Exec { .. } => "exec",
        }
    }
}

/// Certificates that are trusted instead of the built-in roots: path and content (PEM).
pub type Ca = (PathBuf, Vec<u8>);

/// A text that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// It stands in the file.
    Plain(String),
    /// It is read from elsewhere.
    Secret(SecretSource),
}

/// How a client shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    None,
    /// By name and password (RFC 7617).
    Password(String, SecretSource),
    /// By a token (RFC 6750).
    Token(SecretSource),
}

/// Mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// `server`: its host, which its certificate must be for, and its port.
    pub server: MailServer,
    /// `tls`. Default starttls.
    pub tls: MailTls,
    /// `username` and `password`; none: without AUTH.
    pub login: Option<(String, SecretSource)>,
    /// `from`: an address, known to be one.
    pub from: String,
    /// `to`: addresses, known to be such; at least one.
    pub to: Vec<String>,
    /// `ca_file`
    pub ca: Option<Ca>,
}

/// `HOST:PORT`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// A name or an address.
    pub host: String,
    /// Usually 587 or 465.
    pub port: u16,
}

impl MailServer {
    /// Whether what is sent does not leave this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip| SocketAddr::new(ip, self.port).ip().is_loopback())
    }
}

/// How a connection to a mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// By STARTTLS, and not without (RFC 3207).
    StartTls,
    /// From the first byte on (RFC 8314).
    Tls,
    /// Not at all: only on this machine.
    None,
}
