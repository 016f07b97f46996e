//! Random histories against a naive model, and the words of the log.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use pharos::control::{Consent, HoldStatus, Order, PoolStatus};
use pharos::health::{Force, Scope, Verdict};
use pharos::model::pool::{AllDown, Failback, FailbackMode, Pool};
use pharos::model::{EndpointName, Region};
use pharos::policy::Family;
use proptest::prelude::*;

use crate::fixture::{Node1, app, clear, endpoint, me, pool, setup};

#[tokio::test(start_paused = true)]
async fn events_read_as_people_say_them() {
    let failback = Failback { mode: FailbackMode::Auto, hold: Duration::from_secs(60) };
    let two = pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)]);
    let node = Node1::start(setup(vec![Pool { failback, ..two }])).await;
    let mut events = node.handle.events();
    node.all_up().await;
    node.fail(1, 3).await;
    node.fail(2, 3).await;
    node.pass(2, 2).await;
    node.pass(1, 2).await;
    node.fail(1, 3).await;
    let scope = Scope::Endpoint { pool: app(), endpoint: EndpointName::new("eu") };
    let (reason, author) = ("kernel upgrade".into(), "ann".into());
    node.handle
        .set_override(Order { scope: scope.clone(), force: Force::Down, reason, author, lasts: None })
        .await
        .unwrap();
    node.handle.clear_override(clear(scope)).await.unwrap();
    node.pass(1, 2).await;
    node.handle.failback(app(), me()).await.unwrap();
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(format!("{}{event}", if event.is_warning() { "! " } else { "" }));
    }
    let want = [
        "endpoint us (192.0.2.1) of example/app is up",
        "endpoint eu (192.0.2.2) of example/app is up",
        "ready: 2 targets observed",
        "! endpoint us (192.0.2.1) of example/app is down: status 503, expected 2xx (3 in a row)",
        "answer of example/app moved from 192.0.2.1 to 192.0.2.2",
        "! endpoint eu (192.0.2.2) of example/app is down: status 503, expected 2xx (3 in a row)",
        "! pool example/app has no healthy endpoint for A: the last good answer holds",
        "endpoint eu (192.0.2.2) of example/app is up (2 in a row)",
        "pool example/app has a healthy endpoint for A again",
        "endpoint us (192.0.2.1) of example/app is up (2 in a row)",
        "endpoint us (192.0.2.1) of example/app is back, and held for 1m",
        "! endpoint us (192.0.2.1) of example/app is down: status 503, expected 2xx (3 in a row)",
        "endpoint us (192.0.2.1) of example/app is no longer held: it went down again",
        "endpoint eu of example/app is down by order of ann: kernel upgrade",
        "! pool example/app has no healthy endpoint for A: all are answered as if they were healthy",
        "! answer of example/app moved from 192.0.2.2 to 192.0.2.1: nothing is healthy, chosen as if all were",
        "the order that endpoint eu of example/app is down was cleared by ann: done",
        "pool example/app has a healthy endpoint for A again",
        "answer of example/app moved from 192.0.2.1 to 192.0.2.2",
        "endpoint us (192.0.2.1) of example/app is up (2 in a row)",
        "endpoint us (192.0.2.1) of example/app is back, and held for 1m",
        "ann let pool example/app fail back (1 held): done",
        "endpoint us (192.0.2.1) of example/app is no longer held: it was released",
        "answer of example/app moved from 192.0.2.2 to 192.0.2.1",
    ];
    assert_eq!(told, want);
}

#[derive(Debug, Clone)]
enum Step {
    Report(u16, bool, usize),
    Sleep(u64),
    Order(u16, Option<Force>, u64),
    Region(Option<Force>),
    Failback,
    /// Bits: which of the endpoints stay; the hold in seconds; whether manual; whether forced.
    Reload(u8, u64, bool, bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let force = prop_oneof![Just(None), Just(Some(Force::Up)), Just(Some(Force::Down)), Just(Some(Force::Drain))];
    prop_oneof![
        8 => (1u16..5, any::<bool>(), 1usize..5).prop_map(|(port, passed, n)| Step::Report(port, passed, n)),
        3 => (0u64..40).prop_map(Step::Sleep),
        2 => (1u16..5, force.clone(), 1u64..60).prop_map(|(port, force, lasts)| Step::Order(port, force, lasts)),
        1 => force.prop_map(Step::Region),
        1 => Just(Step::Failback),
        2 => (1u8..16, 0u64..30, any::<bool>(), any::<bool>()).prop_map(|(b, h, m, f)| Step::Reload(b, h, m, f)),
    ]
}

fn some(bits: u8, hold: u64, manual: bool, all_down: AllDown) -> Pool {
    let ports = (1..5).filter(|port| bits & (1 << (port - 1)) != 0);
    let endpoints = ports.map(|port| endpoint(&format!("e{port}"), port, u32::from(port / 2)));
    let mode = if manual { FailbackMode::Manual } else { FailbackMode::Auto };
    Pool { failback: Failback { mode, hold: Duration::from_secs(hold) }, all_down, ..pool(endpoints.collect()) }
}

/// What must be answered, as far as somebody is healthy; and who must not be answered at all.
fn naive(pool: &PoolStatus) -> (BTreeSet<IpAddr>, BTreeSet<IpAddr>) {
    let mut best: Option<u32> = None;
    let (mut answer, mut barred) = (BTreeSet::new(), BTreeSet::new());
    for endpoint in &pool.endpoints {
        let force = endpoint.order.as_ref().map(|(_, order)| order.force);
        for address in &endpoint.addresses {
            let up = address.check.as_ref().is_none_or(|check| check.verdict == Verdict::Up);
            let held = matches!(address.hold, Some(HoldStatus::Left(_) | HoldStatus::Manual));
            match force {
                Some(Force::Down | Force::Drain) => drop(barred.insert(address.ip)),
                _ if !(up || force == Some(Force::Up)) || held => {}
                _ => {
                    if best.is_none_or(|best| endpoint.priority < best) {
                        best = Some(endpoint.priority);
                        answer.clear();
                    }
                    if best == Some(endpoint.priority) {
                        answer.insert(address.ip);
                    }
                }
            }
        }
    }
    (answer, barred)
}

async fn take(node: &Node1, step: &Step, all_down: AllDown) {
    match step {
        Step::Report(port, passed, times) => {
            for _ in 0..*times {
                if node.ids().contains_key(port) {
                    node.report(*port, *passed).await;
                }
            }
        }
        Step::Sleep(secs) => tokio::time::sleep(Duration::from_secs(*secs)).await,
        Step::Order(port, force, lasts) => {
            let scope = Scope::Endpoint { pool: app(), endpoint: EndpointName::new(&format!("e{port}")) };
            order(node, scope, *force, *lasts).await;
        }
        Step::Region(force) => order(node, Scope::Region(Region::new("e1")), *force, 20).await,
        Step::Failback => drop(node.handle.failback(app(), me()).await),
        Step::Reload(bits, hold, manual, force) => {
            // New targets do not report: the reload goes on without them when its time is over.
            let pools = vec![some(*bits, *hold, *manual, all_down)];
            let healthy = node.status().await.pools().any(|pool| pool.compiled.is_healthy());
            let began = tokio::time::Instant::now();
            let consent = if *force { Consent::Forced } else { Consent::Watched };
            let result = node.handle.apply(setup(pools), consent).await;
            let healthy_now = node.status().await.pools().any(|pool| pool.compiled.is_healthy());
            // While it waits, an order may expire that kept the pool healthy.
            let waited = !began.elapsed().is_zero();
            assert!(waited || *force || !healthy || healthy_now, "a reload took the last healthy endpoint: {result:?}");
        }
    }
}

/// Orders about nothing are refused, which is fine here.
async fn order(node: &Node1, scope: Scope, force: Option<Force>, lasts: u64) {
    let lasts = Some(Duration::from_secs(lasts));
    let _ = match force {
        Some(force) => {
            let order = Order { scope, force, reason: "x".into(), author: "y".into(), lasts };
            node.handle.set_override(order).await
        }
        None => node.handle.clear_override(clear(scope)).await,
    };
}

async fn follow(steps: &[Step], all_down: AllDown) -> Result<(), TestCaseError> {
    let node = Node1::start(setup(vec![some(15, 10, false, all_down)])).await;
    node.all_up().await;
    for step in steps {
        take(&node, step, all_down).await;
        let status = node.status().await;
        let pool = status.pool(&app()).unwrap();
        let (answer, barred) = naive(pool);
        let published: BTreeSet<_> = node.answer().into_iter().collect();
        if answer.is_empty() {
            prop_assert!(published.is_disjoint(&barred), "{published:?} holds one of {barred:?} after {step:?}");
        } else {
            prop_assert_eq!(&published, &answer, "after {:?}", step);
        }
        let shown: BTreeSet<_> = pool.compiled.steering(Family::V4).addresses().collect();
        prop_assert_eq!(published, shown, "status shows what is published");
    }
    node.stop().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64.max(ProptestConfig::default().cases / 4), ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_answer_is_right(
        steps in proptest::collection::vec(any_step(), 1..40),
        all_down in prop_oneof![Just(AllDown::LastGood), Just(AllDown::All), Just(AllDown::Nodata)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(follow(&steps, all_down))?;
    }
}
