//! From a question to its answer, with the reasons: what the snapshot says, joined with what control knows
//! of the pool that answers.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::fault::Fault;
use super::shape::explain::{
    ClientJson, ExplainJson, NodeJson, Question, QuestionJson, ReplyJson, SourceJson, SteeringJson,
};
use super::shape::status::{EndpointJson, filter_word};
use super::shape::trace::{StepJson, steps};
use crate::answer::{Client, Explanation, FoundAs, Place, Transport, explain};
use crate::control::{EndpointStatus, Handle, PoolStatus, Status, Stopped};
use crate::dns::{Rcode, Rtype};
use crate::policy::{Family, Mode, Plan, Stage, Steering, Step, selector};
use crate::snapshot::Snapshot;

/// Who asks where nobody is named.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How often a view and a snapshot of the same moment are looked for. Answers move seldom; where they move
/// all the time, the newest of both is good enough.
const TRIES: usize = 4;
/// Endpoints that a summary names.
const NAMED_MAX: usize = 4;

/// Explains what is answered to a question now.
pub(super) async fn explained(control: &Handle, question: &Question) -> Result<ExplainJson, Fault> {
    let (status, snapshot) = same_moment(control).await?;
    let client = question.client.as_ref().map_or(NOBODY, |(_, ip)| *ip);
    let asker = Client { ip: client, transport: Transport::Udp };
    // Not the entropy of any query, but as good.
    let entropy = RandomState::new().hash_one(0);
    let found = explain(&snapshot, &packet(question), asker, entropy);
    let found = found.ok_or_else(|| Fault::NameWrong(question.name.to_string()))?;
    let end = found.end.as_ref().unwrap_or(&found.node);
    let steered_by = pool_of(&status, &found.node).map(|pool| pool.id.to_string());
    let steering = pool_of(&status, end).zip(family(question.rtype, &found));
    let summary = summary(question, &found, steering);
    let used_by = steering.map(|(pool, family)| looks_at_client(pool, family)).unwrap_or_default();
    let source = if question.client.is_some() { SourceJson::Given } else { SourceJson::Default };
    Ok(ExplainJson {
        question: QuestionJson::of(question),
        zone: found.node.zone.as_ref().map(ToString::to_string),
        node: NodeJson::of(&found.node, steered_by),
        pool: steering.map(|(pool, family)| SteeringJson {
            id: pool.id.to_string(),
            policy: pool.policy.iter().map(|filter| filter_word(*filter)).collect(),
            mode: pool.compiled.plan(family).mode.word(),
            why: why(pool.compiled.plan(family).mode),
        }),
        steps: steering.map(|(pool, family)| steps(pool, family)).unwrap_or_default(),
        endpoints: steering.map(|(pool, _)| pool.endpoints.iter().map(EndpointJson::of).collect()).unwrap_or_default(),
        client: ClientJson { address: client, source, used_by },
        answer: ReplyJson::of(&found.reply, &found.wire),
        summary,
    })
}

/// A view of the world, and the snapshot that goes with it.
async fn same_moment(control: &Handle) -> Result<(Arc<Status>, Arc<Snapshot>), Stopped> {
    let mut status = control.status().await?;
    let store = control.store();
    for _ in 1..TRIES {
        let snapshot = store.current();
        if snapshot.generation == status.snapshot.generation {
            return Ok((status, snapshot));
        }
        status = control.status().await?;
    }
    Ok((status, store.current()))
}

/// The query, as a resolver sends it.
fn packet(question: &Question) -> Vec<u8> {
    // Id 0, no flags, one question and one additional record.
    let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    packet.extend_from_slice(question.name.as_wire());
    packet.extend_from_slice(&question.rtype.0.to_be_bytes());
    packet.extend_from_slice(&[0, 1]);
    // OPT: 1,232 bytes of reply are taken (RFC 6891, 6.1.2).
    packet.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    packet
}

/// The pool that steers a place.
fn pool_of<'a>(status: &'a Status, place: &Place) -> Option<&'a PoolStatus> {
    let zone = status.zones.iter().find(|zone| Some(&zone.name) == place.zone.as_ref())?;
    zone.pools.get(place.pool?)
}

/// The family that a pool was asked for; of ANY, the one that is answered.
fn family(rtype: Rtype, found: &Explanation) -> Option<Family> {
    let rtype = match rtype {
        Rtype::ANY => found.reply.answer.first()?.rtype,
        rtype => rtype,
    };
    Family::ALL.into_iter().find(|family| family.rtype() == rtype)
}

fn looks_at_client(pool: &PoolStatus, family: Family) -> Vec<&'static str> {
    match pool.compiled.steering(family) {
        Steering::Pick(selector) if selector.shares().is_some() => match selector.spec().mode {
            selector::Mode::Sticky => vec!["sticky"],
            selector::Mode::Uniform | selector::Mode::Weighted | selector::Mode::Shuffle => Vec::new(),
        },
        Steering::Pick(_) | Steering::Static | Steering::Nodata => Vec::new(),
    }
}

fn why(mode: Mode) -> &'static str {
    match mode {
        Mode::Healthy => "healthy endpoints are answered",
        Mode::LastGood => "no endpoint is healthy: the last good answer holds",
        Mode::All => "no endpoint is healthy: all are taken as if they were",
        Mode::Static => "no endpoint is healthy: the records of the zone file are answered",
        Mode::Nodata => "no endpoint may be answered: no address is",
        Mode::Absent => "the pool has no address of this family",
    }
}

/// What is answered and why, in one sentence.
fn summary(question: &Question, found: &Explanation, steering: Option<(&PoolStatus, Family)>) -> String {
    let Question { name, rtype, .. } = question;
    let Explanation { node, end, reply, .. } = found;
    let zone = node.zone.as_ref().map(ToString::to_string).unwrap_or_default();
    let at = node.name.as_ref().map(ToString::to_string).unwrap_or_default();
    let data: Vec<_> =
        reply.answer.iter().filter(|record| record.target.is_none()).map(|record| record.data.as_str()).collect();
    let answered = if data.is_empty() { "no data".to_owned() } else { data.join(" ") };
    match node.found {
        FoundAs::OutOfZone => return format!("{name} lies in no zone of this node: REFUSED"),
        FoundAs::Missing => return format!("{name} does not exist in zone {zone}: NXDOMAIN"),
        FoundAs::Cut => return format!("{name} is delegated at {at}: its name servers are answered"),
        FoundAs::EmptyNonTerminal => {
            return format!("{name} {rtype} has no data: the name exists only because there is something below it");
        }
        FoundAs::Alias => {
            let last = reply.answer.iter().filter_map(|record| record.target.as_ref()).next_back();
            let to = last.map(ToString::to_string).unwrap_or_default();
            return match (steering, end) {
                (Some((pool, family)), _) => {
                    format!("{name} {rtype} is an alias of {to}, answered {answered} because {}", reasons(pool, family))
                }
                (None, None) => format!("{name} {rtype} is an alias of {to}, which is no name of this node"),
                (None, Some(_)) if reply.rcode == Rcode::NXDOMAIN => {
                    format!("{name} {rtype} is an alias of {to}, which does not exist: NXDOMAIN")
                }
                (None, Some(_)) => format!("{name} {rtype} is an alias of {to}: {answered}, from the zone file"),
            };
        }
        FoundAs::Exact | FoundAs::Wildcard => {}
    }
    let wildcard = if node.found == FoundAs::Wildcard { format!(", by the wildcard {at}") } else { String::new() };
    if reply.rcode != Rcode::NOERROR {
        return format!("{name} {rtype} is not answered here: {:?}", reply.rcode);
    }
    if reply.flags.contains(&"tc") {
        return format!("{name} {rtype} does not fit into a datagram: the client asks again over TCP");
    }
    match steering {
        Some((pool, family)) => {
            format!("{name} {rtype} is answered {answered}{wildcard} because {}", reasons(pool, family))
        }
        None if data.is_empty() => format!("{name} exists{wildcard} and has no {rtype} record: no data"),
        None => format!("{name} {rtype} is answered {answered}{wildcard}, from the zone file"),
    }
}

/// Who is answered and why, then the other steps that changed something.
fn reasons(pool: &PoolStatus, family: Family) -> String {
    let plan = pool.compiled.plan(family);
    let narrowed = plan.steps.iter().zip(steps(pool, family)).filter(|(step, _)| !step.dropped.is_empty());
    let is_said = |step: &Step| plan.mode == Mode::Healthy && step.stage == Stage::Priority;
    let texts = narrowed.filter(|(step, _)| !is_said(step)).map(|(_, StepJson { text, .. })| text);
    let first = if plan.mode == Mode::Healthy { chosen(pool, plan) } else { why(plan.mode).to_owned() };
    std::iter::once(first).chain(texts).collect::<Vec<_>>().join("; ")
}

/// `us-east is the healthy endpoint with the lowest priority number, 1`
fn chosen(pool: &PoolStatus, plan: &Plan) -> String {
    let mut places: Vec<_> = plan.in_use.iter().map(|seat| seat.endpoint).collect();
    places.dedup();
    let used: Vec<_> = places.iter().filter_map(|place| pool.endpoints.get(*place)).collect();
    let names = named(&used);
    if plan.steps.iter().all(|step| step.dropped.is_empty()) {
        return format!("all of its endpoints are healthy: {names}");
    }
    // Somebody healthy may have left by another rule.
    let others = [Stage::Override, Stage::Failback, Stage::MinHealthy];
    let left = plan.steps.iter().any(|step| others.contains(&step.stage) && !step.dropped.is_empty());
    let left = if left { " left" } else { "" };
    let by_priority = plan.steps.iter().any(|step| step.stage == Stage::Priority);
    match (used.as_slice(), by_priority) {
        ([one], true) => {
            format!("{names} is the healthy endpoint{left} with the lowest priority number, {}", one.priority)
        }
        ([first, ..], true) => {
            format!("{names} are the healthy endpoints{left} with the lowest priority number, {}", first.priority)
        }
        ([_], false) => format!("{names} is the only healthy endpoint{left}"),
        (_, _) => format!("{names} are the healthy endpoints{left}"),
    }
}

/// `us-east, eu (region eu-west) and 3 more`
fn named(endpoints: &[&EndpointStatus]) -> String {
    let mut words: Vec<_> = endpoints.iter().take(NAMED_MAX).map(|endpoint| named_one(endpoint)).collect();
    if let Some(more @ 1..) = endpoints.len().checked_sub(NAMED_MAX) {
        words.push(format!("{more} more"));
    }
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, all)) => format!("{} and {last}", all.join(", ")),
        None => String::new(),
    }
}

fn named_one(endpoint: &EndpointStatus) -> String {
    let name = endpoint.name.to_string();
    match endpoint.region.as_ref().map(ToString::to_string) {
        Some(region) if region != name => format!("{name} (region {region})"),
        Some(_) | None => name,
    }
}
