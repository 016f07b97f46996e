//! `pharos reload`.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Serialize;

use super::author::{self, AuthorArg, Signed};
use super::client::{Client, Fault, NodeArgs};
use super::paint::{Mood, Paint};
use super::shape::{Change, Refused, Reload};
use super::view::{Screen, words::count};
use super::{Exit, complain, complain_raw, ended, print};
use crate::config::diag::Severity;

/// A reload answers when every new target was checked once, and the longest time-out of a check may pass.
const RELOAD_MAX: Duration = Duration::from_secs(300);

const EXAMPLES: &str = "\
For example:
  pharos reload --dry-run
  pharos reload --reason \"new endpoint\"";

/// Load the files of a running node again, and show what changes
///
/// All or nothing: with any error the node goes on with what it has. A reload that would take the last healthy
/// endpoint from a pool is refused without --force.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Also where it takes the last healthy endpoint from a pool
    #[arg(long)]
    force: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "by command", value_parser = author::reason)]
    reason: String,
    #[command(flatten)]
    author: AuthorArg,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Serialize)]
struct Order {
    force: bool,
    dry_run: bool,
    #[serde(flatten)]
    signed: Signed,
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(reload(args))
}

fn reload(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let order = Order { force: args.force, dry_run: args.dry_run, signed: args.author.sign(&args.reason) };
    let reply = client.block(client.write_soon(Method::POST, "/v1/reload", &order, RELOAD_MAX))?;
    if args.node.json {
        let printed = print(&reply.raw());
        return reply.good().map(|_| printed);
    }
    if reply.status == StatusCode::UNPROCESSABLE_ENTITY {
        let Refused { diagnostics } = reply.parse()?;
        complain_raw(&listing(&diagnostics, Paint::stderr()));
        complain(&reply.refusal().to_string());
        return Ok(Exit::No);
    }
    if reply.status == StatusCode::CONFLICT {
        let refusal = reply.refusal();
        let hint = match &refusal {
            Fault::Refused { code, .. } => hint(code),
            _ => "",
        };
        complain(&format!("{refusal}{hint}"));
        return Ok(Exit::No);
    }
    let reload: Reload = reply.good()?.parse()?;
    complain_raw(&listing(&reload.warnings, Paint::stderr()));
    Ok(print(&changes(Screen::stdout(), &reload, args.dry_run)))
}

/// What to do about a refusal, of which only some can be overruled.
fn hint(code: &str) -> &'static str {
    match code {
        "reload-last-healthy" | "reload-no-zone-left" | "reload-zones-gone" => "; if you mean it: --force",
        "reload-superseded" => "; see what is in force: pharos events --topic config",
        "reload-records-gone" => "; try again",
        _ => "",
    }
}

/// Diagnostics as `pharos check` prints them.
fn listing(diagnostics: &[String], paint: Paint) -> String {
    let plain = |text: &str| text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
    let severity = |text: &str| if text.starts_with("warning") { Severity::Warning } else { Severity::Error };
    diagnostics.iter().map(|text| paint.lines(&plain(text), severity(text))).collect()
}

/// What differs, and a line that sums it up.
fn changes(screen: Screen, reload: &Reload, dry_run: bool) -> String {
    let Reload { changes, checks_started, checks_stopped, restart_needed, warnings: _, taken_up_by_watch } = reload;
    let mut text: String = changes.iter().map(|change| one(screen, change)).collect();
    let mut checks = Vec::new();
    for (number, word) in [(*checks_started, "started"), (*checks_stopped, "stopped")] {
        if number > 0 {
            checks.push(format!("{} {word}", count(number, "check")));
        }
    }
    let checks = if checks.is_empty() { String::new() } else { format!(", {}", checks.join(", ")) };
    let what = match (changes.len(), dry_run) {
        (0, false) => "reloaded: nothing changed (edits are taken up by themselves: pharos events)".to_owned(),
        (0, true) => "nothing would change".to_owned(),
        (number, false) if let Some(time) = taken_up_by_watch => {
            let time = humantime::format_rfc3339_seconds(time.0).to_string().replace('T', " ");
            format!("{} taken up by the file watch at {time}{checks}; nothing else changed", count(number, "change"))
        }
        (number, false) => format!("reloaded: {}{checks}", count(number, "change")),
        (number, true) => format!("{} would be made{checks}; nothing was touched", count(number, "change")),
    };
    text.push_str(&format!("{}\n", screen.mark(Mood::Strong, &what)));
    if !restart_needed.is_empty() {
        let keys = restart_needed.join(", ");
        let note = format!("not yet in force, since it is read at start only: {keys}; `systemctl restart pharos`");
        text.push_str(&format!("{}\n", screen.mark(Mood::Odd, &note)));
    }
    text
}

/// `~ endpoint app.example.com/app/us-east`, and its keys before and after.
fn one(screen: Screen, change: &Change) -> String {
    let Change { how, what, name, details } = change;
    let (mark, mood) = match &**how {
        "added" => ("+", Mood::Good),
        "removed" => ("-", Mood::Bad),
        _ => ("~", Mood::Odd),
    };
    let mut text = format!("{}\n", screen.mark(mood, &format!("{mark} {what} {name}")));
    for detail in details {
        let shown = match (&detail.before, &detail.after) {
            (Some(before), Some(after)) => format!("{before} -> {after}"),
            (None, Some(after)) => format!("{after} (was not set)"),
            (Some(before), None) => format!("not set (was {before})"),
            (None, None) => "changed".to_owned(),
        };
        text.push_str(&format!("    {}: {shown}\n", detail.key));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = r#"{"applied":true,"dry_run":false,"changes":[
        {"how":"added","what":"endpoint","name":"app.example.com/app/us-west","details":[]},
        {"how":"removed","what":"zone","name":"old.example.com","details":[]},
        {"how":"changed","what":"pool","name":"app.example.com/app","details":[
            {"key":"ttl","before":"10","after":"30"},{"key":"ttl_suspect","before":null,"after":"5"}]}],
        "checks_started":1,"checks_stopped":2,"restart_needed":["listen.dns"],"warnings":[]}"#;

    #[test]
    fn changes_read_like_a_diff() {
        let reload = serde_json::from_str(REPLY).expect("a reply");
        assert_eq!(
            changes(Screen::plain(), &reload, false),
            "+ endpoint app.example.com/app/us-west\n\
             - zone old.example.com\n\
             ~ pool app.example.com/app\n    ttl: 10 -> 30\n    ttl_suspect: 5 (was not set)\n\
             reloaded: 3 changes, 1 check started, 2 checks stopped\n\
             not yet in force, since it is read at start only: listen.dns; `systemctl restart pharos`\n"
        );
        assert!(changes(Screen::plain(), &reload, true).contains("3 changes would be made, "));
        let early = REPLY.replace("\"warnings\"", "\"taken_up_by_watch\":\"2026-11-21T05:38:19.123Z\",\"warnings\"");
        let text = changes(Screen::plain(), &serde_json::from_str(&early).expect("a reply"), false);
        assert!(
            text.contains("3 changes taken up by the file watch at 2026-11-21 05:38:19Z, 1 check started"),
            "{text}"
        );
    }

    #[test]
    fn force_is_advised_where_it_helps() {
        for code in ["reload-last-healthy", "reload-no-zone-left", "reload-zones-gone"] {
            assert!(hint(code).contains("--force"), "{code}");
        }
        for code in ["reload-superseded", "reload-records-gone", "stopping"] {
            assert!(!hint(code).contains("--force"), "{code}");
        }
    }

    #[test]
    fn diagnostics_keep_their_lines_and_nothing_else() {
        let text = listing(&["error[a]: b\n  --> x:1:1\u{1b}[2J\n".to_owned()], Paint::Off);
        assert_eq!(text, "error[a]: b\n  --> x:1:1\u{fffd}[2J\n\n");
    }
}
