//! What a failure, an order and a bad file move.

use crate::support::endpoint::Behaviour;
use crate::support::scrape::Scrape;
use crate::support::until;
use crate::watched::{EAST, POOL, Watched};

#[test]
fn a_failover_is_seen_in_every_figure_it_moves() {
    let watched = Watched::start();
    let before = watched.scrape();
    let up = |scrape: &Scrape| scrape.value("pharos_endpoint_up", &EAST);
    assert_eq!((up(&before), before.value("pharos_endpoint_in_use", &EAST)), (1.0, 1.0));
    assert_eq!(before.find("pharos_pool_answer_changed_timestamp_seconds", &POOL), None, "nothing changed yet");
    assert_eq!(before.value("pharos_pool_answer_changes_total", &POOL), 0.0);
    watched.east.set(Behaviour::status(503));
    until("the endpoint is down", || up(&watched.scrape()) == 0.0);
    let now = watched.scrape();
    assert_eq!(now.value("pharos_endpoint_in_use", &EAST), 0.0);
    assert_eq!(now.value("pharos_pool_answer_changes_total", &POOL), 1.0);
    let seconds = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = seconds(std::time::SystemTime::now()) - now.value("pharos_pool_answer_changed_timestamp_seconds", &POOL);
    assert!((0.0..20.0).contains(&age), "{age}");
    assert_eq!(now.value("pharos_pool_healthy", &POOL), 1.0);
    assert_eq!(now.find("pharos_pool_mode", &[POOL[0], POOL[1], POOL[2], ("mode", "healthy")]), Some(1.0));
    let down = [("kind", "endpoint-down"), ("severity", "warning")];
    assert_eq!(now.value("pharos_events_total", &down), 1.0);
    assert_eq!(before.value("pharos_events_total", &down), 0.0, "it is there before the first one");
    // The history follows what happens once it is on disk.
    until("it fires", || watched.scrape().value("pharos_events_firing", &[("severity", "warning")]) == 1.0);
    assert!(watched.scrape().value("pharos_events_kept", &[]) >= 2.0);
    assert!(now.value("pharos_snapshot_generation", &[]) > before.value("pharos_snapshot_generation", &[]));
    let results = |scrape: &Scrape, result: &'static str| {
        scrape.sum("pharos_check_results_total", &[EAST.as_slice(), &[("check", "web"), ("result", result)]].concat())
    };
    assert!(results(&now, "fail") >= 2.0 && results(&before, "fail") == 0.0 && results(&before, "pass") >= 1.0);
    let total = [("type", "http"), ("phase", "total")];
    let count = now.value("pharos_check_duration_seconds_count", &total);
    let buckets: Vec<_> = now.all("pharos_check_duration_seconds_bucket", &total).map(|(_, count)| count).collect();
    assert!(buckets.is_sorted() && buckets.len() == 14 && buckets.last() == Some(&count), "{buckets:?}");
    assert!(now.value("pharos_check_duration_seconds_count", &[("type", "http"), ("phase", "connect")]) >= 2.0);
    assert!(now.value("pharos_check_lateness_seconds_count", &[("type", "http")]) >= count - 1.0);
    assert_eq!(now.value("pharos_check_targets", &[]), 2.0);
}

#[test]
fn orders_and_refused_files_are_shown() {
    let watched = Watched::start();
    assert_eq!(watched.scrape().value("pharos_overrides", &[("force", "drain")]), 0.0);
    watched.force("drain");
    let now = watched.scrape();
    assert_eq!(now.value("pharos_overrides", &[("force", "drain")]), 1.0);
    assert_eq!(now.value("pharos_endpoint_override", &EAST), 1.0);
    assert_eq!(now.all("pharos_endpoint_override", &[("force", "drain")]).count(), 1);
    assert_eq!((now.value("pharos_endpoint_up", &EAST), now.value("pharos_endpoint_in_use", &EAST)), (1.0, 0.0));
    let good = watched.folder.read("zones/app.example.com.toml");
    let dead = format!("\"{}\"", watched.east.address);
    watched
        .folder
        .steering(&good.replace(&watched.west.address.to_string(), "127.0.0.1:9").replace(&dead, "\"127.0.0.1:7\""));
    watched.node.reload();
    let successful = |scrape: &Scrape| scrape.value("pharos_config_last_reload_successful", &[]);
    until("the refusal is counted", || successful(&watched.scrape()) == 0.0);
    assert_eq!(watched.scrape().value("pharos_reloads_total", &[("outcome", "refused")]), 1.0);
    watched.folder.steering(&good.replace("ttl = 10", "ttl = 20"));
    watched.node.reload();
    until("the new files are in force", || successful(&watched.scrape()) == 1.0);
    until("the sink fails", || {
        watched.scrape().sum("pharos_notify_failed_total", &[("sink", "ops"), ("type", "webhook")]) > 0.0
    });
    assert!(watched.scrape().value("pharos_notify_pending", &[("sink", "ops")]) > 0.0);
}
