//! Explanations: from a question to its answer.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::status::EndpointJson;
use super::trace::StepJson;
use crate::admin::fault::Fault;
use crate::answer::{FoundAs, Place, ReadReply};
use crate::dns::{Name, Rtype};

/// What is to be explained.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ExplainQuery {
    /// The name that is asked for; the last dot may be left out.
    #[param(example = "app.example.com")]
    name: String,
    /// The type that is asked for: `AAAA`, `TYPE65`. Default A.
    r#type: Option<String>,
    /// Who asks: an address, or a network as EDNS Client Subnet has it. Default `127.0.0.1`.
    #[param(example = "203.0.113.0/24")]
    client: Option<String>,
}

/// The question.
#[derive(Debug)]
pub(in crate::admin) struct Question {
    pub(in crate::admin) name: Name,
    pub(in crate::admin) rtype: Rtype,
    /// As it was given, and its address.
    pub(in crate::admin) client: Option<(String, IpAddr)>,
}

/// Each step from a question to its answer.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ExplainJson {
    pub(in crate::admin) question: QuestionJson,
    /// The zone that the name lies in; null where it lies in none of this node.
    pub(in crate::admin) zone: Option<String>,
    pub(in crate::admin) node: NodeJson,
    /// The pool that answers; null where none does.
    pub(in crate::admin) pool: Option<SteeringJson>,
    /// The steps of the decision itself.
    pub(in crate::admin) steps: Vec<StepJson>,
    /// The endpoints of the pool.
    pub(in crate::admin) endpoints: Vec<EndpointJson>,
    pub(in crate::admin) client: ClientJson,
    pub(in crate::admin) answer: ReplyJson,
    /// What is answered and why, in one sentence.
    pub(in crate::admin) summary: String,
}

/// The question as it was understood.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct QuestionJson {
    name: String,
    r#type: String,
    client: Option<String>,
}

/// What stands at the name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct NodeJson {
    found: FoundJson,
    /// The name itself, the wildcard, the delegation or the DNAME; null where there is none.
    name: Option<String>,
    /// Types that the zone file has there; those of a pool are not among them.
    types: Vec<String>,
    /// The pool that steers its addresses.
    steered_by: Option<String>,
}

/// How it was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum FoundJson {
    Exact,
    Wildcard,
    EmptyNonTerminal,
    None,
    Cut,
    Alias,
    OutOfZone,
}

/// The pool that answers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct SteeringJson {
    pub(in crate::admin) id: String,
    pub(in crate::admin) policy: Vec<&'static str>,
    pub(in crate::admin) mode: &'static str,
    /// The mode in words.
    pub(in crate::admin) why: &'static str,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ClientJson {
    #[schema(value_type = String)]
    pub(in crate::admin) address: IpAddr,
    pub(in crate::admin) source: SourceJson,
    /// The filters of the policy that look at it; empty where the client does not matter.
    pub(in crate::admin) used_by: Vec<&'static str>,
}

/// Where the client is known from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::admin) enum SourceJson {
    /// It was given.
    Given,
    /// It was not.
    Default,
}

/// The reply, made as it is for any query.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ReplyJson {
    rcode: String,
    flags: Vec<&'static str>,
    /// Of the first record of the answer.
    ttl: Option<u32>,
    /// The answer section.
    records: Vec<String>,
    authority: Vec<String>,
    additional: Vec<String>,
    bytes: usize,
    /// All of it, in hexadecimal.
    wire: String,
}

impl ExplainQuery {
    pub(in crate::admin) fn lower(self) -> Result<Question, Fault> {
        let Self { name, r#type, client } = self;
        let parsed = if name.is_empty() { None } else { Name::parse(&name).ok() };
        let name = parsed.ok_or(Fault::NameWrong(name))?;
        let rtype = r#type.map_or(Ok(Rtype::A), |text| text.parse().map_err(|()| Fault::TypeWrong(text)))?;
        let client = client.map(|text| match address(&text) {
            Some(ip) => Ok((text, ip)),
            None => Err(Fault::ClientWrong(text)),
        });
        Ok(Question { name, rtype, client: client.transpose()? })
    }
}

/// The address of `203.0.113.7` or `203.0.113.0/24`.
fn address(text: &str) -> Option<IpAddr> {
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let fits = |prefix: &str| prefix.bytes().all(|b| b.is_ascii_digit()) && prefix.parse().is_ok_and(|p: u8| p <= most);
    prefix.is_none_or(fits).then_some(ip)
}

impl QuestionJson {
    pub(in crate::admin) fn of(question: &Question) -> Self {
        let Question { name, rtype, client } = question;
        let client = client.as_ref().map(|(text, _)| text.clone());
        Self { name: name.to_string(), r#type: rtype.to_string(), client }
    }
}

impl NodeJson {
    pub(in crate::admin) fn of(place: &Place, steered_by: Option<String>) -> Self {
        let Place { zone: _, found, name, types, pool: _ } = place;
        let found = match found {
            FoundAs::Exact => FoundJson::Exact,
            FoundAs::Wildcard => FoundJson::Wildcard,
            FoundAs::EmptyNonTerminal => FoundJson::EmptyNonTerminal,
            FoundAs::Missing => FoundJson::None,
            FoundAs::Cut => FoundJson::Cut,
            FoundAs::Alias => FoundJson::Alias,
            FoundAs::OutOfZone => FoundJson::OutOfZone,
        };
        let name = name.as_ref().map(ToString::to_string);
        Self { found, name, types: types.iter().map(ToString::to_string).collect(), steered_by }
    }
}

impl ReplyJson {
    pub(in crate::admin) fn of(reply: &ReadReply, wire: &[u8]) -> Self {
        let ReadReply { rcode, flags, answer, authority, additional } = reply;
        let texts = |records: &[crate::answer::Record]| records.iter().map(ToString::to_string).collect();
        Self {
            rcode: format!("{rcode:?}"),
            flags: flags.clone(),
            ttl: answer.first().map(|record| record.ttl),
            records: texts(answer),
            authority: texts(authority),
            additional: texts(additional),
            bytes: wire.len(),
            wire: data_encoding::HEXLOWER.encode(wire),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_addresses_or_networks() {
        for good in ["203.0.113.7", "203.0.113.0/24", "2001:db8::/56", "::1", "0.0.0.0/0"] {
            assert!(address(good).is_some(), "{good}");
        }
        for bad in ["", "me", "203.0.113.0/33", "203.0.113.0/", "203.0.113.0/+8", "2001:db8::/129", "1.2.3.4/24/5"] {
            assert!(address(bad).is_none(), "{bad}");
        }
    }
}
