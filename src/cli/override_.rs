//! `pharos override TARGET up|down|drain|clear`.

use std::time::Duration;

use clap::ValueEnum;
use http::{Method, StatusCode};
use serde::Serialize;

use super::author::{self, AuthorArg, Signed};
use super::client::{Client, Fault, NodeArgs};
use super::length::{length, millis};
use super::shape::{Cleared, Scope, Status};
use super::target::Known;
use super::view::{self, Screen};
use super::{Exit, complain, ended, print};

const EXAMPLES: &str = "\
For example:
  pharos override app/us-east down --for 2h --reason \"deploy 4711\"
  pharos override region:us-east drain --reason maintenance
  pharos override app/us-east clear";

/// Rule over the checks: force endpoints up, down or out of the answers
///
/// `down` holds even when everything else is down. `drain` takes it out of the answers too, and counts it as
/// healthy, so that its region is not given up. An override survives a restart of the node.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// POOL/ENDPOINT (app.example.com/app/us-east; app/us-east or us-east where that is unique),
    /// region:REGION, or pool:POOL
    target: String,
    /// What holds from now on
    force: Force,
    /// Until it ends by itself: 30m, 2h, 1d; by default never
    #[arg(long = "for", value_name = "TIME", value_parser = length)]
    lasting: Option<Duration>,
    /// Why; everybody who looks at the node sees it
    #[arg(long, value_name = "TEXT", value_parser = author::reason)]
    #[arg(required_if_eq_any([("force", "up"), ("force", "down"), ("force", "drain")]))]
    reason: Option<String>,
    #[command(flatten)]
    author: AuthorArg,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Force {
    /// Healthy, whatever the checks say
    Up,
    /// Never answered
    Down,
    /// Not answered, and counted healthy
    Drain,
    /// As the checks say again
    Clear,
}

#[derive(Serialize)]
struct Order<'a> {
    scope: &'a Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    force: Option<Force>,
    /// A field of those that set, where null is for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ms: Option<Option<u64>>,
    #[serde(flatten)]
    signed: Signed,
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(order(args))
}

fn order(args: &Args) -> Result<Exit, Fault> {
    let is_clear = args.force == Force::Clear;
    if is_clear && args.lasting.is_some() {
        return Err(Fault::Usage("--for says how long an override lasts, so it does not go with clear".into()));
    }
    let client = Client::new(&args.node)?;
    let before: Status = client.get("/v1/status")?.parse()?;
    let scope = match Known::of(&before).scope(&args.target) {
        // What it was set for may have left the configuration since.
        Err(fault) if is_clear => in_force(&before, &args.target).ok_or(fault)?,
        found => found?,
    };
    let order = Order {
        scope: &scope,
        force: Some(args.force).filter(|_| !is_clear),
        for_ms: (!is_clear).then(|| args.lasting.map(millis)),
        signed: args.author.sign(args.reason.as_deref().unwrap_or("cleared by command")),
    };
    let method = if is_clear { Method::DELETE } else { Method::PUT };
    let reply = client.write(method, "/v1/overrides", &order)?;
    if args.node.json {
        let printed = print(&reply.raw());
        return reply.good().map(|_| printed);
    }
    if is_clear && reply.status == StatusCode::NOT_FOUND {
        return Err(not_set(&reply.refusal(), &before));
    }
    let Cleared { order, saved } = reply.good()?.parse()?;
    let after: Status = client.get("/v1/status")?.parse()?;
    let mut text = if is_clear {
        format!("{} is as its checks say again (it was {} by {})\n", order.scope, view::forced(&order), order.author)
    } else {
        format!("{}\n", view::order(&order, after.at.0))
    };
    text.push_str(&answers(&after, &scope));
    if !is_clear {
        text.push_str(&format!("to undo it: pharos override {} clear\n", word(&scope)));
    }
    if !saved {
        complain("it is in force, and the node could not write it down: a restart would lose it (is the disk full?)");
    }
    Ok(print(&text))
}

/// An override whose target is this, in full or as it was typed.
fn in_force(status: &Status, text: &str) -> Option<Scope> {
    let targets = status.overrides.iter().filter_map(|order| order.target.as_ref());
    let mut found = targets.filter(|scope| {
        let word = word(scope);
        word == text || word.ends_with(&format!("/{text}"))
    });
    found.next().filter(|_| found.next().is_none()).cloned()
}

/// As it is typed.
fn word(scope: &Scope) -> String {
    match scope {
        Scope::Endpoint(id) => id.clone(),
        Scope::Region(region) => format!("region:{region}"),
        Scope::Pool(id) => format!("pool:{id}"),
    }
}

fn not_set(fault: &Fault, status: &Status) -> Fault {
    let words: Vec<_> = status.overrides.iter().filter_map(|order| Some(word(order.target.as_ref()?))).collect();
    let known =
        if words.is_empty() { "no override is in force".into() } else { format!("in force: {}", words.join(", ")) };
    Fault::Unknown(format!("{fault}\n  {known}"))
}

/// What the pools that it touches answer now.
fn answers(status: &Status, scope: &Scope) -> String {
    let touched = status.pools().filter(|(zone, pool)| match scope {
        Scope::Endpoint(id) => id.rsplit_once('/').is_some_and(|(of, _)| of == zone.id(pool)),
        Scope::Region(region) => pool.endpoints.iter().any(|e| e.region.as_deref() == Some(region)),
        Scope::Pool(id) => *id == zone.id(pool),
    });
    let screen = Screen::stdout();
    touched.map(|(zone, pool)| view::line(screen, &zone.id(pool), pool)).collect()
}
