//! From what happened to the record of it: its words, how much it matters, what it is about.

use serde_json::{Value, json};

use super::drill::{DrillChange, DrillOrder};
use super::event::{Answer, By, Event, Kind, OverrideChange, ip_version};
use super::record::{Record, Severity, Stage, Topic};
use crate::health::{Flip, Override, Scope, Verdict};
use crate::model::observation::Observation;
use crate::model::pool::PoolId;
use crate::policy::{HoldChange, HoldEnd, Mode};

/// What is the same for all events.
struct Head {
    kind: &'static str,
    topic: Topic,
    severity: Severity,
    state: Stage,
    subject: String,
}

/// A head without a subject of its own.
fn head(kind: &'static str, topic: Topic, severity: Severity, state: Stage) -> Head {
    Head { kind, topic, severity, state, subject: String::new() }
}

impl Head {
    fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }
}

impl Record {
    /// The record of an event of this node.
    pub(super) fn of(event: &Event, node: &str) -> Self {
        let Head { kind, topic, severity, state, subject } = head_of(&event.kind);
        let mut record = Self {
            id: event.id,
            time: event.at,
            node: node.to_owned(),
            kind: kind.to_owned(),
            topic,
            severity,
            state,
            subject: if subject.is_empty() { format!("{}/{}", topic.word(), kind) } else { subject },
            zone: None,
            pool: None,
            endpoint: None,
            region: None,
            address: None,
            check: None,
            text: event.to_string(),
            data: data_of(&event.kind),
        };
        record.place(&event.kind);
        record
    }

    /// Fills in what it is about.
    fn place(&mut self, kind: &Kind) {
        match kind {
            Kind::Endpoint { pool, endpoint, region, ip, check, .. }
            | Kind::Lasting { pool, endpoint, region, ip, check, .. } => {
                self.of_pool(pool);
                self.endpoint = Some(endpoint.to_string());
                self.region = region.as_ref().map(ToString::to_string);
                self.address = Some(*ip);
                self.check = Some(check.to_string());
            }
            Kind::Stale { pool, endpoint, ip, check, .. } => {
                self.of_pool(pool);
                self.endpoint = Some(endpoint.to_string());
                self.address = Some(*ip);
                self.check = Some(check.to_string());
            }
            Kind::Pool { pool, .. } | Kind::Answer { pool, .. } | Kind::Failback { pool, .. } => self.of_pool(pool),
            Kind::Hold { pool, change } => {
                let (HoldChange::Begun { member, .. } | HoldChange::Ended { member, .. }) = change;
                self.of_pool(pool);
                self.endpoint = Some(member.endpoint.to_string());
                self.address = Some(member.ip);
            }
            Kind::Override { scope, .. } => match scope {
                Scope::Endpoint { pool, endpoint } => {
                    self.of_pool(pool);
                    self.endpoint = Some(endpoint.to_string());
                }
                Scope::Region(region) => self.region = Some(region.to_string()),
                Scope::Pool(pool) => self.of_pool(pool),
            },
            Kind::Drill(DrillChange::Begun(order) | DrillChange::Ended { order, .. }) => {
                self.region = Some(order.region.to_string());
            }
            Kind::Drill(DrillChange::Skipped { region, .. }) => self.region = Some(region.to_string()),
            Kind::Ready { .. }
            | Kind::Applied(_)
            | Kind::Refused(_)
            | Kind::Invalid(_)
            | Kind::Isolation { .. }
            | Kind::Hook { .. } => {}
        }
    }

    fn of_pool(&mut self, pool: &PoolId) {
        self.zone = Some(pool.zone.bare());
        self.pool = Some(pool.pool.to_string());
    }
}

fn head_of(kind: &Kind) -> Head {
    use Severity::{Critical, Info, Warning};
    use Stage::{Firing, Note, Resolved};
    match kind {
        Kind::Endpoint { pool, endpoint, ip, flip, .. } => {
            let head = match flip.to {
                Verdict::Up => head("endpoint-up", Topic::Endpoint, Info, Resolved),
                Verdict::Down | Verdict::Unknown => head("endpoint-down", Topic::Endpoint, Warning, Firing),
            };
            head.about(format!("endpoint/{pool}/{endpoint}/{ip}"))
        }
        Kind::Lasting { pool, endpoint, ip, .. } => head("endpoint-down-long", Topic::Endpoint, Critical, Firing)
            .about(format!("endpoint/{pool}/{endpoint}/{ip}")),
        Kind::Stale { pool, endpoint, ip, stale, .. } => {
            let head = match stale {
                true => head("check-stale", Topic::Endpoint, Warning, Firing),
                false => head("check-fresh", Topic::Endpoint, Info, Resolved),
            };
            head.about(format!("check/{pool}/{endpoint}/{ip}"))
        }
        Kind::Pool { pool, family, mode } => {
            let head = match mode {
                Mode::Healthy | Mode::Absent => head("pool-up", Topic::Pool, Info, Resolved),
                _ => head("pool-down", Topic::Pool, Critical, Firing),
            };
            head.about(format!("pool/{pool}/{}", family.rtype()))
        }
        Kind::Hold { pool, change: HoldChange::Begun { member, .. } } => {
            head("hold-begun", Topic::Pool, Info, Note).about(format!("hold/{pool}/{}/{}", member.endpoint, member.ip))
        }
        Kind::Hold { pool, change: HoldChange::Ended { member, .. } } => {
            head("hold-ended", Topic::Pool, Info, Note).about(format!("hold/{pool}/{}/{}", member.endpoint, member.ip))
        }
        Kind::Failback { pool, .. } => head("failback", Topic::Pool, Info, Note).about(format!("failback/{pool}")),
        Kind::Answer { pool, family, .. } => {
            head("answer-changed", Topic::Answer, Info, Note).about(format!("answer/{pool}/{}", family.rtype()))
        }
        Kind::Override { scope, change, .. } => {
            let kind = match change {
                OverrideChange::Set => "override-set",
                OverrideChange::Cleared => "override-cleared",
                OverrideChange::Expired => "override-expired",
            };
            head(kind, Topic::Override, Info, Note).about(format!("override/{scope}"))
        }
        Kind::Drill(DrillChange::Begun(order)) => {
            head("drill-begun", Topic::Drill, Info, Note).about(format!("drill/{}", order.id))
        }
        Kind::Drill(DrillChange::Ended { order, why, met }) => {
            let severity = if why.is_cut_short() || *met == Some(false) { Warning } else { Info };
            head("drill-ended", Topic::Drill, severity, Note).about(format!("drill/{}", order.id))
        }
        Kind::Drill(DrillChange::Skipped { name, .. }) => {
            head("drill-skipped", Topic::Drill, Info, Note).about(format!("drill/{name}"))
        }
        Kind::Applied(applied) => {
            let severity = if applied.restart_needed.is_empty() { Info } else { Warning };
            head("reload-applied", Topic::Config, severity, Resolved).about("config/reload")
        }
        Kind::Refused(_) | Kind::Invalid(_) => {
            head("reload-refused", Topic::Config, Warning, Firing).about("config/reload")
        }
        Kind::Ready { missing, .. } => {
            head("node-ready", Topic::Node, if *missing == 0 { Info } else { Warning }, Note)
        }
        Kind::Isolation { family, begun, .. } => {
            let head = match begun {
                true => head("isolation-begun", Topic::Node, Critical, Firing),
                false => head("isolation-ended", Topic::Node, Info, Resolved),
            };
            head.about(format!("node/isolation/{}", ip_version(*family)))
        }
        Kind::Hook { sink, .. } => head("hook-failed", Topic::Node, Warning, Note).about(format!("notify/{sink}")),
    }
}

fn data_of(kind: &Kind) -> Value {
    match kind {
        Kind::Ready { targets, missing } => json!({ "targets": targets, "missing": missing }),
        Kind::Endpoint { flip: Flip { from, to, streak, evidence }, .. } => json!({
            "from": from.to_string(),
            "to": to.to_string(),
            "streak": streak,
            "evidence": evidence_of(evidence),
        }),
        Kind::Lasting { since, last, .. } => json!({
            "since": humantime::format_rfc3339_millis(*since).to_string(),
            "evidence": last.as_deref().map(evidence_of),
        }),
        Kind::Stale { .. } => json!({}),
        Kind::Pool { family, mode, .. } => json!({ "family": family.rtype().to_string(), "mode": mode.word() }),
        Kind::Answer { family, before, after, .. } => {
            let (before_mode, after_mode) = (before.mode.word(), after.mode.word());
            let list = |answer: &Answer| json!(answer.addresses);
            json!({
                "family": family.rtype().to_string(),
                "before": list(before),
                "after": list(after),
                "before_mode": before_mode,
                "after_mode": after_mode,
            })
        }
        Kind::Hold { change: HoldChange::Begun { hold, .. }, .. } => {
            json!({ "hold_ms": hold.map(|hold| u64::try_from(hold.as_millis()).unwrap_or(u64::MAX)) })
        }
        Kind::Hold { change: HoldChange::Ended { why, .. }, .. } => json!({ "why": end_word(*why) }),
        Kind::Failback { by: By { author, reason }, released, .. } => {
            json!({ "author": &**author, "reason": &**reason, "released": released })
        }
        Kind::Override { order: Override { force, reason, author, set: _, expires }, by, .. } => json!({
            "cleared_by": by.as_ref().map(|by| &*by.author),
            "cleared_because": by.as_ref().map(|by| &*by.reason),
            "force": force.to_string(),
            "reason": &**reason,
            "author": &**author,
            "expires": expires.map(|end| humantime::format_rfc3339_millis(end.wall).to_string()),
        }),
        Kind::Drill(DrillChange::Begun(DrillOrder { id, region: _, lasts, author, reason })) => json!({
            "id": &**id,
            "for_ms": u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX),
            "author": &**author,
            "reason": &**reason,
        }),
        Kind::Drill(DrillChange::Ended { order, why, met }) => json!({
            "id": &*order.id,
            "met": met,
            "cut_short": why.is_cut_short(),
            "why": why.to_string(),
        }),
        Kind::Drill(DrillChange::Skipped { name, region: _, why }) => json!({ "name": &**name, "why": &**why }),
        Kind::Applied(applied) => json!({
            "changes": applied.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "author": applied.by.as_ref().map(|by| &*by.author),
            "reason": applied.by.as_ref().map(|by| &*by.reason),
            "checks_started": applied.checks_started,
            "checks_stopped": applied.checks_stopped,
            "restart_needed": applied.restart_needed,
        }),
        Kind::Refused(refused) => json!({ "why": refused.to_string() }),
        Kind::Invalid(diagnostics) => json!({ "diagnostics": diagnostics }),
        Kind::Isolation { family, targets, .. } => json!({ "family": ip_version(*family), "targets": targets }),
        Kind::Hook { sink, event, error } => json!({ "sink": sink, "event": event, "error": error }),
    }
}

/// What a probe saw.
fn evidence_of(seen: &Observation) -> Value {
    let Observation { began, phases, status, result } = seen;
    let millis = |time: std::time::Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    json!({
        "at": humantime::format_rfc3339_millis(*began).to_string(),
        "error": result.as_ref().err().map(ToString::to_string),
        "status": status,
        "connect_ms": phases.connect.map(millis),
        "tls_ms": phases.tls.map(millis),
        "first_byte_ms": phases.first_byte.map(millis),
        "total_ms": millis(phases.total),
    })
}

fn end_word(why: HoldEnd) -> &'static str {
    match why {
        HoldEnd::Over => "over",
        HoldEnd::Interrupted => "interrupted",
        HoldEnd::Needed => "needed",
        HoldEnd::Forced => "forced",
        HoldEnd::Released => "released",
    }
}
