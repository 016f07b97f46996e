//! How each kind of sink is spoken to: one file each, and what they share.

mod alertmanager;
mod email;
mod exec;
mod failure;
mod http;
mod pagerduty;
mod slack;
mod wallet;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use self::alertmanager::Alertmanager;
use self::email::Mail;
use self::exec::Exec;
pub(super) use self::failure::{Failure, Unready};
use self::pagerduty::PagerDuty;
use self::slack::Slack;
pub(super) use self::wallet::Wallet;
use self::webhook::Webhook;
use crate::control::{Record, Stage};
use crate::model::sink::Target;

/// An attempt that takes longer has failed; commands have a limit of their own.
const ATTEMPT_TIME: Duration = Duration::from_secs(10);
/// Alertmanager forgets an alert that it has not heard of for `resolve_timeout`, which is 5 min.
const REMIND_TIME: Duration = Duration::from_secs(60);

/// The way to a sink.
pub(super) trait Speak: Send + Sync + 'static {
    /// Tells of one event, once. `open` are the events that began what it is about. Returns what is worth to
    /// be recorded of the reply, without secrets.
    fn tell(&self, record: &Record, open: &[Arc<Record>]) -> impl Future<Output = Result<String, Failure>> + Send;

    /// How often what has not ended is told again; none: never.
    fn reminds(&self) -> Option<Duration>;

    /// Tells again of what has not ended.
    fn remind(&self, open: &[Arc<Record>]) -> impl Future<Output = Result<(), Failure>> + Send;

    /// A failure in words, without secrets.
    fn words(&self, failure: &Failure) -> String;
}

/// The way to one sink of the configuration, with its secrets.
pub(super) struct Channel {
    way: Way,
    wallet: Wallet,
}

enum Way {
    Slack(Slack),
    PagerDuty(PagerDuty),
    Alertmanager(Alertmanager),
    Webhook(Webhook),
    Email(Mail),
    Exec(Exec),
}

impl Channel {
    /// For this target.
    ///
    /// # Errors
    /// [`Unready`]
    pub(super) fn new(target: &Target, wallet: Wallet) -> Result<Self, Unready> {
        let way = match target {
            Target::Slack { url, ca } => Way::Slack(Slack::new(url, ca.as_ref(), &wallet)?),
            Target::PagerDuty { routing_key, url, ca } => {
                Way::PagerDuty(PagerDuty::new(routing_key, url, ca.as_ref(), &wallet)?)
            }
            Target::Alertmanager { url, login, labels, ca } => {
                Way::Alertmanager(Alertmanager::new(url, login, labels, ca.as_ref(), &wallet)?)
            }
            Target::Webhook { url, secret, headers, ca } => {
                Way::Webhook(Webhook::new(url, secret.as_ref(), headers, ca.as_ref(), &wallet)?)
            }
            Target::Email(email) => Way::Email(Mail::new(email, &wallet)?),
            Target::Exec { command, timeout, env } => Way::Exec(Exec::new(command, *timeout, env, &wallet)?),
        };
        Ok(Self { way, wallet })
    }

    /// Tells of an event that is none, and takes it back where somebody would be called.
    ///
    /// # Errors
    /// [`Failure`]
    pub(super) async fn test(&self, record: &Record) -> Result<(), Failure> {
        let testing = async {
            match &self.way {
                Way::PagerDuty(pagerduty) => {
                    pagerduty.tell(&Record { state: Stage::Firing, ..record.clone() }).await?;
                    pagerduty.tell(&Record { state: Stage::Resolved, ..record.clone() }).await
                }
                Way::Alertmanager(alertmanager) => alertmanager.test(record).await,
                Way::Slack(_) | Way::Webhook(_) | Way::Email(_) | Way::Exec(_) => {
                    self.tell(record, &[]).await.map(drop)
                }
            }
        };
        self.limited(testing).await
    }

    /// An attempt within its time; commands see to theirs.
    async fn limited<R>(&self, attempt: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
        if matches!(self.way, Way::Exec(_)) {
            return attempt.await;
        }
        timeout(ATTEMPT_TIME, attempt).await.unwrap_or(Err(Failure::TimedOut(ATTEMPT_TIME)))
    }

    pub(super) fn wallet(&self) -> &Wallet {
        &self.wallet
    }
}

impl Speak for Channel {
    /// Within a limited time.
    async fn tell(&self, record: &Record, open: &[Arc<Record>]) -> Result<String, Failure> {
        let telling = async {
            match &self.way {
                Way::Slack(slack) => slack.tell(record).await,
                Way::PagerDuty(pagerduty) => pagerduty.tell(record).await,
                Way::Alertmanager(alertmanager) => alertmanager.tell(record, open).await,
                Way::Webhook(webhook) => webhook.tell(record).await,
                Way::Email(mail) => mail.tell(record, open).await,
                Way::Exec(exec) => return exec.tell(record).await,
            }?;
            Ok(String::new())
        };
        self.limited(telling).await
    }

    fn reminds(&self) -> Option<Duration> {
        matches!(self.way, Way::Alertmanager(_)).then_some(REMIND_TIME)
    }

    async fn remind(&self, open: &[Arc<Record>]) -> Result<(), Failure> {
        match &self.way {
            Way::Alertmanager(alertmanager) => alertmanager.remind(open, ATTEMPT_TIME).await,
            Way::Slack(_) | Way::PagerDuty(_) | Way::Webhook(_) | Way::Email(_) | Way::Exec(_) => Ok(()),
        }
    }

    fn words(&self, failure: &Failure) -> String {
        self.wallet.hide(&failure.to_string())
    }
}

/// Whether a target is told only of what begins or ends a state: it has no place for anything else.
pub(super) fn takes_alerts_only(target: &Target) -> bool {
    match target {
        Target::PagerDuty { .. } | Target::Alertmanager { .. } => true,
        Target::Slack { .. } | Target::Webhook { .. } | Target::Email(_) | Target::Exec { .. } => false,
    }
}

/// At most so many characters of a text, with dots where some are left out.
fn clip(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(3)).chain("...".chars()).collect()
}

/// The time of an event: RFC 3339, UTC, with milliseconds.
fn time_of(record: &Record) -> String {
    humantime::format_rfc3339_millis(record.time).to_string()
}

/// What an event is about, for people: names and values of what applies.
fn facts_of(record: &Record) -> Vec<(&'static str, String)> {
    let fact = |name, value: &Option<String>| Some((name, value.clone()?));
    let address = record.address.map(|address| ("Address", address.to_string()));
    [
        fact("Zone", &record.zone),
        fact("Pool", &record.pool),
        fact("Endpoint", &record.endpoint),
        fact("Region", &record.region),
        address,
        fact("Check", &record.check),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(clip("éééé", 4), "éééé");
        assert_eq!(clip("ééééé", 4), "é...");
    }
}
