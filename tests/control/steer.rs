//! From reports and orders to answers.

use std::time::Duration;

use pharos::control::{Consent, Filter, HoldStatus, NoSuchPool, Order, OverrideRefused, RECENT_MAX};
use pharos::health::{Force, RECHECK_AT_START, Scope, Verdict};
use pharos::model::check::Cadence;
use pharos::model::node::ZoneSetup;
use pharos::model::pool::{AllDown, Failback, FailbackMode, Pool, PoolId};
use pharos::model::{EndpointName, PoolName, Region};
use tokio::time::{Instant, sleep};

use crate::fixture::{CADENCE, Node1, app, clear, endpoint, ip, me, name, pool, setup, watch, zone};

fn two() -> Pool {
    pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])
}

fn order(scope: Scope, force: Force, lasts: Option<u64>) -> Order {
    let lasts = lasts.map(Duration::from_secs);
    Order { scope, force, reason: "drill".into(), author: "ann".into(), lasts }
}

fn own(endpoint: &str) -> Scope {
    Scope::Endpoint { pool: app(), endpoint: EndpointName::new(endpoint) }
}

#[tokio::test(start_paused = true)]
async fn ready_when_each_target_was_observed() {
    let node = Node1::start(setup(vec![two()])).await;
    assert_eq!(node.ids().len(), 2);
    assert!(!node.is_ready());
    node.report(1, false).await;
    assert!(!node.is_ready(), "one is missing");
    node.report(2, true).await;
    assert!(node.is_ready());
    assert_eq!(node.answer(), [ip(2)], "the first answer reflects real health");
    assert_eq!(node.status().await.pool(&app()).unwrap().endpoints[0].addresses[0].check.as_ref().unwrap().streak, 0);
}

#[tokio::test(start_paused = true)]
async fn ready_at_once_with_nothing_to_watch() {
    let mut only = endpoint("us", 1, 1);
    only.addresses[0].watch = None;
    let node = Node1::start(setup(vec![pool(vec![only])])).await;
    node.handle.ready().wait_for(|ready| *ready).await.unwrap();
    assert_eq!(node.answer(), [ip(1)]);
}

#[tokio::test(start_paused = true)]
async fn ready_in_bounded_time_when_a_probe_is_lost() {
    let node = Node1::start(setup(vec![two()])).await;
    node.report(2, true).await;
    let began = Instant::now();
    node.handle.ready().wait_for(|ready| *ready).await.unwrap();
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(30), "{took:?}");
    assert_eq!(node.answer(), [ip(2)], "who is unknown is not healthy");
}

#[tokio::test(start_paused = true)]
async fn the_answer_moves_with_the_report_that_turns_the_verdict() {
    let node = Node1::start(setup(vec![two()])).await;
    node.all_up().await;
    assert_eq!((node.answer(), node.ttl()), (vec![ip(1)], Some(30)));
    let pace = node.report(1, false).await;
    assert_eq!((pace.after, pace.more), (CADENCE.recheck, 2));
    assert_eq!((node.answer(), node.ttl()), (vec![ip(1)], Some(5)), "a streak runs");
    node.report(1, true).await;
    assert_eq!(node.ttl(), Some(30), "and is broken");
    node.fail(1, 2).await;
    assert_eq!(node.answer(), [ip(1)]);
    let pace = node.report(1, false).await;
    assert_eq!((pace.after, pace.more), (CADENCE.interval, 0));
    assert_eq!((node.answer(), node.ttl()), (vec![ip(2)], Some(30)));
    node.pass(1, 1).await;
    assert_eq!(node.answer(), [ip(2)], "one success is not enough");
    node.pass(1, 1).await;
    assert_eq!(node.answer(), [ip(1)]);
}

#[tokio::test(start_paused = true)]
async fn snapshots_share_what_did_not_change() {
    let node = Node1::start(setup(vec![two()])).await;
    node.all_up().await;
    let before = node.handle.store().current();
    node.report(1, true).await;
    assert!(std::sync::Arc::ptr_eq(&before, &node.handle.store().current()), "nothing turned, nothing published");
    node.fail(1, 3).await;
    let after = node.handle.store().current();
    assert!(after.generation > before.generation);
    assert!(std::sync::Arc::ptr_eq(&before.zones()[0].image, &after.zones()[0].image));
}

#[tokio::test(start_paused = true)]
async fn two_checks_of_one_target_are_probed_once_and_judged_apart() {
    let hasty = Cadence { fall: 1, interval: Duration::from_secs(1), recheck: Duration::from_secs(1), ..CADENCE };
    let mut quick = endpoint("us", 1, 1);
    quick.addresses[0].watch = Some(watch(1, hasty));
    let one = pool(vec![quick, endpoint("eu", 2, 2)]);
    let two = Pool { name: PoolName::new("slow"), names: vec![name("slow.example")], ..two() };
    let node = Node1::start(setup(vec![one, two])).await;
    assert_eq!(node.handle.watches().borrow().len(), 2);
    assert_eq!(node.handle.watches().borrow()[0].1.cadence.interval, hasty.interval, "the more eager one rules");
    node.all_up().await;
    node.report(1, false).await;
    let status = node.status().await;
    let used: Vec<_> = status.pools().map(|pool| pool.a.answer.addresses.clone()).collect();
    assert_eq!(used, [[ip(2)], [ip(1)]], "down for one, failing for the other");
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_to_the_moment() {
    let hold = Duration::from_secs(60);
    let held = Pool { failback: Failback { mode: FailbackMode::Auto, hold }, ..two() };
    let node = Node1::start(setup(vec![held])).await;
    node.all_up().await;
    node.fail(1, 3).await;
    node.pass(1, 2).await;
    assert_eq!((node.answer(), node.ttl()), (vec![ip(2)], Some(5)));
    let status = node.status().await;
    assert_eq!(status.pool(&app()).unwrap().endpoints[0].addresses[0].hold, Some(HoldStatus::Left(hold)));
    sleep(hold - Duration::from_millis(1)).await;
    assert_eq!(node.answer(), [ip(2)]);
    let mut events = node.handle.events();
    let began = Instant::now();
    events.recv().await.unwrap();
    assert!(began.elapsed() <= Duration::from_millis(2), "{:?}", began.elapsed());
    assert_eq!((node.answer(), node.ttl()), (vec![ip(1)], Some(30)));
}

#[tokio::test(start_paused = true)]
async fn manual_failback_waits_for_the_command() {
    let failback = Failback { mode: FailbackMode::Manual, hold: Duration::ZERO };
    let node = Node1::start(setup(vec![Pool { failback, ..two() }])).await;
    node.all_up().await;
    node.fail(1, 3).await;
    node.pass(1, 2).await;
    sleep(Duration::from_secs(86_400)).await;
    assert_eq!(node.answer(), [ip(2)]);
    assert_eq!(node.handle.failback(app(), me()).await, Ok(1));
    assert_eq!(node.answer(), [ip(1)]);
    assert_eq!(node.handle.failback(app(), me()).await, Ok(0));
    let other = PoolId { pool: PoolName::new("other"), ..app() };
    assert_eq!(node.handle.failback(other.clone(), me()).await, Err(NoSuchPool::Unknown(other)));
}

#[tokio::test(start_paused = true)]
async fn orders_rule_until_cleared_or_expired() {
    let node = Node1::start(setup(vec![two()])).await;
    node.all_up().await;
    node.handle.set_override(order(own("us"), Force::Down, None)).await.unwrap();
    assert_eq!(node.answer(), [ip(2)]);
    node.fail(2, 3).await;
    assert_eq!(node.answer(), [ip(2)], "what is down by order is not answered even now");
    node.pass(2, 2).await;
    node.handle.clear_override(clear(own("us"))).await.unwrap();
    assert_eq!(node.answer(), [ip(1)]);

    let region = Scope::Region(Region::new("us"));
    node.handle.set_override(order(region.clone(), Force::Drain, Some(3600))).await.unwrap();
    assert_eq!(node.answer(), [ip(2)]);
    let status = node.status().await;
    assert_eq!(status.pool(&app()).unwrap().endpoints[0].order.as_ref().unwrap().0, region);
    sleep(Duration::from_secs(3599)).await;
    assert_eq!(node.answer(), [ip(2)]);
    sleep(Duration::from_millis(1002)).await;
    assert_eq!(node.answer(), [ip(1)]);
    assert!(node.status().await.overrides.is_empty());
    assert_eq!(
        node.handle.clear_override(clear(region.clone())).await,
        Err(OverrideRefused::NotSet(region)),
        "it has expired"
    );

    node.fail(1, 3).await;
    node.handle.set_override(order(own("us"), Force::Up, None)).await.unwrap();
    assert_eq!(node.answer(), [ip(1)], "up by order");
    let unknown = own("moon");
    let refused = node.handle.set_override(order(unknown.clone(), Force::Up, None)).await;
    assert_eq!(refused, Err(OverrideRefused::Nothing(unknown)));
}

#[tokio::test(start_paused = true)]
async fn status_shows_what_the_verdict_rests_on() {
    let node = Node1::start(setup(vec![Pool { all_down: AllDown::Nodata, ..two() }])).await;
    node.all_up().await;
    node.fail(1, 3).await;
    node.report(1, true).await;
    let status = node.status().await;
    let pool = status.pool(&app()).unwrap();
    assert_eq!(pool.a.answer.addresses, [ip(2)]);
    let address = &pool.endpoints[0].addresses[0];
    let check = address.check.as_ref().unwrap();
    assert_eq!((check.verdict, check.streak, check.stale), (Verdict::Down, 1, false));
    assert!(check.last.as_ref().unwrap().result.is_ok());
    let failure = check.last_failure.as_ref().unwrap().result.as_ref().unwrap_err();
    assert_eq!(failure.to_string(), "status 503, expected 2xx");
    assert!(!address.in_use && pool.endpoints[1].addresses[0].in_use);
    sleep(Duration::from_secs(60)).await;
    let status = node.status().await;
    let check = status.pool(&app()).unwrap().endpoints[0].addresses[0].check.clone().unwrap();
    assert!(check.stale, "nothing was observed for three intervals");
}

#[tokio::test(start_paused = true)]
async fn rechecks_are_hurried_only_while_the_start_waits() {
    let node = Node1::start(setup(vec![two()])).await;
    assert_eq!(node.report(1, true).await.after, CADENCE.interval);
    assert_ne!(node.report(1, false).await.after, RECHECK_AT_START, "this one has settled");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_falls_silent_is_told_and_its_answer_stays() {
    let node = Node1::start(setup(vec![two()])).await;
    node.all_up().await;
    let mut events = node.handle.events();
    for _ in 0..4 {
        sleep(Duration::from_secs(10)).await;
        node.report(2, true).await;
    }
    let told = events.recv().await.unwrap().to_string();
    assert_eq!(told, "endpoint us (192.0.2.1) of example/app is not being observed: its verdict is stale, and stays");
    assert_eq!(node.answer(), [ip(1)]);
    node.report(1, true).await;
    let told = events.recv().await.unwrap().to_string();
    assert_eq!(told, "endpoint us (192.0.2.1) of example/app is being observed again");
    assert!(events.try_recv().is_err(), "told once");
}

#[tokio::test(start_paused = true)]
async fn an_order_for_longer_than_clocks_can_tell_holds() {
    let node = Node1::start(setup(vec![two()])).await;
    node.all_up().await;
    let mut events = node.handle.events();
    for lasts in [u64::MAX, u64::MAX / 2, 1 << 40] {
        node.handle.set_override(order(own("us"), Force::Down, Some(lasts))).await.unwrap();
        let told = events.recv().await.unwrap().to_string();
        assert_eq!(told, "endpoint us of example/app is down by order of ann: drill");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(node.answer(), [ip(2)]);
        node.handle.clear_override(clear(own("us"))).await.unwrap();
        events = node.handle.events();
    }
}

/// In real time, among a thousand other pools.
#[tokio::test(flavor = "multi_thread")]
async fn a_flip_is_in_the_answers_within_10_ms() {
    let mut all = setup(vec![two()]);
    for n in 0..1000 {
        let names = vec![name(&format!("www.z{n}.example"))];
        let pools = vec![Pool { names, ..pool(vec![endpoint("us", 3, 1), endpoint("eu", 4, 2)]) }];
        all.zones.push(std::sync::Arc::new(ZoneSetup { records: zone(&format!("z{n}.example")), pools }));
    }
    let node = Node1::start(all).await;
    node.all_up().await;
    let mut took = Vec::new();
    for _ in 0..11 {
        for (passed, times, answer) in [(false, 3, ip(2)), (true, 2, ip(1))] {
            for _ in 1..times {
                node.report(1, passed).await;
            }
            let began = Instant::now();
            node.report(1, passed).await;
            assert_eq!(node.answer(), [answer]);
            took.push(began.elapsed());
        }
    }
    took.sort();
    // The median, because the machine may do something else meanwhile.
    assert!(took[took.len() / 2] < Duration::from_millis(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn trouble_of_the_node_itself_is_no_observation() {
    use pharos::control::Kind;
    use pharos::model::observation::{Failure, Observation};
    let node = Node1::start(setup(vec![pool(vec![endpoint("us", 1, 1)])])).await;
    node.all_up().await;
    let mut events = node.handle.events();
    let local = || Observation { result: Err(Failure::Local("no socket left".into())), ..crate::fixture::seen(false) };
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        node.handle.report(vec![(node.ids()[&1], local())]).await;
    }
    node.report(1, true).await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.extend(if let Kind::Stale { stale, .. } = event.kind { Some(stale) } else { None });
    }
    assert_eq!(told, [true, false], "once each");
}

/// An order reads as people say it.
#[tokio::test(start_paused = true)]
async fn who_is_drained_is_told_so() {
    let node = Node1::start(setup(vec![pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])])).await;
    node.all_up().await;
    let mut events = node.handle.events();
    node.handle.set_override(order(own("us"), Force::Drain, None)).await.unwrap();
    let told = events.try_recv().unwrap().to_string();
    assert_eq!(told, "endpoint us of example/app is drained by order of ann: drill");
}

/// What a picture of the node needs: when the answer changed, what the last probes took.
#[tokio::test(start_paused = true)]
async fn status_tells_of_the_recent_past() {
    let node = Node1::start(setup(vec![pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])])).await;
    node.all_up().await;
    let before = node.status().await;
    assert_eq!(before.zones[0].pools[0].a.changed, None);
    node.fail(1, 3).await;
    let after = node.status().await;
    let seen = &after.zones[0].pools[0];
    assert!(seen.a.changed.is_some_and(|changed| changed >= after.started));
    assert_eq!(seen.aaaa.changed, None);
    assert!(after.snapshot.generation > before.snapshot.generation);
    let recent = |endpoint: usize| seen.endpoints[endpoint].addresses[0].check.as_ref().unwrap().recent.clone();
    assert_eq!(recent(0).iter().map(|probe| probe.passed).collect::<Vec<_>>(), [true, false, false, false]);
    node.pass(2, 100).await;
    let last = node.status().await;
    assert_eq!(last.zones[0].pools[0].endpoints[1].addresses[0].check.as_ref().unwrap().recent.len(), RECENT_MAX);
    let other = setup(vec![pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2), endpoint("ap", 3, 3)])]);
    let reload = node.handle.submit(other, Consent::Asked, None).await;
    node.handle.alive().await.unwrap();
    node.pass(3, 1).await;
    reload.await.unwrap();
    let kept = node.status().await;
    let pool = &kept.zones[0].pools[0];
    assert_eq!(pool.a.changed, last.zones[0].pools[0].a.changed, "kept over a reload");
    assert_eq!(pool.endpoints[1].addresses[0].check.as_ref().unwrap().recent.len(), RECENT_MAX);
}

/// Who asked for a reload is told with it; files that say the same are no news.
#[tokio::test(start_paused = true)]
async fn a_reload_says_who_asked_for_it() {
    let node = Node1::start(setup(vec![pool(vec![endpoint("us", 1, 1)])])).await;
    node.all_up().await;
    let same = || setup(vec![pool(vec![endpoint("us", 1, 1)])]);
    let history = std::sync::Arc::clone(node.handle.history());
    node.handle.apply(same(), Consent::Watched).await.unwrap();
    node.handle.submit(same(), Consent::Asked, Some(me())).await.await.unwrap();
    node.stop().await;
    let told = history.newest(100, &Filter::default());
    let reloads: Vec<_> = told.iter().filter(|record| record.kind == "reload-applied").collect();
    assert_eq!(reloads.len(), 1, "{reloads:?}");
    assert_eq!(reloads[0].text, "reloaded: nothing changed; by ann: done");
    assert_eq!((&reloads[0].data["author"], &reloads[0].data["reason"]), (&"ann".into(), &"done".into()));
}

/// Who comes back at once is not said to be held; who will be held is.
#[tokio::test(start_paused = true)]
async fn only_a_hold_that_will_be_is_announced() {
    for (hold, shown) in [(0, None), (60, Some(HoldStatus::Pending))] {
        let failback = Failback { mode: FailbackMode::Auto, hold: Duration::from_secs(hold) };
        let two = Pool { failback, ..pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)]) };
        let node = Node1::start(setup(vec![two])).await;
        node.all_up().await;
        node.fail(1, 3).await;
        assert_eq!(node.status().await.zones[0].pools[0].endpoints[0].addresses[0].hold, shown, "{hold}");
    }
}
