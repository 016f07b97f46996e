//! One target and what is asked of it, ready to be asked again and again.

use std::sync::Arc;
use std::time::SystemTime;

use super::evidence::Evidence;
use super::expect::Patterns;
use super::http::HttpTarget;
use super::tcp;
use super::tls::Configs;
use crate::model::check::{Ask, Probe, Watch};
use crate::model::observation::{Failure, Observation};

/// What targets share: TLS configurations and compiled patterns.
#[derive(Debug, Default)]
pub struct Kit {
    configs: Configs,
    patterns: Patterns,
}

/// A target, prepared.
#[derive(Debug)]
pub struct Target {
    watch: Arc<Watch>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Tcp,
    Http(HttpTarget),
    /// What was configured cannot be asked; each probe says so.
    Broken(Failure),
}

impl Target {
    /// Prepares a target. One that cannot be asked, because its `ca_file` holds nothing for example,
    /// fails each probe with the reason.
    #[must_use]
    pub fn new(watch: Arc<Watch>, kit: &mut Kit) -> Self {
        let kind = match &watch.probe.ask {
            Ask::Tcp => Kind::Tcp,
            Ask::Http(ask) => match HttpTarget::new(ask, watch.probe.target, &mut kit.configs, &mut kit.patterns) {
                Ok(http) => Kind::Http(http),
                Err(fault) => Kind::Broken(Failure::Local(fault.to_string().into())),
            },
        };
        Self { watch, kind }
    }

    /// Whether asking keeps a processor busy: a handshake of TLS does.
    pub(super) fn is_laborious(&self) -> bool {
        matches!(&self.kind, Kind::Http(http) if http.is_secure())
    }

    /// Asks once, on a fresh connection. The time-out covers everything from the first packet to the
    /// last byte that is needed.
    pub async fn observe(&self) -> Observation {
        let began = SystemTime::now();
        let mut seen = Evidence::begin();
        let Probe { target, timeout, ask } = &self.watch.probe;
        let asking = async {
            match (&self.kind, ask) {
                (Kind::Http(http), Ask::Http(ask)) => http.ask(ask, *target, *timeout, &mut seen).await,
                (Kind::Broken(failure), _) => Err(failure.clone()),
                (Kind::Tcp | Kind::Http(_), _) => tcp::ask(*target, *timeout, &mut seen).await,
            }
        };
        let outcome = tokio::time::timeout(*timeout, asking).await;
        let result = outcome.unwrap_or(Err(Failure::TimedOut(*timeout)));
        Observation { began, phases: seen.phases(), status: seen.status(), result }
    }
}
