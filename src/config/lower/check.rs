//! A check with everything that does not depend on the endpoint that is asked.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use super::Context;
use super::plan::Plan;
use crate::config::spec::CheckSpec;
use crate::config::toml::Given;
use crate::model::CheckName;
use crate::model::check::{Ask, JsonValue, Probe, Watch};

/// A check of this zone.
pub(super) struct Check {
    pub(super) name: Given<String>,
    /// The header.
    pub(super) at: Range<usize>,
    /// Some pool names it.
    pub(super) used: bool,
    /// None where something is wrong, and reported.
    plan: Option<Plan>,
}

/// The endpoint and the pool that a check is made for.
pub(super) struct Asked<'a> {
    pub(super) endpoint: &'a str,
    pub(super) region: Option<&'a str>,
    pub(super) ip: IpAddr,
    pub(super) port: Option<u16>,
    /// Where the check says no host.
    pub(super) host: &'a str,
}

impl Check {
    /// Applies the defaults and compares the keys with each other.
    pub(super) fn lower(context: &Context<'_>, name: Given<String>, at: Range<usize>, spec: CheckSpec) -> Self {
        let spec = spec.or(&context.defaults.check);
        let plan = Plan::lower(context.file, &name.value, &at, spec);
        Self { name, at, used: false, plan }
    }

    /// Whether it says its host itself.
    pub(super) fn needs_host(&self) -> bool {
        self.plan.as_ref().and_then(|plan| plan.http.as_ref()).is_some_and(|http| http.host.is_empty())
    }

    /// The address that it puts into Host, where it is one.
    pub(super) fn host_address(&self) -> Option<IpAddr> {
        self.plan.as_ref()?.http.as_ref()?.host.parse().ok()
    }

    /// Whether a value it expects names the region.
    pub(super) fn needs_region(&self) -> bool {
        let http = self.plan.as_ref().and_then(|plan| plan.http.as_ref());
        http.is_some_and(|http| {
            http.expect_json.iter().any(|(_, value)| matches!(value, JsonValue::String(s) if s.contains("{region}")))
        })
    }

    /// The check of one target; None where it is wrong itself.
    pub(super) fn watch(&self, asked: &Asked<'_>) -> Option<Arc<Watch>> {
        let Plan { cadence, timeout, port, http } = self.plan.as_ref()?;
        let ask = match http {
            None => Ask::Tcp,
            Some(http) => {
                let mut http = http.clone();
                if http.host.is_empty() {
                    asked.host.clone_into(&mut http.host);
                }
                for (_, value) in &mut http.expect_json {
                    if let JsonValue::String(text) = value {
                        *text = fill(text, asked);
                    }
                }
                Ask::Http(Box::new(http))
            }
        };
        let target = SocketAddr::new(asked.ip, asked.port.unwrap_or(*port));
        let probe = Probe { target, timeout: *timeout, ask };
        Some(Arc::new(Watch { check: CheckName::new(&self.name.value), probe, cadence: *cadence }))
    }
}

/// Puts region and endpoint where the placeholders are, in one pass: what is put in is not read again.
fn fill(text: &str, asked: &Asked<'_>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let (word, value) = match asked.region {
            Some(region) if rest.starts_with("{region}") => ("{region}", region),
            _ if rest.starts_with("{endpoint}") => ("{endpoint}", asked.endpoint),
            _ => ("{", "{"),
        };
        filled.push_str(value);
        rest = &rest[word.len()..];
    }
    filled.push_str(rest);
    filled
}
