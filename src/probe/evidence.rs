//! What one probe has seen so far, kept outside of the probe's future so that a time-out loses nothing.

use tokio::time::Instant;

use crate::model::observation::Phases;

/// Moments at which phases of a probe ended, and the status.
#[derive(Debug)]
pub(super) struct Evidence {
    began: Instant,
    dialled: Option<Instant>,
    connected: Option<Instant>,
    secured: Option<Instant>,
    answered: Option<Instant>,
    status: Option<u16>,
}

impl Evidence {
    /// The probe begins now.
    pub(super) fn begin() -> Self {
        let began = Instant::now();
        Self { began, dialled: None, connected: None, secured: None, answered: None, status: None }
    }

    /// A connection is being asked for.
    pub(super) fn dialled(&mut self) {
        self.dialled = Some(Instant::now());
    }

    /// The TCP handshake is done.
    pub(super) fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// The TLS handshake is done.
    pub(super) fn secured(&mut self) {
        self.secured = Some(Instant::now());
    }

    /// The head of the reply is there.
    pub(super) fn answered(&mut self, status: u16) {
        (self.answered, self.status) = (Some(Instant::now()), Some(status));
    }

    /// The status of the reply, once there is one.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// The phases, as far as they came; the probe ends now.
    pub(super) fn phases(&self) -> Phases {
        let between = |from: Option<Instant>, to: Option<Instant>| Some(to? - from?);
        Phases {
            connect: between(self.dialled, self.connected),
            tls: between(self.connected, self.secured),
            first_byte: between(self.secured.or(self.connected), self.answered),
            total: self.began.elapsed(),
            ..Phases::default()
        }
    }
}
