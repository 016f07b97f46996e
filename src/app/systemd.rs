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

/// How often to say so, where it was asked for: half of what is allowed. As `sd_watchdog_enabled(3)`
/// has it, the wish may be meant for another process.
pub(super) fn watchdog_interval() -> Option<Duration> {
    let number = |variable| std::env::var(variable).ok()?.parse::<u64>().ok();
    let for_other = number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    let allowed = number("WATCHDOG_USEC").filter(|micros| *micros > 0 && !for_other)?;
    Some(Duration::from_micros(allowed) / 2)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::debug!(%error, "service manager not told");
    }
}
