//! What a restart remembers.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pharos::control::{Filter, HoldStatus, Order, Severity, Stage};
use pharos::health::{Force, RECHECK_AT_START, Scope, Verdict};
use pharos::model::check::Cadence;
use pharos::model::pool::{Failback, FailbackMode, Pool};
use pharos::model::{EndpointName, Region};
use tokio::time::sleep;

use crate::fixture::{CADENCE, Node1, app, clear, endpoint, ip, pool, setup, watch};

fn two() -> Pool {
    pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])
}

async fn verdict(node: &Node1, endpoint: usize) -> (Verdict, u32) {
    let status = node.status().await;
    let check = status.pool(&app()).unwrap().endpoints[endpoint].addresses[0].check.clone().unwrap();
    (check.verdict, check.streak)
}

/// Runs a node in `folder`, lets it be ready, does `what`, and stops it.
async fn run(folder: &Path, what: impl AsyncFnOnce(&Node1)) {
    let node = Node1::start_in(setup(vec![two()]), folder).await;
    node.all_up().await;
    what(&node).await;
    node.stop().await;
}

/// Makes everything in the state file older.
fn age(folder: &Path, by: Duration) {
    let path = folder.join("health.json");
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for verdict in file["verdicts"].as_array_mut().unwrap() {
        for key in ["observed_ms", "since_ms"] {
            verdict[key] = (verdict[key].as_u64().unwrap() - u64::try_from(by.as_millis()).unwrap()).into();
        }
    }
    fs::write(&path, file.to_string()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn rise_holds_across_it() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), async |node| node.fail(1, 3).await).await;
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    assert_eq!(verdict(&node, 0).await, (Verdict::Down, 0));
    node.report(2, true).await;
    let pace = node.report(1, true).await;
    assert_eq!((pace.after, pace.more), (RECHECK_AT_START, 1));
    assert!(!node.is_ready(), "one more could bring it back");
    node.report(1, false).await;
    assert!(node.is_ready());
    assert_eq!(node.answer(), [ip(2)], "one success does not bring it back");
}

#[tokio::test(start_paused = true)]
async fn fall_holds_across_it() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), async |node| node.fail(1, 2).await).await;
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    assert_eq!(verdict(&node, 0).await, (Verdict::Up, 2));
    node.report(2, true).await;
    assert!(!node.is_ready());
    node.report(1, false).await;
    assert!(node.is_ready());
    assert_eq!(node.answer(), [ip(2)], "the third failure in a row");
}

#[tokio::test(start_paused = true)]
async fn old_verdicts_say_nothing() {
    for (minutes, known) in [(9, Verdict::Down), (11, Verdict::Unknown)] {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), async |node| node.fail(1, 3).await).await;
        age(folder.path(), Duration::from_secs(minutes * 60));
        let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
        assert_eq!(verdict(&node, 0).await.0, known, "after {minutes} min");
    }
}

#[tokio::test(start_paused = true)]
async fn verdicts_of_rare_checks_may_be_older() {
    let mut rare = two();
    let cadence = Cadence { interval: Duration::from_secs(15 * 60), ..CADENCE };
    rare.endpoints[0].addresses[0].watch = Some(watch(1, cadence));
    for (minutes, known) in [(29, Verdict::Down), (31, Verdict::Unknown)] {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), async |node| node.fail(1, 3).await).await;
        age(folder.path(), Duration::from_secs(minutes * 60));
        let node = Node1::start_in(setup(vec![rare.clone()]), folder.path()).await;
        assert_eq!(verdict(&node, 0).await.0, known, "after {minutes} min");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_was_edited_starts_anew() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), async |node| node.fail(1, 3).await).await;
    let other = pool(vec![endpoint("us", 3, 1), endpoint("eu", 2, 2)]);
    let node = Node1::start_in(setup(vec![other]), folder.path()).await;
    assert_eq!(verdict(&node, 0).await, (Verdict::Unknown, 0));
    assert_eq!(verdict(&node, 1).await, (Verdict::Up, 0));
}

#[tokio::test(start_paused = true)]
async fn last_good_holds_across_it_however_long() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), async |node| {
        node.fail(1, 3).await;
        node.fail(2, 3).await;
        assert_eq!(node.answer(), [ip(2)]);
    })
    .await;
    age(folder.path(), Duration::from_secs(86_400));
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    node.fail(1, 1).await;
    node.fail(2, 1).await;
    assert!(node.is_ready());
    assert_eq!(node.answer(), [ip(2)], "and not the first of the file");
}

#[tokio::test(start_paused = true)]
async fn orders_and_holds_survive() {
    let folder = tempfile::tempdir().unwrap();
    let held = || {
        let failback = Failback { mode: FailbackMode::Auto, hold: Duration::from_secs(60) };
        setup(vec![Pool { failback, ..pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2), endpoint("ap", 3, 3)]) }])
    };
    let node = Node1::start_in(held(), folder.path()).await;
    node.all_up().await;
    let scope = Scope::Region(Region::new("eu"));
    let order = Order {
        scope: scope.clone(),
        force: Force::Down,
        reason: "upgrade".into(),
        author: "ann".into(),
        lasts: Some(Duration::from_secs(3600)),
    };
    node.handle.set_override(order).await.unwrap();
    node.fail(1, 3).await;
    node.pass(1, 2).await;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(node.answer(), [ip(3)]);
    node.stop().await;

    let node = Node1::start_in(held(), folder.path()).await;
    node.all_up().await;
    assert_eq!(node.answer(), [ip(3)]);
    let status = node.status().await;
    let (kept, order) = &status.overrides[0];
    assert_eq!((kept, &*order.reason, &*order.author), (&scope, "upgrade", "ann"));
    let Some(HoldStatus::Left(left)) = status.pool(&app()).unwrap().endpoints[0].addresses[0].hold else {
        panic!("no hold")
    };
    assert!(left <= Duration::from_secs(40) && left > Duration::from_secs(38), "{left:?}");
    sleep(Duration::from_secs(41)).await;
    assert_eq!(node.answer(), [ip(1)]);
    sleep(Duration::from_secs(3600)).await;
    assert!(node.status().await.overrides.is_empty(), "the order has expired");
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_at_most_a_second_and_no_order() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    node.all_up().await;
    node.fail(1, 3).await;
    sleep(Duration::from_secs(3)).await;
    node.task.abort(); // nothing is saved on the way out
    assert!(node.task.await.unwrap_err().is_cancelled());
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    assert_eq!(verdict(&node, 0).await, (Verdict::Down, 0));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_does_not_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("health.json"), "{\"version\":1,").unwrap();
    run(folder.path(), async |node| node.fail(1, 3).await).await;
    let names = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(names[..2], ["events.jsonl", "health.json"]);
    assert!(names[2].starts_with("health.json.bad-"), "{names:?}");
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    assert_eq!(verdict(&node, 0).await.0, Verdict::Down, "what was saved after it");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_is_tried_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("state");
    let node = Node1::start_in(setup(vec![two()]), &folder).await;
    fs::remove_dir_all(&folder).unwrap();
    node.all_up().await;
    node.fail(1, 3).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(node.answer(), [ip(2)], "answers do not wait for the disk");
    fs::create_dir(&folder).unwrap();
    sleep(Duration::from_secs(15)).await;
    assert!(folder.join("health.json").exists());
    node.stop().await;
}

/// What happened is found again, ids rise, and a failure that ended while the node was away is resolved.
#[tokio::test(start_paused = true)]
async fn history_goes_on_and_what_fires_is_resolved() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), async |node| {
        node.fail(1, 3).await;
        node.fail(2, 3).await;
    })
    .await;
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    let history = node.handle.history();
    let all = Filter::default();
    let told = |kind: &str| history.newest(100, &all).into_iter().filter(|r| r.kind == kind).collect::<Vec<_>>();
    let (downs, pool) = (told("endpoint-down"), told("pool-down"));
    assert_eq!((downs.len(), pool.len()), (2, 1));
    let firing: Vec<_> = history.firing().iter().map(|record| record.subject.clone()).collect();
    let subjects = ["endpoint/example/app/eu/192.0.2.2", "endpoint/example/app/us/192.0.2.1", "pool/example/app/A"];
    assert_eq!(firing, subjects);
    let mut live = history.subscribe();
    node.pass(1, 2).await;
    let mut resolved = Vec::new();
    while resolved.len() < 2 {
        let record = live.recv().await.unwrap();
        assert!(record.id > downs[1].id);
        if record.state == Stage::Resolved {
            resolved.push((record.kind.clone(), record.subject.clone()));
        }
    }
    assert_eq!(resolved[0], ("endpoint-up".to_owned(), subjects[1].to_owned()));
    assert_eq!(resolved[1], ("pool-up".to_owned(), subjects[2].to_owned()));
}

/// An order is acknowledged once it is on disk, or the answer says that it is not.
#[tokio::test(start_paused = true)]
async fn an_order_is_acknowledged_when_it_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    node.all_up().await;
    let scope = Scope::Endpoint { pool: app(), endpoint: EndpointName::new("us") };
    let order = Order { scope: scope.clone(), force: Force::Down, reason: "x".into(), author: "y".into(), lasts: None };
    assert!(node.handle.set_override(order.clone()).await.unwrap().saved);
    let text = fs::read_to_string(folder.path().join("health.json")).unwrap();
    assert!(text.contains("\"force\":\"down\""), "{text}");
    assert!(node.handle.clear_override(clear(scope)).await.unwrap().saved);
    let text = fs::read_to_string(folder.path().join("health.json")).unwrap();
    assert!(!text.contains("\"force\""), "{text}");
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(!node.handle.set_override(order).await.unwrap().saved, "there is nothing to write to");
}

/// An endpoint that stays down is told once more, as critical, and not again after a restart.
#[tokio::test(start_paused = true)]
async fn who_stays_down_is_told_again_once() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), async |node| node.fail(1, 3).await).await;
    age(folder.path(), Duration::from_secs(400));
    for _ in 0..2 {
        let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
        node.fail(1, 1).await;
        node.pass(2, 1).await;
        // The next look at who is down is within some seconds.
        sleep(Duration::from_secs(10)).await;
        node.stop().await;
    }
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    let told = node.handle.history().newest(100, &Filter::default());
    let long: Vec<_> = told.iter().filter(|record| record.kind == "endpoint-down-long").collect();
    assert_eq!(long.len(), 1);
    assert_eq!((long[0].severity, long[0].state), (Severity::Critical, Stage::Firing));
    let down = told.iter().find(|record| record.kind == "endpoint-down").unwrap();
    assert_eq!(long[0].subject, down.subject);
}

/// What was told to be down, and came back or went away while nobody looked, fires no longer after the start.
#[tokio::test(start_paused = true)]
async fn what_ended_while_the_node_was_away_is_resolved() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), async |node| {
        node.fail(1, 3).await;
        node.fail(2, 3).await;
    })
    .await;
    // As if the process had been killed before the verdicts were saved.
    fs::remove_file(folder.path().join("health.json")).unwrap();
    let only = pool(vec![endpoint("eu", 2, 2)]);
    let node = Node1::start_in(setup(vec![only]), folder.path()).await;
    let history = std::sync::Arc::clone(node.handle.history());
    assert_eq!(history.firing().len(), 3);
    node.all_up().await;
    node.stop().await;
    assert_eq!(history.firing().iter().map(|record| &record.subject).collect::<Vec<_>>(), Vec::<&String>::new());
    let told = history.newest(4, &Filter::default());
    let mut kinds: Vec<_> =
        told.iter().filter(|record| record.state == Stage::Resolved).map(|r| r.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["endpoint-gone", "endpoint-up", "pool-up"]);
}

/// A pool that has nobody healthy from the beginning is told of, once over restarts.
#[tokio::test(start_paused = true)]
async fn a_pool_that_is_down_at_the_start_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
        node.fail(1, 1).await;
        node.fail(2, 1).await;
        assert!(node.is_ready());
        node.stop().await;
    }
    let node = Node1::start_in(setup(vec![two()]), folder.path()).await;
    let told = node.handle.history().newest(100, &Filter::default());
    assert_eq!(told.iter().filter(|record| record.kind == "pool-down").count(), 1);
}
