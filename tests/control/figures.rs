//! What is counted, and where: rows that stay, counters that do not go back.

use pharos::control::Consent::{Asked, Watched};
use pharos::control::{Figures, Phase, Results, Severity};
use pharos::dns::Name;
use pharos::policy::{Family, Member};
use pharos::snapshot::{PoolMember, Roll, Row};

use crate::fixture::{Node1, app, endpoint, ip, name, pool, setup};

async fn figures(node: &Node1) -> Figures {
    node.handle.figures().await.unwrap().1
}

fn rows(roll: &Roll, endpoint: &str, port: u16) -> (Row, Row) {
    let member = Member { endpoint: pharos::model::EndpointName::new(endpoint), ip: ip(port) };
    let zone: Name = name("example");
    (roll.zones.row(&zone), roll.members.row(&PoolMember { pool: app(), member }))
}

#[tokio::test(start_paused = true)]
async fn checks_changes_and_reloads_are_counted() {
    let node = Node1::start(setup(vec![pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])])).await;
    node.all_up().await;
    node.fail(1, 3).await;
    node.pass(1, 2).await;
    let (status, now) = node.handle.figures().await.unwrap();
    let ids = node.ids();
    assert_eq!(now.targets, 2);
    assert_eq!(now.checks[&ids[&1]], Results { passed: 3, failed: 3 });
    assert_eq!(now.checks[&ids[&2]], Results { passed: 1, failed: 0 });
    assert_eq!(now.durations.keys().collect::<Vec<_>>(), [&("tcp", Phase::Total)], "no other phase came");
    let count = |of: &[u64]| of.iter().sum::<u64>();
    assert_eq!(count(&now.durations[&("tcp", Phase::Total)].counts), 7);
    assert_eq!(count(&now.lateness["tcp"].counts), 7);
    assert_eq!(now.answers[&(app(), Family::V4)], 2, "to the other and back");
    assert_eq!(now.events[&("endpoint-down".to_owned(), Severity::Warning)], 1);
    assert_eq!(now.reloads.last_applied, Some(status.started));
    // A reload that is refused, and one that takes an endpoint and its target away.
    node.handle.apply(setup(vec![]), Watched).await.unwrap();
    let gone = figures(&node).await;
    assert!(gone.checks.is_empty() && gone.answers.is_empty() && gone.targets == 0, "{gone:?}");
    assert_eq!((gone.reloads.applied, gone.reloads.failing), (1, false));
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_is_refused_is_told_until_one_is_applied() {
    let both = || setup(vec![pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])]);
    let node = Node1::start(both()).await;
    node.all_up().await;
    let none = pharos::model::node::Setup { zones: vec![], ..both() };
    node.handle.apply(none, Asked).await.unwrap_err();
    let reloads = figures(&node).await.reloads;
    assert_eq!((reloads.applied, reloads.refused, reloads.invalid, reloads.failing), (0, 1, 0, true));
    node.handle.apply(both(), Asked).await.unwrap();
    let reloads = figures(&node).await.reloads;
    assert_eq!((reloads.applied, reloads.refused, reloads.failing), (1, 1, false));
    assert_eq!(figures(&node).await.checks.len(), 2, "the targets are the same");
}

#[tokio::test(start_paused = true)]
async fn who_stays_keeps_the_row_over_a_reload() {
    let node = Node1::start(setup(vec![pool(vec![endpoint("us", 1, 1), endpoint("eu", 2, 2)])])).await;
    node.all_up().await;
    let store = node.handle.store();
    let before = store.current();
    let (zone, us, eu) = {
        let (zone, us) = rows(before.roll(), "us", 1);
        (zone, us, rows(before.roll(), "eu", 2).1)
    };
    assert!(us != eu && us != Row::OTHER && zone != Row::OTHER);
    let answered = |world: &pharos::snapshot::Snapshot| world.zones()[0].pools[0].a_rows.to_vec();
    assert_eq!(answered(&before), [us], "only the first priority is answered");
    assert_eq!(before.zones()[0].row, zone);
    node.fail(1, 3).await;
    assert_eq!(answered(&store.current()), [eu]);
    node.handle.apply(setup(vec![pool(vec![endpoint("eu", 2, 2)])]), Watched).await.unwrap();
    let after = store.current();
    assert_eq!(rows(after.roll(), "eu", 2), (zone, eu));
    assert_eq!(rows(after.roll(), "us", 1).1, Row::OTHER, "it is gone");
    assert_eq!(answered(&after), [eu]);
}
