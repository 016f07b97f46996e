//! What the service manager is told (`sd_notify`). Without one, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The node answers.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub(super) fn reloading() {
    let mut state = vec![NotifyState::Reloading, NotifyState::Status("reading the configuration")];
    // systemd ignores a reload that does not say when it began.
    state.extend(NotifyState::monotonic_usec_now().ok());
    tell(&state);
}

/// The node is about to end.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// One line for `systemctl status`.
pub(super) fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// The node is alive.
pub(super) fn watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// How often to say so, where it was asked for: half of what is allowed.
pub(super) fn watchdog_interval() -> Option<Duration> {
    let mut micros = 0;
    sd_notify::watchdog_enabled(false, &mut micros).then(|| Duration::from_micros(micros) / 2)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::debug!(%error, "service manager not told");
    }
}
