//! Sinks: keys compared with each other, and whether their secrets can be read.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::config::diag::nearest;
use crate::config::files::reason;
use crate::config::secret::{SecretError, read_secret};
use crate::config::spec::{EmailSpec, SinkSpec, TargetSpec};
use crate::config::toml::{File, Given, Key};
use crate::model::event::{Severity, Topic};
use crate::model::node::ZoneSetup;
use crate::model::pool::{Pool, PoolId};
use crate::model::secret::SecretSource;
use crate::model::sink::{Email, Filter, Login, MailServer, MailTls, Sink, Target, Text};

/// Of the enterprise default; accounts in the EU have another.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// As long as people wait for a command.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);

/// Lowers every sink that is right; what is wrong is reported. `zones` is none where not all are known.
pub(in crate::config) fn lower_sinks(file: &File, specs: Vec<SinkSpec>, zones: Option<&[Arc<ZoneSetup>]>) -> Vec<Sink> {
    for pattern in specs.iter().filter_map(|spec| spec.pools.value()).flatten() {
        if let Some(zones) = zones.filter(|zones| !is_of_some_pool(&pattern.value, zones)) {
            let message = format!("\"pools\": there is no pool or steered zone \"{}\"", pattern.value);
            let fault = file.warning("notify-unknown-pool", pattern.at.clone(), message);
            let ids = zones.iter().flat_map(|zone| zone.pools.iter().map(|pool| id(zone, pool))).collect::<Vec<_>>();
            let near = nearest(&pattern.value, ids.iter().map(String::as_str));
            file.push(match near {
                Some(near) => fault.label(format!("did you mean \"{near}\"?")),
                None => fault,
            });
        }
    }
    specs.into_iter().filter_map(|spec| lower_sink(file, spec)).collect()
}

fn id(zone: &ZoneSetup, pool: &Pool) -> String {
    PoolId { zone: zone.name().clone(), pool: pool.name.clone() }.to_string()
}

fn is_of_some_pool(pattern: &str, zones: &[Arc<ZoneSetup>]) -> bool {
    let is_of = |zone: &ZoneSetup, pool: &Pool| {
        let id = id(zone, pool);
        id.eq_ignore_ascii_case(pattern)
            || id.rsplit_once('/').is_some_and(|(zone, _)| zone.eq_ignore_ascii_case(pattern))
    };
    zones.iter().any(|zone| zone.pools.iter().any(|pool| is_of(zone, pool)))
}

fn lower_sink(file: &File, spec: SinkSpec) -> Option<Sink> {
    let SinkSpec { name, at, on, severity, pools, target } = spec;
    let lowering = Lowering { file, name: &name.value, at };
    let target = lowering.target(target?)?;
    let values = |list: &Vec<Given<String>>| list.iter().map(|given| Arc::from(&*given.value)).collect();
    let filter = Filter {
        topics: on.value().map_or_else(|| Topic::ALL.to_vec(), |on| on.iter().map(|given| given.value).collect()),
        severity: severity.unwrap_or(Severity::Info),
        pools: pools.value().map(values).unwrap_or_default(),
    };
    Some(Sink { name: Arc::from(&*name.value), filter, target })
}

struct Lowering<'a> {
    file: &'a File,
    name: &'a str,
    /// The header.
    at: Range<usize>,
}

impl Lowering<'_> {
    fn target(&self, spec: TargetSpec) -> Option<Target> {
        Some(match spec {
            TargetSpec::Slack { url, ca_file } => {
                Target::Slack { url: self.secret("url", &url)?, ca: ca_file.value().cloned() }
            }
            TargetSpec::PagerDuty { routing_key, url, ca_file } => Target::PagerDuty {
                routing_key: self.secret("routing_key", &routing_key)?,
                url: url.unwrap_or(PAGERDUTY.to_owned()),
                ca: ca_file.value().cloned(),
            },
            TargetSpec::Alertmanager { url, username, password, token, labels, ca_file } => Target::Alertmanager {
                url: url.value()?.clone(),
                login: self.login(&username, &password, &token)?,
                labels: labels.unwrap_or(Vec::new()),
                ca: ca_file.value().cloned(),
            },
            TargetSpec::Webhook { url, secret, headers, ca_file } => {
                if secret.is_absent() {
                    let message = format!("webhook \"{}\" has no secret, so what it sends is not signed", self.name);
                    let fault = self.file.warning("notify-unsigned", self.at.clone(), message);
                    self.file
                        .push(fault.help("write secret = { file = \"PATH\" }: its receiver can tell then who sent it"));
                }
                Target::Webhook {
                    url: self.text("url", url.given()?),
                    secret: self.secret("secret", &secret),
                    headers: self.texts(headers),
                    ca: ca_file.value().cloned(),
                }
            }
            TargetSpec::Email(spec) => Target::Email(Box::new(self.email(*spec)?)),
            TargetSpec::Exec { command, timeout, env } => Target::Exec {
                command: command.value()?.clone(),
                timeout: timeout.unwrap_or(EXEC_TIMEOUT),
                env: self.texts(env),
            },
        })
    }

    fn email(&self, spec: EmailSpec) -> Option<Email> {
        let EmailSpec { server, tls, username, password, from, to, ca_file } = spec;
        let login = match self.login(&username, &password, &Key::Absent)? {
            Login::Password(username, password) => Some((username, password)),
            Login::None | Login::Token(_) => None,
        };
        if let (Some(MailTls::None), Some(at)) = (tls.value(), tls.at())
            && server.value().is_some_and(|server: &MailServer| !server.is_loopback())
        {
            let message = format!("mail of \"{}\" would leave this machine without TLS", self.name);
            let fault = self.file.error("notify-no-tls", at, message);
            self.file.push(fault.help("tls = \"none\" is for a server on loopback; write \"starttls\" or \"tls\""));
        }
        Some(Email {
            server: server.value()?.clone(),
            tls: tls.unwrap_or(MailTls::StartTls),
            login,
            from: from.value()?.clone(),
            to: to.value()?.iter().map(|given| given.value.clone()).collect(),
            ca: ca_file.value().cloned(),
        })
    }

    /// None where it is wrong, and reported.
    fn login(&self, username: &Key<String>, password: &Key<SecretSource>, token: &Key<SecretSource>) -> Option<Login> {
        let refuse = |at: Option<Range<usize>>, message: &str| {
            let fault = self.file.error("notify-login", at.unwrap_or(self.at.clone()), message);
            self.file.push(fault);
            None
        };
        match (username.is_absent(), password.is_absent(), token.is_absent()) {
            (true, true, true) => Some(Login::None),
            (true, true, false) => self.secret("token", token).map(Login::Token),
            (_, _, false) => {
                refuse(token.at(), "\"token\" stands beside a user name or password: it is one or the other")
            }
            (false, true, true) => refuse(username.at(), "\"username\" needs a \"password\""),
            (true, false, true) => refuse(password.at(), "\"password\" needs a \"username\""),
            (false, false, true) => {
                Some(Login::Password(username.value()?.clone(), self.secret("password", password)?))
            }
        }
    }

    /// A secret, with a warning where it cannot be read now.
    fn secret(&self, key: &str, given: &Key<SecretSource>) -> Option<SecretSource> {
        let given = given.given()?;
        self.probe(key, &given.value, given.at.clone());
        Some(given.value.clone())
    }

    fn text(&self, key: &str, given: &Given<Text>) -> Text {
        if let Text::Secret(source) = &given.value {
            self.probe(key, source, given.at.clone());
        }
        given.value.clone()
    }

    fn texts(&self, given: Key<Vec<(String, Given<Text>)>>) -> Vec<(String, Text)> {
        let texts = given.value().into_iter().flatten();
        texts.map(|(key, given)| (key.clone(), self.text(key, given))).collect()
    }

    /// Warns where a secret cannot be read. Its file is watched: the sink works once it can.
    fn probe(&self, key: &str, source: &SecretSource, at: Range<usize>) {
        if let SecretSource::File(path) = source {
            self.file.depends_on(path.clone());
        }
        if let Err(fault) = read_secret(source) {
            let why = match &fault {
                SecretError::Unreadable(_, why) => format!(": {}", reason(why)),
                SecretError::Unset(_) | SecretError::Unfit(_) => String::new(),
            };
            let message = format!("\"{key}\": {fault}{why}");
            let found = self.file.warning("secret-unreadable", at, message);
            self.file.push(found.help(format!("sink \"{}\" tells nobody until it can be read", self.name)));
        }
    }
}
