//! `[notify.NAME]`.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use super::{http, reach};
use crate::config::secret::secret;
use crate::config::toml::{Choice, Given, Key, Table};
use crate::model::event::{Severity, Topic};
use crate::model::secret::SecretSource;
use crate::model::sink::{Ca, MailServer, MailTls, Text};

/// Sinks that a node can have: each is a task with connections of its own.
pub(crate) const SINKS_MAX: usize = 32;
/// To 10 min: what takes longer is a job, which a hook can start and leave behind.
pub(crate) const EXEC_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);

/// Kinds of sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Slack,
    PagerDuty,
    Alertmanager,
    Webhook,
    Email,
    Exec,
}

const KINDS: Choice<Kind> = Choice {
    words: &[
        ("slack", Kind::Slack),
        ("pagerduty", Kind::PagerDuty),
        ("alertmanager", Kind::Alertmanager),
        ("webhook", Kind::Webhook),
        ("email", Kind::Email),
        ("exec", Kind::Exec),
    ],
    later: &[],
};
const TOPICS: Choice<Topic> = Choice {
    words: &{
        let mut words = [("", Topic::Endpoint); Topic::ALL.len()];
        let mut i = 0;
        while i < words.len() {
            words[i] = (Topic::ALL[i].word(), Topic::ALL[i]);
            i += 1;
        }
        words
    },
    later: &[],
};
const SEVERITIES: Choice<Severity> = Choice {
    words: &{
        let mut words = [("", Severity::Info); Severity::ALL.len()];
        let mut i = 0;
        while i < words.len() {
            words[i] = (Severity::ALL[i].word(), Severity::ALL[i]);
            i += 1;
        }
        words
    },
    later: &[],
};
const MAIL_TLS: Choice<MailTls> =
    Choice { words: &[("starttls", MailTls::StartTls), ("tls", MailTls::Tls), ("none", MailTls::None)], later: &[] };

/// The keys of a sink.
pub(crate) struct SinkSpec {
    pub(crate) name: Given<String>,
    /// The header.
    pub(crate) at: Range<usize>,
    pub(crate) on: Key<Vec<Given<Topic>>>,
    pub(crate) severity: Key<Severity>,
    pub(crate) pools: Key<Vec<Given<String>>>,
    /// None where its type is wrong, and reported.
    pub(crate) target: Option<TargetSpec>,
}

/// The keys of one kind.
pub(crate) enum TargetSpec {
    Slack {
        url: Key<SecretSource>,
        ca_file: Key<Ca>,
    },
    PagerDuty {
        routing_key: Key<SecretSource>,
        url: Key<String>,
        ca_file: Key<Ca>,
    },
    Alertmanager {
        url: Key<String>,
        username: Key<String>,
        password: Key<SecretSource>,
        token: Key<SecretSource>,
        labels: Key<Vec<(String, String)>>,
        ca_file: Key<Ca>,
    },
    Webhook {
        url: Key<Text>,
        secret: Key<SecretSource>,
        headers: Key<Vec<(String, Given<Text>)>>,
        ca_file: Key<Ca>,
    },
    Email(Box<EmailSpec>),
    Exec {
        command: Key<Vec<String>>,
        timeout: Key<Duration>,
        env: Key<Vec<(String, Given<Text>)>>,
    },
}

/// The keys of mail.
pub(crate) struct EmailSpec {
    pub(crate) server: Key<MailServer>,
    pub(crate) tls: Key<MailTls>,
    pub(crate) username: Key<String>,
    pub(crate) password: Key<SecretSource>,
    pub(crate) from: Key<String>,
    pub(crate) to: Key<Vec<Given<String>>>,
    pub(crate) ca_file: Key<Ca>,
}

/// Reads every sink, in the order of the file.
pub(super) fn read_sinks(root: &mut Table<'_>) -> Vec<SinkSpec> {
    let mut tables = root.named("notify", "sinks");
    if let Some((name, table)) = tables.get(SINKS_MAX) {
        let message = format!("there are {} sinks, allowed are {SINKS_MAX}", tables.len());
        table
            .file
            .push(table.file.error("notify-too-many", name.at.clone(), message).label("the first over the limit"));
        tables.truncate(SINKS_MAX);
    }
    tables.into_iter().map(|(name, table)| read_sink(name, table)).collect()
}

fn read_sink(name: Given<String>, mut table: Table<'_>) -> SinkSpec {
    if let Some(fault) = super::text::label_fault(&name.value) {
        let message = format!("the name of sink \"{}\" {fault}", name.value);
        table.file.push(table.file.error("bad-label", name.at.clone(), message));
    }
    let kind = table.require("type", |cell| cell.choice(&KINDS));
    let on = table.take("on", |cell| cell.full_list(|cell| cell.choice(&TOPICS)));
    let severity = table.take("severity", |cell| cell.choice(&SEVERITIES));
    let pools = table.take("pools", |cell| cell.full_list(reach::pool_pattern));
    let target = kind.value().map(|kind| read_target(*kind, &mut table));
    let at = table.at.clone();
    // Which other keys it has depends on its type.
    if target.is_some() {
        table.finish()
    } else {
        table.finish_unknown()
    }
    SinkSpec { name, at, on, severity, pools, target }
}

fn read_target(kind: Kind, table: &mut Table<'_>) -> TargetSpec {
    match kind {
        Kind::Slack => TargetSpec::Slack { url: table.require("url", secret), ca_file: ca_file(table) },
        Kind::PagerDuty => TargetSpec::PagerDuty {
            routing_key: table.require("routing_key", secret),
            url: table.take("url", reach::url),
            ca_file: ca_file(table),
        },
        Kind::Alertmanager => TargetSpec::Alertmanager {
            url: table.require("url", reach::base_url),
            username: table.take("username", |cell| cell.full_text().map(str::to_owned)),
            password: table.take("password", secret),
            token: table.take("token", secret),
            labels: table.take("labels", reach::labels),
            ca_file: ca_file(table),
        },
        Kind::Webhook => TargetSpec::Webhook {
            url: table.require("url", reach::url_or_secret),
            secret: table.take("secret", secret),
            headers: table.take("headers", reach::headers),
            ca_file: ca_file(table),
        },
        Kind::Email => TargetSpec::Email(Box::new(EmailSpec {
            server: table.require("server", reach::mail_server),
            tls: table.take("tls", |cell| cell.choice(&MAIL_TLS)),
            username: table.take("username", |cell| cell.full_text().map(str::to_owned)),
            password: table.take("password", secret),
            from: table.require("from", reach::mail_address),
            to: table.require("to", |cell| cell.one_or_more(reach::mail_address)),
            ca_file: ca_file(table),
        })),
        Kind::Exec => TargetSpec::Exec {
            command: table.require("command", reach::command),
            timeout: table.take("timeout", |cell| cell.duration(&EXEC_TIMEOUT)),
            env: table.take("env", reach::environment),
        },
    }
}

fn ca_file(table: &mut Table<'_>) -> Key<Ca> {
    table.take("ca_file", http::ca_file)
}
