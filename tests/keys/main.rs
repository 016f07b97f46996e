//! Every key that is accepted does something that can be seen from outside.
//!
//! Each key has a test of its name here. What is accepted is asked of the program itself, so a new
//! key without a test fails [`every_accepted_key_has_a_test`].
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod check;
mod drill;
mod lab;
mod node;
mod notify;
mod pool;

use std::collections::BTreeSet;

use serde_json::Value;
use support::folder::Folder;
use support::node::pharos;

/// Lists keys with their tests, and runs each as a test of its own.
macro_rules! keys {
    ($($key:literal: $room:ident::$test:ident$(($place:expr))?,)+) => {
        const TESTED: &[&str] = &[$($key),+];

        mod key {
            $(#[test] fn $test() { super::$room::$test($($place)?) })+
        }
    };
}

keys! {
    "zones": node::zones,
    "state": node::state,
    "node.name": node::name,
    "node.region": node::region,
    "node.witness": node::witness,
    "listen.dns": node::dns,
    "listen.admin": node::admin,
    "listen.udp_threads": node::udp_threads,
    "listen.coalesce": node::coalesce,
    "listen.udp_gso": node::udp_gso,
    "admin.read_token": node::admin_read_token,
    "admin.write_token": node::admin_write_token,
    "admin.hosts": node::admin_hosts,
    "notify.type": notify::sink_type,
    "notify.on": notify::on,
    "notify.severity": notify::severity,
    "notify.pools": notify::pools,
    "notify.slack.url": notify::slack_url,
    "notify.slack.ca_file": notify::slack_ca_file,
    "notify.pagerduty.routing_key": notify::pagerduty_routing_key,
    "notify.pagerduty.url": notify::pagerduty_url,
    "notify.pagerduty.ca_file": notify::pagerduty_ca_file,
    "notify.alertmanager.url": notify::alertmanager_url,
    "notify.alertmanager.username": notify::alertmanager_username,
    "notify.alertmanager.password": notify::alertmanager_password,
    "notify.alertmanager.token": notify::alertmanager_token,
    "notify.alertmanager.labels": notify::alertmanager_labels,
    "notify.alertmanager.ca_file": notify::alertmanager_ca_file,
    "notify.webhook.url": notify::webhook_url,
    "notify.webhook.secret": notify::webhook_secret,
    "notify.webhook.headers": notify::webhook_headers,
    "notify.webhook.ca_file": notify::webhook_ca_file,
    "notify.email.server": notify::email_server,
    "notify.email.tls": notify::email_tls,
    "notify.email.username": notify::email_username,
    "notify.email.password": notify::email_password,
    "notify.email.from": notify::email_from,
    "notify.email.to": notify::email_to,
    "notify.email.ca_file": notify::email_ca_file,
    "notify.exec.command": notify::exec_command,
    "notify.exec.timeout": notify::exec_timeout,
    "notify.exec.env": notify::exec_env,
    "drill.region": drill::drill_region,
    "drill.cron": drill::drill_cron,
    "drill.for": drill::drill_lasts,
    "drill.rto": drill::drill_rto,
    "drill.resolvers": drill::drill_resolvers,
    "drill.reason": drill::drill_reason,
    "zone.ns": node::zone_ns,
    "zone.contact": node::zone_contact,
    "zone.ttl": node::zone_ttl,
    "check.type": check::kind(super::lab::OWN),
    "check.port": check::port(super::lab::OWN),
    "check.interval": check::interval(super::lab::OWN),
    "check.timeout": check::timeout(super::lab::OWN),
    "check.fall": check::fall(super::lab::OWN),
    "check.rise": check::rise(super::lab::OWN),
    "check.recheck": check::recheck(super::lab::OWN),
    "check.method": check::method(super::lab::OWN),
    "check.path": check::path(super::lab::OWN),
    "check.host": check::host(super::lab::OWN),
    "check.headers": check::headers(super::lab::OWN),
    "check.expect_status": check::expect_status(super::lab::OWN),
    "check.expect_body": check::expect_body(super::lab::OWN),
    "check.expect_body.regex": check::expect_body_regex(super::lab::OWN),
    "check.expect_json": check::expect_json(super::lab::OWN),
    "check.verify": check::verify(super::lab::OWN),
    "check.ca_file": check::ca_file(super::lab::OWN),
    "pool.names": pool::names,
    "pool.check": pool::check,
    "pool.policy": pool::policy(super::lab::OWN),
    "pool.ttl": pool::ttl(super::lab::OWN),
    "pool.ttl_suspect": pool::ttl_suspect(super::lab::OWN),
    "pool.answers": pool::answers(super::lab::OWN),
    "pool.all_down": pool::all_down(super::lab::OWN),
    "pool.failback.mode": pool::failback_mode(super::lab::OWN),
    "pool.failback.hold": pool::failback_hold(super::lab::OWN),
    "pool.min_healthy": pool::min_healthy(super::lab::OWN),
    "pool.dual_stack": pool::dual_stack(super::lab::OWN),
    "endpoint.name": pool::endpoint_name,
    "endpoint.region": pool::endpoint_region,
    "endpoint.address": pool::endpoint_address,
    "endpoint.check_address": pool::endpoint_check_address,
    "endpoint.priority": pool::endpoint_priority,
    "endpoint.weight": pool::endpoint_weight,
    "endpoint.check": pool::endpoint_check,
}

/// What stands in `[defaults]` is a key of checks and pools, and has the same tests there.
macro_rules! defaults {
    ($($key:literal: $room:ident::$test:ident,)+) => {
        const TESTED_AS_DEFAULT: &[&str] = &[$($key),+];

        mod default {
            $(#[test] fn $test() { super::$room::$test(super::lab::DEFAULTS) })+
        }
    };
}

defaults! {
    "defaults.check.type": check::kind,
    "defaults.check.port": check::port,
    "defaults.check.interval": check::interval,
    "defaults.check.timeout": check::timeout,
    "defaults.check.fall": check::fall,
    "defaults.check.rise": check::rise,
    "defaults.check.recheck": check::recheck,
    "defaults.check.method": check::method,
    "defaults.check.path": check::path,
    "defaults.check.host": check::host,
    "defaults.check.headers": check::headers,
    "defaults.check.expect_status": check::expect_status,
    "defaults.check.expect_body": check::expect_body,
    "defaults.check.expect_json": check::expect_json,
    "defaults.check.verify": check::verify,
    "defaults.check.ca_file": check::ca_file,
    "defaults.pool.policy": pool::policy,
    "defaults.pool.ttl": pool::ttl,
    "defaults.pool.ttl_suspect": pool::ttl_suspect,
    "defaults.pool.answers": pool::answers,
    "defaults.pool.all_down": pool::all_down,
    "defaults.pool.failback": pool::failback_hold,
    "defaults.pool.min_healthy": pool::min_healthy,
    "defaults.pool.dual_stack": pool::dual_stack,
}

/// Tables: their keys are listed, not they themselves.
const TABLES: [&str; 12] = [
    "admin",
    "node",
    "listen",
    "notify",
    "drill",
    "defaults",
    "defaults.check",
    "defaults.pool",
    "check",
    "pool",
    "zone",
    "pool.endpoint",
];

const UNKNOWN_NODE: &str = "state = \"/tmp\"\nzzz = 1\n[node]\nzzz = 1\n[listen]\nzzz = 1\n[admin]\nzzz = 1\n[defaults]\nzzz = 1\n\
                            [defaults.check]\nzzz = 1\n[defaults.pool]\nzzz = 1\n[drill.weekly]\nzzz = 1\n";
/// Which keys a sink has depends on its type.
const SINKS: [&str; 6] = ["slack", "pagerduty", "alertmanager", "webhook", "email", "exec"];
/// Those of all types.
const ANY_SINK: [&str; 4] = ["type", "on", "severity", "pools"];
const UNKNOWN_ZONE: &str = "zzz = 1\n[zone]\nzzz = 1\n[check.web]\nzzz = 1\nexpect_body = { zzz = 1 }\n\
                            [pool.app]\nzzz = 1\nfailback = { zzz = 1 }\n[[pool.app.endpoint]]\nname = \"a\"\nzzz = 1\n";

/// All keys that the program says it knows, by a file with an unknown one in each table.
fn accepted() -> BTreeSet<String> {
    let folder = Folder::steered(UNKNOWN_ZONE);
    let sinks: String = SINKS.iter().map(|kind| format!("[notify.{kind}]\ntype = {kind:?}\nzzz = 1\n")).collect();
    folder.write("pharos.toml", &format!("{UNKNOWN_NODE}{sinks}"));
    let output = pharos().args(["check", "--json", "--config"]).arg(folder.config()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = BTreeSet::new();
    let mut tables = 0;
    for diagnostic in report["diagnostics"].as_array().unwrap() {
        let message = diagnostic["message"].as_str().unwrap();
        let Some(table) = message.strip_suffix(" has no key \"zzz\"") else { continue };
        let prefix = match table {
            "pharos.toml" | "a zone" => "",
            "drill \"weekly\"" => "drill.",
            "[node]" => "node.",
            "[listen]" => "listen.",
            "[admin]" => "admin.",
            "[defaults]" => "defaults.",
            "[defaults.check]" => "defaults.check.",
            "[defaults.pool]" => "defaults.pool.",
            "[zone]" => "zone.",
            "check \"web\"" => "check.",
            "expect_body" => "check.expect_body.",
            "pool \"app\"" => "pool.",
            "failback" => "pool.failback.",
            "endpoint \"a\"" => "endpoint.",
            sink if sink.starts_with("notify ") => &format!("notify.{}.", sink[8..].trim_end_matches('"')),
            other => panic!("a table that this test does not know: {other}"),
        };
        tables += 1;
        let help = diagnostic["help"].as_array().unwrap();
        let known = help.iter().find_map(|line| line.as_str().unwrap().strip_prefix("known keys: ")).unwrap();
        found.extend(known.split(", ").map(|key| match prefix.strip_prefix("notify.") {
            Some(_) if ANY_SINK.contains(&key) => format!("notify.{key}"),
            _ => format!("{prefix}{key}"),
        }));
    }
    assert_eq!(tables, 21, "{report:#}");
    found.retain(|key| !TABLES.contains(&key.as_str()) && key != "pool.failback");
    found
}

#[test]
fn every_accepted_key_has_a_test() {
    let tested: BTreeSet<String> = TESTED.iter().chain(TESTED_AS_DEFAULT).map(|key| (*key).to_owned()).collect();
    assert_eq!(accepted(), tested);
}
