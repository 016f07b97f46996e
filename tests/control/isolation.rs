//! The node is cut off: its answers stay, and it says so.

use std::time::Duration;

use pharos::control::{Consent, Filter, Stage};
use pharos::health::Verdict;
use pharos::model::node::Setup;
use pharos::model::pool::AllDown;
use pharos::policy::Family;
use tokio::time::sleep;

use crate::fixture::{CADENCE, Node1, endpoint, ip, pool, setup};

/// Two endpoints, and a witness.
fn watched(all_down: AllDown) -> Setup {
    let mut pool = pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)]);
    pool.all_down = all_down;
    let mut setup = setup(vec![pool]);
    setup.node.witness = ["192.0.2.53:53".parse().unwrap()].into();
    setup
}

fn kinds(node: &Node1) -> Vec<String> {
    let history = node.handle.history();
    history.newest(100, &Filter::default()).iter().map(|record| record.kind.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn without_a_word_from_the_witnesses_the_answer_stays_and_one_event_tells() {
    let node = Node1::start(watched(AllDown::Nodata)).await;
    node.all_up().await;
    let mut live = node.handle.history().subscribe();
    let pace = node.report(1, false).await;
    assert_eq!(pace.after, CADENCE.recheck, "looked at again soon");
    assert_eq!(node.handle.witnesses().borrow().asked, [Family::V4]);
    node.handle.testify(Family::V4, false).await;
    node.fail(1, 5).await;
    assert_eq!(node.answer(), [ip(1)], "nothing has worked since it failed");
    assert!(node.status().await.isolated.is_empty(), "the other may work");
    for _ in 0..10 {
        node.fail(1, 1).await;
        node.fail(2, 1).await;
        node.handle.testify(Family::V4, false).await;
        assert_eq!(node.answer(), [ip(1)]);
    }
    let status = node.status().await;
    assert_eq!(status.isolated, [Family::V4]);
    for endpoint in &status.zones[0].pools[0].endpoints {
        let check = endpoint.addresses[0].check.as_ref().unwrap();
        assert_eq!(check.verdict, Verdict::Up);
        assert!(check.last.as_ref().unwrap().result.is_err(), "the evidence is kept");
    }
    // The paused clock runs on while the thread of the history works: other things happen meanwhile.
    let mut next = async |kind: &str| loop {
        let record = live.recv().await.unwrap();
        if record.kind == kind {
            return record;
        }
    };
    let begun = next("isolation-begun").await;
    assert_eq!((begun.kind.as_str(), begun.state), ("isolation-begun", Stage::Firing));
    node.pass(2, 1).await;
    assert!(node.status().await.isolated.is_empty());
    let ended = next("isolation-ended").await;
    assert_eq!(
        (ended.kind.as_str(), ended.state, &ended.subject),
        ("isolation-ended", Stage::Resolved, &begun.subject)
    );
    assert!(node.handle.witnesses().borrow().asked.is_empty());
    for _ in 0..3 {
        node.fail(1, 1).await;
        node.pass(2, 1).await;
    }
    assert_eq!(node.answer(), [ip(2)], "failures count again");
}

#[tokio::test(start_paused = true)]
async fn with_the_witnesses_reachable_all_down_rules() {
    let node = Node1::start(watched(AllDown::Nodata)).await;
    node.all_up().await;
    node.fail(1, 1).await;
    node.handle.testify(Family::V4, true).await;
    node.fail(1, 1).await;
    assert_eq!(node.answer(), [ip(1)]);
    node.fail(1, 1).await;
    assert_eq!(node.answer(), [ip(2)], "what waited has counted: no failure is lost by asking");
    node.fail(2, 1).await;
    node.handle.testify(Family::V4, true).await;
    node.fail(2, 2).await;
    assert!(node.answer().is_empty());
    assert!(node.handle.witnesses().borrow().asked.is_empty(), "nothing can turn any more");
    assert!(!kinds(&node).contains(&"isolation-begun".to_owned()));
}

/// Something else of the family that works shows that it is the target, without a word of the witnesses.
#[tokio::test(start_paused = true)]
async fn what_works_elsewhere_is_proof_enough() {
    let node = Node1::start(watched(AllDown::All)).await;
    node.all_up().await;
    node.fail(1, 1).await;
    node.pass(2, 1).await;
    assert!(node.handle.witnesses().borrow().asked.is_empty());
    node.fail(1, 1).await;
    node.pass(2, 1).await;
    node.fail(1, 1).await;
    assert_eq!(node.answer(), [ip(1)], "the last one waits for proof");
    node.pass(2, 1).await;
    assert_eq!(node.answer(), [ip(2)]);
    for _ in 0..3 {
        node.fail(1, 1).await;
        assert!(node.handle.witnesses().borrow().asked.is_empty(), "it is down: nothing can turn");
    }
}

/// Every failure that waited counts once something else works: a witness that is gone costs no more than that.
#[tokio::test(start_paused = true)]
async fn failures_that_waited_all_count() {
    let node = Node1::start(watched(AllDown::All)).await;
    node.all_up().await;
    node.fail(1, 1).await;
    node.handle.testify(Family::V4, false).await;
    node.fail(1, 2).await;
    assert_eq!(node.answer(), [ip(1)]);
    node.pass(2, 1).await;
    assert_eq!(node.answer(), [ip(2)]);
}

/// Nor does it hold back a failure for longer than the others need to have their turn.
#[tokio::test(start_paused = true)]
async fn others_have_their_turn_and_no_longer() {
    let node = Node1::start(watched(AllDown::All)).await;
    node.all_up().await;
    node.fail(1, 1).await;
    node.handle.testify(Family::V4, false).await;
    node.fail(1, 1).await;
    sleep(CADENCE.interval + Duration::from_secs(3)).await;
    assert_eq!(node.answer(), [ip(1)]);
    node.fail(1, 1).await;
    assert_eq!(node.answer(), [ip(2)], "three in a row, and the other has not failed");
}

/// New targets of a reload fail like all others while the node is cut off, which says nothing of them.
#[tokio::test(start_paused = true)]
async fn a_reload_while_cut_off_moves_nothing_and_tells_nothing_false() {
    let node = Node1::start(watched(AllDown::All)).await;
    node.all_up().await;
    node.fail(1, 1).await;
    node.fail(2, 1).await;
    node.handle.testify(Family::V4, false).await;
    assert_eq!(node.status().await.isolated, [Family::V4]);
    let mut more = watched(AllDown::All);
    more.zones = setup(vec![pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2), endpoint("ap", 3, 1)])]).zones;
    let reload = node.handle.submit(more, Consent::Asked, None).await;
    node.handle.alive().await.unwrap();
    node.fail(3, 1).await;
    reload.await.unwrap();
    assert_eq!(node.answer(), [ip(1)]);
    node.fail(1, 3).await;
    node.fail(3, 3).await;
    assert_eq!(node.status().await.isolated, [Family::V4]);
    assert_eq!(node.answer(), [ip(1)]);
    node.pass(3, 1).await;
    assert!(node.status().await.isolated.is_empty());
}

/// A witness that comes back while all else stays down says that it is not the node.
#[tokio::test(start_paused = true)]
async fn a_witness_that_answers_later_ends_it() {
    let node = Node1::start(watched(AllDown::All)).await;
    node.all_up().await;
    node.fail(1, 1).await;
    node.fail(2, 1).await;
    node.handle.testify(Family::V4, false).await;
    node.fail(1, 5).await;
    node.fail(2, 5).await;
    assert_eq!(node.answer(), [ip(1)]);
    node.handle.testify(Family::V4, true).await;
    assert!(node.status().await.isolated.is_empty());
    node.fail(1, 3).await;
    assert_eq!(node.answer(), [ip(2)], "only the first is down by count");
}

/// A prober of witnesses that says nothing does not hold back a verdict for long.
#[tokio::test(start_paused = true)]
async fn silence_of_the_witnesses_is_waited_for_no_longer_than_their_time_out() {
    let node = Node1::start(watched(AllDown::Nodata)).await;
    node.all_up().await;
    node.fail(1, 5).await;
    node.fail(2, 5).await;
    assert_eq!(node.answer(), [ip(1)]);
    sleep(Duration::from_secs(3)).await;
    node.fail(1, 3).await;
    node.fail(2, 3).await;
    assert!(node.answer().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_start_in_isolation_does_not_wait_for_ever() {
    let node = Node1::start(watched(AllDown::All)).await;
    node.fail(1, 1).await;
    node.fail(2, 1).await;
    assert!(!node.is_ready());
    node.handle.testify(Family::V4, false).await;
    assert_eq!(node.status().await.isolated, [Family::V4]);
    assert!(node.is_ready());
    assert_eq!(node.answer(), [ip(1)], "nothing is known: as if all were healthy");
}
