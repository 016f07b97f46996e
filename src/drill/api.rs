//! Drills as the admin API asks for them.

use std::sync::Arc;
use std::time::Duration;

use super::desk::{Ask, Drills};
use super::report::{PoolReport, Queries, Recovery, Report, ResolverReport, Seen, State};
use super::runner::NotBegun;
use crate::admin::desk::{
    self, DrillAsk, DrillPool, DrillQueries, DrillRecovery, DrillReport, DrillResolver, DrillSeen, DrillState, Later,
    Refusal, RefusalKind,
};
use crate::control::{By, DrillRefused};
use crate::model::Region;
use crate::model::drill::{LASTS_MAX, LASTS_MIN, RESOLVERS_MAX};

impl desk::Drills for Drills {
    fn begin(&self, ask: DrillAsk) -> Later<'_, Result<Arc<DrillReport>, Refusal>> {
        Box::pin(async move {
            let ask = lower(ask)?;
            let begun = Drills::begin(self, ask).await.map_err(|why| refusal(&why))?;
            Ok(Arc::new(report_of(&begun)))
        })
    }

    fn list(&self) -> Later<'_, Vec<Arc<DrillReport>>> {
        Box::pin(async { Drills::list(self).await.iter().map(|report| Arc::new(report_of(report))).collect() })
    }

    fn find<'a>(&'a self, id: &'a str) -> Later<'a, Option<Arc<DrillReport>>> {
        Box::pin(async { Drills::find(self, id).await.map(|report| Arc::new(report_of(&report))) })
    }

    fn markdown<'a>(&'a self, id: &'a str) -> Later<'a, Option<String>> {
        Box::pin(async { Drills::find(self, id).await.map(|report| report.to_markdown()) })
    }

    fn end<'a>(&'a self, id: &'a str, by: By) -> Later<'a, Result<Arc<DrillReport>, Refusal>> {
        Box::pin(async move {
            if let Some(ended) = Drills::end(self, id, by).await {
                return Ok(Arc::new(report_of(&ended)));
            }
            Err(match Drills::find(self, id).await {
                Some(_) => fault(RefusalKind::Conflict, "drill-over", format!("the drill {id} is over")),
                None => {
                    let message = format!("there is no drill {id}; /v1/drills lists all of them");
                    fault(RefusalKind::Missing, "drill-unknown", message)
                }
            })
        })
    }
}

fn fault(kind: RefusalKind, code: &'static str, message: String) -> Refusal {
    Refusal { kind, code, message }
}

fn lower(ask: DrillAsk) -> Result<Ask, Refusal> {
    let DrillAsk { region, lasts, rto, resolvers, by } = ask;
    let wrong = |code, message| Err(fault(RefusalKind::Wrong, code, message));
    if !(LASTS_MIN..=LASTS_MAX).contains(&lasts) {
        let show = |duration: Duration| humantime::format_duration(duration).to_string();
        let message = format!("\"for_ms\" is {}, allowed is {} to {}", show(lasts), show(LASTS_MIN), show(LASTS_MAX));
        return wrong("drill-time", message);
    }
    if rto.is_some_and(|rto| rto.is_zero()) {
        return wrong("drill-time", "\"rto_ms\" is 0: leave it out where there is no target".to_owned());
    }
    if resolvers.len() > RESOLVERS_MAX {
        return wrong("resolvers-max", format!("{} resolvers, at most {RESOLVERS_MAX}", resolvers.len()));
    }
    Ok(Ask { region, lasts, rto, resolvers, by })
}

fn refusal(why: &NotBegun) -> Refusal {
    let (kind, code) = match why {
        NotBegun::Refused(refused) => match refused {
            DrillRefused::Running(_) => (RefusalKind::Conflict, "drill-running"),
            DrillRefused::NoSuchRegion(_) => (RefusalKind::Missing, "region-unknown"),
            DrillRefused::NothingToFail(_) => (RefusalKind::Conflict, "nothing-to-fail"),
            DrillRefused::Shared(_) => (RefusalKind::Conflict, "target-shared"),
            DrillRefused::LastHealthy(_) => (RefusalKind::Conflict, "last-healthy"),
            DrillRefused::Isolated => (RefusalKind::Conflict, "isolated"),
            DrillRefused::NotReady => (RefusalKind::Unavailable, "not-ready"),
            DrillRefused::Stopped => (RefusalKind::Unavailable, "stopping"),
        },
        NotBegun::Sockets(_) => (RefusalKind::Unavailable, "no-socket"),
    };
    fault(kind, code, why.to_string())
}

fn report_of(report: &Report) -> DrillReport {
    let Report {
        id,
        state,
        region,
        author,
        reason,
        scheduled,
        begun,
        lasts,
        ended,
        rto,
        met,
        detect,
        answer,
        recovery,
        restored,
        failback,
        pools,
        resolvers,
        queries: Queries { sent, answered, bad },
        note,
    } = report;
    DrillReport {
        id: id.clone(),
        state: match state {
            State::Running => DrillState::Running,
            State::Restoring => DrillState::Restoring,
            State::Done => DrillState::Done,
            State::Aborted => DrillState::Aborted,
        },
        region: Region::new(region),
        by: By { author: author.as_str().into(), reason: reason.as_str().into() },
        scheduled: scheduled.clone(),
        begun: *begun,
        lasts: *lasts,
        ended: *ended,
        rto: *rto,
        met: *met,
        detect: *detect,
        answer: *answer,
        recovery: recovery.map(|Recovery { answer, ttl, total }| DrillRecovery { answer, ttl, total }),
        restored: *restored,
        failback: *failback,
        pools: pools.iter().map(pool_of).collect(),
        resolvers: resolvers.iter().map(resolver_of).collect(),
        queries: DrillQueries { sent: *sent, answered: *answered, bad: *bad },
        note: note.clone(),
    }
}

fn pool_of(pool: &PoolReport) -> DrillPool {
    let PoolReport { pool, name, rtype, detect, answer, failback, ttl, before, during, after, seen } = pool;
    let seen_of = |Seen { at, addresses, rcode }: &Seen| DrillSeen {
        at: *at,
        addresses: addresses.clone(),
        rcode: rcode.clone(),
    };
    DrillPool {
        pool: pool.clone(),
        name: name.clone(),
        rtype: rtype.clone(),
        detect: *detect,
        answer: *answer,
        failback: *failback,
        ttl: *ttl,
        before: before.clone(),
        during: during.clone(),
        after: after.clone(),
        seen: seen.iter().map(seen_of).collect(),
    }
}

fn resolver_of(resolver: &ResolverReport) -> DrillResolver {
    let ResolverReport { address, seen, error } = resolver;
    DrillResolver { address: *address, seen: *seen, error: error.clone() }
}
