//! New files.

use std::sync::Arc;
use std::time::Duration;

use pharos::control::Consent::{Asked, Forced, Watched};
use pharos::control::{How, Kind, Loss, Refused, What};
use pharos::model::EndpointName;
use pharos::model::check::Cadence;
use pharos::model::node::{Setup, ZoneSetup};
use pharos::model::pool::{Address, Failback, FailbackMode, Pool};
use pharos::policy::Family;
use tokio::time::{Instant, sleep};

use crate::fixture::{CADENCE, Node1, app, endpoint, ip, name, pool, setup, watch, zone, zone_of};

fn two() -> Pool {
    pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])
}

async fn ready() -> Node1 {
    let node = Node1::start(setup(vec![two()])).await;
    node.all_up().await;
    node
}

#[tokio::test(start_paused = true)]
async fn counters_outlive_an_edit_elsewhere() {
    let node = ready().await;
    let ids = node.ids();
    node.fail(1, 2).await;
    let mut edited = two();
    edited.ttl = 60;
    edited.ttl_suspect = None;
    let slower = Cadence { interval: Duration::from_secs(20), ..CADENCE };
    edited.endpoints[0].addresses[0].watch = Some(watch(1, slower));
    let applied = node.handle.apply(setup(vec![edited]), Watched).await.unwrap();
    let details = |what| {
        let change = applied.changes.iter().find(|change| change.how == How::Changed && change.what == what);
        change.expect("told").details.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(details(What::Pool(app())), ["ttl 30 -> 60", "ttl_suspect 5 -> none"]);
    assert_eq!(details(What::Endpoint(app(), EndpointName::new("us"))), ["check.interval 10s -> 20s"]);
    assert_eq!((applied.checks_started, applied.checks_stopped), (0, 0));
    assert_eq!(node.ids(), ids);
    let now: Vec<_> =
        node.handle.watches().borrow().iter().map(|(_, watch)| watch.cadence.interval.as_secs()).collect();
    assert_eq!(now, [20, 10]);
    assert_eq!((node.answer(), node.ttl()), (vec![ip(1)], Some(60)));
    node.fail(1, 1).await;
    assert_eq!(node.answer(), [ip(2)], "the third failure in a row");
}

#[tokio::test(start_paused = true)]
async fn health_outlives_a_move_to_another_pool() {
    let node = ready().await;
    node.fail(1, 3).await;
    let mut moved = pool(vec![endpoint("renamed", 1, 1), endpoint("eu", 2, 2)]);
    moved.name = pharos::model::PoolName::new("other");
    node.handle.apply(setup(vec![moved]), Watched).await.unwrap();
    assert_eq!(node.answer(), [ip(2)]);
}

#[tokio::test(start_paused = true)]
async fn new_targets_are_probed_before_they_are_answered() {
    let node = ready().await;
    let three = pool(vec![endpoint("ap", 3, 0), endpoint("us", 1, 1), endpoint("eu", 2, 2)]);
    let handle = node.handle.clone();
    let applying = tokio::spawn(async move { handle.apply(setup(vec![three]), Watched).await });
    node.handle.watches().wait_for(|watches| watches.len() == 3).await.unwrap();
    assert_eq!(node.answer(), [ip(1)]);
    // What happens to the old ones meanwhile is not lost.
    node.fail(1, 3).await;
    assert_eq!(node.answer(), [ip(2)]);
    assert!(!applying.is_finished());
    node.report(3, true).await;
    let applied = applying.await.unwrap().unwrap();
    assert_eq!((applied.checks_started, applied.checks_stopped), (1, 0));
    assert_eq!(node.answer(), [ip(3)]);
    node.fail(3, 3).await;
    assert_eq!(node.answer(), [ip(2)], "us is still down");
}

#[tokio::test(start_paused = true)]
async fn a_new_endpoint_that_is_down_is_told_of() {
    let node = ready().await;
    let mut events = node.handle.events();
    let three = pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2), endpoint("ap", 3, 3)]);
    let handle = node.handle.clone();
    let applying = tokio::spawn(async move { handle.apply(setup(vec![three]), Watched).await });
    node.handle.watches().wait_for(|watches| watches.len() == 3).await.unwrap();
    node.report(3, false).await;
    applying.await.unwrap().unwrap();
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.extend(matches!(event.kind, Kind::Endpoint { .. }).then(|| event.to_string()));
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("endpoint ap ") && told[0].contains("is down: status 503"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn new_targets_that_never_report_do_not_block_for_ever() {
    let node = ready().await;
    let three = pool(vec![endpoint("ap", 3, 0), endpoint("us", 1, 1)]);
    let began = Instant::now();
    node.handle.apply(setup(vec![three]), Watched).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(node.answer(), [ip(1)]);
}

#[tokio::test(start_paused = true)]
async fn the_last_healthy_endpoint_stays_unless_forced() {
    let node = ready().await;
    node.fail(2, 3).await;
    let without = || setup(vec![pool(vec![endpoint("eu", 2, 2)])]);
    let refused = node.handle.apply(without(), Asked).await.unwrap_err();
    assert_eq!(refused, Refused::LastHealthy(vec![Loss { pool: app(), family: None }]));
    assert_eq!(refused.to_string(), "it would leave example/app without a healthy endpoint");
    assert_eq!((node.answer(), node.ids().len()), (vec![ip(1)], 2), "the old answers stay");
    node.handle.apply(without(), Forced).await.unwrap();
    assert_eq!((node.answer(), node.ids().len()), (vec![ip(2)], 1));
    // Nothing is healthy now, so nothing can be lost.
    node.handle.apply(setup(vec![pool(vec![endpoint("eu", 2, 1)])]), Watched).await.unwrap();
    // A pool that goes as a whole, from a file that stays, is meant to go.
    node.pass(2, 2).await;
    node.handle.apply(setup(vec![]), Watched).await.unwrap();
    assert_eq!(node.ids().len(), 0);
}

/// An endpoint checked at one port for each family.
fn dual(v4: Option<u16>, v6: Option<u16>) -> Setup {
    let mut dual = endpoint("dual", 1, 1);
    let v4 = v4.map(|port| Address { ip: ip(port), watch: Some(watch(port, CADENCE)) });
    let v6 = v6.map(|port| Address { ip: "2001:db8::1".parse().unwrap(), watch: Some(watch(port, CADENCE)) });
    dual.addresses = v4.into_iter().chain(v6).collect();
    setup(vec![pool(vec![dual])])
}

#[tokio::test(start_paused = true)]
async fn neither_family_is_left_without_a_healthy_endpoint() {
    let node = Node1::start(dual(Some(1), Some(2))).await;
    node.all_up().await;
    let handle = node.handle.clone();
    let applying = tokio::spawn(async move { handle.apply(dual(Some(1), Some(3)), Asked).await });
    node.handle.watches().wait_for(|watches| watches.len() == 3).await.unwrap();
    node.report(3, false).await;
    let refused = applying.await.unwrap().unwrap_err();
    assert_eq!(refused, Refused::LastHealthy(vec![Loss { pool: app(), family: Some(Family::V6) }]));
    assert_eq!(refused.to_string(), "it would leave example/app without a healthy endpoint for AAAA");
    // No address of the family at all is meant.
    node.handle.apply(dual(Some(1), None), Watched).await.unwrap();
    // The family that comes was not healthy before, so nothing is lost.
    node.handle.apply(dual(Some(1), Some(3)), Watched).await.unwrap();
    // Meant or not, the pool must not end up without any.
    let refused = node.handle.apply(dual(None, Some(3)), Watched).await.unwrap_err();
    assert_eq!(refused, Refused::LastHealthy(vec![Loss { pool: app(), family: None }]));
}

/// A zone with a pool that steers its `www`.
fn steered(origin: &str, pool: Pool) -> Arc<ZoneSetup> {
    let names = vec![name(&format!("www.{origin}"))];
    Arc::new(ZoneSetup { records: zone(origin), pools: vec![Pool { names, ..pool }] })
}

/// These zones, with a pool each.
fn zones(of: &[&str]) -> Setup {
    Setup { zones: of.iter().map(|origin| steered(origin, two())).collect(), ..setup(vec![]) }
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_works_goes_only_when_asked_and_the_last_one_only_when_forced() {
    let node = Node1::start(zones(&["example", "other"])).await;
    node.all_up().await;
    let gone = node.handle.apply(zones(&["other"]), Watched).await.unwrap_err();
    assert_eq!(gone, Refused::ZonesGone(vec![name("example")]));
    assert!(gone.to_string().starts_with("the files of example are gone") && gone.to_string().contains("SIGHUP"));
    assert_eq!(node.answer(), [ip(1)], "the old answers stay");
    assert_eq!(node.handle.apply(zones(&[]), Watched).await, Err(Refused::NoZoneLeft));
    node.handle.apply(zones(&["other"]), Asked).await.unwrap();
    assert!(node.handle.store().current().zone(&name("example")).is_none());
    assert_eq!(node.handle.apply(zones(&[]), Asked).await, Err(Refused::NoZoneLeft));
    // Nothing works in it any more, but it is the last.
    node.fail(1, 3).await;
    node.fail(2, 3).await;
    assert_eq!(node.handle.apply(zones(&[]), Watched).await, Err(Refused::NoZoneLeft));
    node.handle.apply(zones(&[]), Forced).await.unwrap();
    assert_eq!(node.ids().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_zone_in_which_nothing_works_may_go_unasked() {
    let node = Node1::start(zones(&["example", "other"])).await;
    node.all_up().await;
    node.fail(1, 3).await;
    node.fail(2, 3).await;
    node.handle.apply(zones(&["other"]), Watched).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_stays_asked_for_when_files_change_meanwhile() {
    // Each removes the zone `example`; a new target keeps the first one waiting.
    for (newer, allowed) in [(&["other", "third"][..], true), (&["third"], false)] {
        let node = Node1::start(zones(&["example", "other", "third"])).await;
        node.all_up().await;
        let mut slow = zones(&["other"]);
        slow.zones.push(steered("third", pool(vec![endpoint("us", 1, 1), endpoint("ap", 3, 3)])));
        let handle = node.handle.clone();
        let older = tokio::spawn(async move { handle.apply(slow, Asked).await });
        node.handle.watches().wait_for(|watches| watches.len() == 3).await.unwrap();
        let newer = node.handle.apply(zones(newer), Watched).await;
        assert_eq!(older.await.unwrap(), Err(Refused::Superseded));
        assert_eq!(newer.is_ok(), allowed, "{newer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_reload_takes_the_place_of_an_older_one() {
    let node = ready().await;
    let third = |port| setup(vec![pool(vec![endpoint("ap", port, 0), endpoint("us", 1, 1), endpoint("eu", 2, 2)])]);
    let apply = |setup: Setup| {
        let handle = node.handle.clone();
        tokio::spawn(async move { handle.apply(setup, Watched).await })
    };
    let older = apply(third(3));
    node.handle.watches().wait_for(|watches| watches.len() == 3).await.unwrap();
    let stale = node.ids()[&3];
    let newer = apply(third(4));
    assert_eq!(older.await.unwrap(), Err(Refused::Superseded));
    node.handle.watches().wait_for(|w| w.iter().any(|(_, w)| w.probe.target.port() == 4)).await.unwrap();
    assert_ne!(node.ids()[&4], stale, "an id is never given to another probe");
    assert!(!node.ids().contains_key(&3));
    node.handle.report(vec![(stale, crate::fixture::seen(true))]).await;
    assert!(!newer.is_finished());
    node.report(4, true).await;
    newer.await.unwrap().unwrap();
    assert_eq!(node.answer(), [ip(4)]);
}

#[tokio::test(start_paused = true)]
async fn holds_and_last_good_are_carried_over() {
    let held = || {
        let failback = Failback { mode: FailbackMode::Auto, hold: Duration::from_secs(60) };
        Pool { failback, ..two() }
    };
    let node = Node1::start(setup(vec![held()])).await;
    node.all_up().await;
    node.fail(1, 3).await;
    node.pass(1, 2).await;
    sleep(Duration::from_secs(30)).await;
    let edited = Pool { ttl: 90, ..held() };
    node.handle.apply(setup(vec![edited.clone()]), Watched).await.unwrap();
    assert_eq!(node.answer(), [ip(2)]);
    sleep(Duration::from_secs(29)).await;
    assert_eq!(node.answer(), [ip(2)]);
    sleep(Duration::from_millis(1002)).await;
    assert_eq!(node.answer(), [ip(1)], "the hold was not begun anew");
    node.fail(2, 3).await;
    node.fail(1, 3).await;
    node.handle.apply(setup(vec![edited]), Watched).await.unwrap();
    assert_eq!(node.answer(), [ip(1)], "last good");
}

#[tokio::test(start_paused = true)]
async fn what_did_not_change_is_shared() {
    let node = ready().await;
    // The zone's records did not change: config shares what it has parsed.
    let records = zone("example");
    let edited = |ttl| {
        let edited = ZoneSetup { records: Arc::clone(&records), pools: vec![Pool { ttl, ..two() }] };
        Setup { zones: vec![Arc::new(edited)], ..setup(vec![]) }
    };
    node.handle.apply(edited(7), Watched).await.unwrap();
    let first = node.handle.store().current();
    node.handle.apply(edited(8), Watched).await.unwrap();
    let second = node.handle.store().current();
    assert!(Arc::ptr_eq(&first.zones()[0].image, &second.zones()[0].image));
    assert_eq!(node.ttl(), Some(8));
}

/// The zone `example` with one pool, and other records than at start.
fn edited(pool: Pool, ttl: u32) -> Setup {
    let edited = ZoneSetup { records: zone_of("example", ttl), pools: vec![pool] };
    Setup { zones: vec![Arc::new(edited)], ..setup(vec![]) }
}

#[tokio::test(start_paused = true)]
async fn records_are_let_go_once_they_are_compiled() {
    let first = setup(vec![two()]);
    let parsed = Arc::downgrade(&first.zones[0].records.zone().unwrap());
    let node = Node1::start(first.clone()).await;
    assert!(first.zones[0].records.zone().is_none());
    while parsed.strong_count() > 0 {
        sleep(Duration::from_millis(1)).await; // the thread that frees them
    }
    node.all_up().await;
    // What is in force needs them no more; what was refused keeps them.
    node.handle.apply(first.clone(), Watched).await.unwrap();
    let refused = edited(pool(vec![endpoint("ap", 3, 3)]), 7);
    let (handle, again) = (node.handle.clone(), refused.clone());
    let applying = tokio::spawn(async move { handle.apply(again, Watched).await });
    node.handle.watches().wait_for(|watches| watches.len() == 3).await.unwrap();
    node.report(3, false).await;
    assert!(matches!(applying.await.unwrap(), Err(Refused::LastHealthy(_))));
    assert!(refused.zones[0].records.zone().is_some());
    node.handle.apply(edited(two(), 7), Watched).await.unwrap();
    // Nobody has those of the start any more.
    let gone = node.handle.apply(first, Watched).await;
    assert_eq!(gone, Err(Refused::RecordsGone(vec![name("example")])));
    assert_eq!(gone.unwrap_err().to_string(), "the records of example must be read once more");
    assert_eq!(node.answer(), [ip(1)]);
    node.handle.apply(edited(two(), 60), Watched).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_says_what_changed_and_what_waits_for_a_restart() {
    let node = ready().await;
    let mut events = node.handle.events();
    let mut edited = edited(two(), 7);
    edited.node.udp_threads = 4;
    edited.node.name = "ns2".into();
    let applied = node.handle.apply(edited, Watched).await.unwrap();
    assert_eq!(applied.restart_needed, ["listen.udp_threads"]);
    assert_eq!(&**node.handle.store().current().node(), "ns2");
    let event = events.recv().await.unwrap();
    assert!(matches!(event.kind, Kind::Applied(_)));
    let text = event.to_string();
    let changes = "node changed (node.name ns1 -> ns2), zone example changed";
    assert_eq!(text, format!("reloaded: {changes}; waits for a restart: listen.udp_threads"));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_restart_is_told_until_it_is_taken_back() {
    let node = ready().await;
    for (udp_threads, ttl, waits) in [(4, 30, true), (4, 60, true), (0, 60, false)] {
        let mut edited = setup(vec![Pool { ttl, ..two() }]);
        edited.node.udp_threads = udp_threads;
        let applied = node.handle.apply(edited, Watched).await.unwrap();
        assert_eq!(applied.restart_needed == ["listen.udp_threads"], waits, "{applied}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_during_the_start_waits_for_it() {
    let node = Node1::start(setup(vec![two()])).await;
    let handle = node.handle.clone();
    let applying = tokio::spawn(async move { handle.apply(setup(vec![Pool { ttl: 7, ..two() }]), Watched).await });
    node.report(1, true).await;
    assert!(!applying.is_finished());
    node.report(2, true).await;
    applying.await.unwrap().unwrap();
    assert!(node.is_ready());
    assert_eq!((node.answer(), node.ttl()), (vec![ip(1)], Some(7)));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_stops_refuses() {
    let node = ready().await;
    let handle = node.handle.clone();
    node.stop().await;
    assert_eq!(handle.apply(setup(vec![two()]), Watched).await, Err(Refused::Stopped));
    assert!(handle.status().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_replaced_zone_is_freed_but_not_by_a_reader() {
    let node = ready().await;
    let store = node.handle.store();
    let mut reader = store.reader();
    let image = Arc::downgrade(&reader.current().zone(&name("example")).unwrap().image);
    node.handle.apply(edited(two(), 7), Watched).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert!(image.strong_count() > 1, "the reader has not renewed its view");
    reader.renew();
    let generation = reader.current().generation;
    assert_eq!(generation, store.current().generation);
    assert!(image.strong_count() > 0, "the reader's was not the last");
    sleep(Duration::from_secs(2)).await;
    while image.strong_count() > 0 {
        sleep(Duration::from_millis(1)).await; // the thread that frees it
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_stays_is_not_freed_with_those_that_go() {
    let with = |origins: &[&str]| {
        let zones = origins.iter().map(|origin| Arc::new(ZoneSetup { records: zone(origin), pools: vec![] }));
        Setup { zones: zones.collect(), ..setup(vec![]) }
    };
    let before = with(&["one", "two"]);
    let node = Node1::start(before.clone()).await;
    let images: Vec<_> = node.handle.store().current().zones().iter().map(|zone| Arc::downgrade(&zone.image)).collect();
    let after = Setup { zones: vec![before.zones[1].clone()], ..before };
    node.handle.apply(after, Watched).await.unwrap();
    while images[0].strong_count() > 0 {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(images[1].strong_count(), 2, "the publisher's and the snapshot's");
}

/// A check that is asked more often from now on is not late for what was not asked of it before.
#[tokio::test(start_paused = true)]
async fn a_shorter_interval_makes_nothing_stale() {
    let paced = |interval| {
        let mut one = endpoint("us", 1, 1);
        one.addresses[0].watch = Some(watch(1, Cadence { interval, ..CADENCE }));
        setup(vec![pool(vec![one])])
    };
    let node = Node1::start(paced(Duration::from_secs(1800))).await;
    node.all_up().await;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    node.handle.apply(paced(Duration::from_secs(10)), Watched).await.unwrap();
    let stale = async || {
        let status = node.status().await;
        status.zones[0].pools[0].endpoints[0].addresses[0].check.as_ref().unwrap().stale
    };
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!stale().await);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(stale().await, "it was asked for long enough by now");
}
