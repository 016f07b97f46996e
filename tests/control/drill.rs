//! A region that fails on purpose.

use std::sync::Arc;
use std::time::Duration;

use pharos::control::{
    Clear, Consent, DrillChange, DrillEnd, DrillOrder, DrillRefused, Event, HoldStatus, Kind, NoSuchDrill, Order,
};
use pharos::health::{Force, Scope, Verdict};
use pharos::model::Region;
use pharos::model::pool::{AllDown, Failback, FailbackMode, Pool};
use pharos::policy::Mode;
use tokio::sync::broadcast::Receiver;
use tokio::time::sleep;

use crate::fixture::{Node1, app, endpoint, ip, pool, setup};

fn two() -> Pool {
    pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])
}

async fn start(pool: Pool) -> Node1 {
    let node = Node1::start(setup(vec![pool])).await;
    node.all_up().await;
    node
}

fn drill(region: &str, seconds: u64) -> DrillOrder {
    DrillOrder {
        id: "one".into(),
        region: Region::new(region),
        lasts: Duration::from_secs(seconds),
        author: "ann".into(),
        reason: "to see".into(),
    }
}

fn asked() -> DrillEnd {
    DrillEnd::Asked { author: "ann".into(), reason: "enough".into() }
}

/// What was told since, in the order it was.
fn told(events: &mut Receiver<Arc<Event>>) -> Vec<String> {
    std::iter::from_fn(|| events.try_recv().ok()).map(|event| event.to_string()).collect()
}

async fn verdict(node: &Node1, endpoint: usize) -> Verdict {
    let status = node.status().await;
    status.pool(&app()).unwrap().endpoints[endpoint].addresses[0].check.as_ref().unwrap().verdict
}

#[tokio::test(start_paused = true)]
async fn it_takes_the_usual_way_there_and_back() {
    let node = start(two()).await;
    let mut events = node.handle.events();
    node.handle.begin_drill(drill("us", 20)).await.unwrap();
    assert_eq!(node.status().await.drill.as_ref().unwrap().order.region, Region::new("us"));
    let pace = node.report(1, true).await;
    assert_eq!((pace.after, pace.more), (Duration::from_secs(1), 2), "a streak is running");
    node.report(1, true).await;
    assert_eq!(node.answer(), [ip(1)], "two of three failures");
    node.report(1, true).await;
    assert_eq!(node.answer(), [ip(2)]);
    let seen = told(&mut events);
    assert_eq!(
        seen,
        [
            "drill one: region us fails on purpose for 20s by order of ann: to see",
            "endpoint us (192.0.2.1) of example/app is down: failed on purpose by a drill (3 in a row)",
            "answer of example/app moved from 192.0.2.1 to 192.0.2.2",
        ]
    );
    node.handle.judge_drill("one".into(), true).await;
    sleep(Duration::from_secs(20)).await;
    assert!(node.status().await.drill.is_none());
    assert_eq!(node.answer(), [ip(2)], "nothing was observed yet");
    node.report(1, true).await;
    assert_eq!(node.handle.begin_drill(drill("eu", 60)).await, Err(DrillRefused::Running("one".into())), "restoring");
    node.report(1, true).await;
    assert_eq!(node.answer(), [ip(1)]);
    let seen = told(&mut events);
    assert_eq!(
        seen,
        [
            "drill one of region us has ended: its time is over; its target was met",
            "endpoint us (192.0.2.1) of example/app is up (2 in a row)",
            "answer of example/app moved from 192.0.2.2 to 192.0.2.1",
        ]
    );
    node.handle.begin_drill(drill("eu", 60)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_never_takes_the_last_healthy_one() {
    let node = start(two()).await;
    node.fail(2, 3).await;
    let refused = node.handle.begin_drill(drill("us", 60)).await.unwrap_err();
    assert_eq!(refused.to_string(), "it would leave example/app without a healthy endpoint");
    let refused = node.handle.begin_drill(drill("eu", 60)).await.unwrap_err();
    assert_eq!(refused, DrillRefused::NothingToFail(Region::new("eu")));
    let refused = node.handle.begin_drill(drill("mars", 60)).await.unwrap_err();
    assert_eq!(refused.to_string(), "no endpoint has the region mars");
    let scope = Scope::Region(Region::new("us"));
    node.pass(2, 2).await;
    let order = |scope, force| Order { scope, force, reason: "x".into(), author: "ann".into(), lasts: None };
    node.handle.set_override(order(scope.clone(), Force::Drain)).await.unwrap();
    let refused = node.handle.begin_drill(drill("eu", 60)).await.unwrap_err();
    assert!(matches!(refused, DrillRefused::LastHealthy(_)), "{refused}");
    node.handle.clear_override(Clear { scope, author: "ann".into(), reason: "x".into() }).await.unwrap();
    node.handle.begin_drill(drill("eu", 60)).await.unwrap();
    assert_eq!(node.handle.begin_drill(drill("us", 60)).await, Err(DrillRefused::Running("one".into())));
}

#[tokio::test(start_paused = true)]
async fn what_shares_a_target_is_not_failed() {
    let mut other = endpoint("other", 3, 3);
    other.addresses[0].watch = endpoint("us", 1, 1).addresses[0].watch.clone();
    let node = start(pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2), other])).await;
    let refused = node.handle.begin_drill(drill("us", 60)).await.unwrap_err();
    assert!(
        refused.to_string().starts_with("endpoint other of example/app is checked at the same target"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_ends_before_its_region_is_needed() {
    for restoring in [false, true] {
        let node = start(Pool { all_down: AllDown::Nodata, ..two() }).await;
        node.handle.begin_drill(drill("us", 60)).await.unwrap();
        node.pass(1, 3).await;
        if restoring {
            sleep(Duration::from_secs(60)).await;
        }
        node.fail(2, 2).await;
        assert_eq!(node.answer(), [ip(2)]);
        let mut events = node.handle.events();
        node.fail(2, 1).await;
        assert_eq!(node.answer(), [ip(1)]);
        assert_eq!(verdict(&node, 0).await, Verdict::Up);
        let events: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
        let ended = events.iter().any(|event| {
            matches!(&event.kind, Kind::Drill(DrillChange::Ended { why: DrillEnd::Needed(_), .. }) if event.is_warning())
        });
        assert_eq!(ended, !restoring, "{events:?}");
        let went_down = |event: &Arc<Event>| matches!(&event.kind, Kind::Answer { after, .. } if after.mode != Mode::Healthy && after.mode != Mode::Absent);
        assert!(!events.iter().any(went_down), "{events:?}");
        assert_eq!(node.handle.end_drill("one".into(), asked()).await, Err(NoSuchDrill("one".into())));
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_region_really_fails_nothing_is_pretended() {
    let node = start(two()).await;
    node.handle.begin_drill(drill("us", 60)).await.unwrap();
    node.fail(1, 3).await;
    node.fail(2, 3).await;
    assert!(node.status().await.drill.is_some(), "to end it would help nobody");
    node.handle.end_drill("one".into(), asked()).await.unwrap();
    assert_eq!(verdict(&node, 0).await, Verdict::Down);
    assert_eq!(node.answer(), [ip(2)], "last good");
}

#[tokio::test(start_paused = true)]
async fn ended_by_order_it_has_never_been() {
    let failback = Failback { mode: FailbackMode::Manual, hold: Duration::ZERO };
    let node = start(Pool { failback, ..two() }).await;
    node.handle.begin_drill(drill("us", 60)).await.unwrap();
    node.pass(1, 3).await;
    assert_eq!(node.answer(), [ip(2)]);
    assert_eq!(node.handle.end_drill("other".into(), asked()).await, Err(NoSuchDrill("other".into())));
    let mut events = node.handle.events();
    node.handle.judge_drill("one".into(), false).await;
    node.handle.end_drill("one".into(), asked()).await.unwrap();
    assert_eq!(node.answer(), [ip(1)], "no rise and no hold");
    assert_eq!(told(&mut events)[0], "drill one of region us has ended: ended by ann: enough");
    // One that runs to its end is held as a real failure is.
    node.handle.begin_drill(drill("us", 60)).await.unwrap();
    node.pass(1, 3).await;
    sleep(Duration::from_secs(60)).await;
    node.pass(1, 2).await;
    assert_eq!(node.answer(), [ip(2)]);
    let hold = node.status().await.pool(&app()).unwrap().endpoints[0].addresses[0].hold;
    assert_eq!(hold, Some(HoldStatus::Manual));
}

#[tokio::test(start_paused = true)]
async fn orders_stand_above_it() {
    let node = start(two()).await;
    let order = |force| {
        let scope = Scope::Region(Region::new("us"));
        Order { scope, force, reason: "x".into(), author: "ann".into(), lasts: None }
    };
    node.handle.set_override(order(Force::Up)).await.unwrap();
    node.handle.begin_drill(drill("us", 60)).await.unwrap();
    node.pass(1, 3).await;
    assert_eq!((node.answer(), verdict(&node, 0).await), (vec![ip(1)], Verdict::Down));
}

#[tokio::test(start_paused = true)]
async fn a_restart_knows_only_that_there_was_one() {
    let failback = Failback { mode: FailbackMode::Manual, hold: Duration::ZERO };
    let steering = || setup(vec![Pool { failback, ..two() }]);
    let folder = tempfile::tempdir().unwrap();
    let node = Node1::start_in(steering(), folder.path()).await;
    node.all_up().await;
    node.handle.begin_drill(drill("us", 600)).await.unwrap();
    node.pass(1, 3).await;
    assert_eq!(node.answer(), [ip(2)]);
    node.stop().await;
    for again in [false, true] {
        let node = Node1::start_in(steering(), folder.path()).await;
        let mut events = node.handle.events();
        node.all_up().await;
        assert_eq!((node.answer(), verdict(&node, 0).await), (vec![ip(1)], Verdict::Up));
        assert!(node.status().await.drill.is_none());
        let seen = told(&mut events);
        let ended = seen.iter().any(|text| text == "drill one of region us has ended: cut short by a restart");
        assert_eq!(ended, !again, "told once: {seen:?}");
        assert!(!seen.iter().any(|text| text.contains("is down")), "{seen:?}");
        let firing = node.handle.history().firing();
        // What was told last is in the history once it is on disk.
        assert!(!again || firing.is_empty(), "{firing:?}");
        node.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_of_its_pools_ends_it() {
    let first = setup(vec![two()]);
    let node = Node1::start(first.clone()).await;
    node.all_up().await;
    node.handle.begin_drill(drill("us", 60)).await.unwrap();
    node.pass(1, 3).await;
    node.handle.apply(first, Consent::Asked).await.unwrap();
    assert_eq!((node.answer(), node.status().await.drill.is_some()), (vec![ip(2)], true), "nothing of it changed");
    node.handle.apply(setup(vec![pool(vec![endpoint("us", 1, 1)])]), Consent::Asked).await.unwrap();
    assert_eq!((node.answer(), node.status().await.drill.is_some()), (vec![ip(1)], false));
}
