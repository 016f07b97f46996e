//! `pharos explain NAME [TYPE]`.

use std::net::IpAddr;
use std::time::SystemTime;

use super::client::{Client, Fault, NodeArgs, escaped};
use super::paint::Mood;
use super::shape::{Asker, Explain, Found, Kept, Step};
use super::view::{self, Screen};
use super::{Exit, ended, print};
use crate::dns::{Name, Rtype};

/// Bytes in a line of the message on the wire.
const WIRE_LINE_BYTES: usize = 16;

const EXAMPLES: &str = "\
For example:
  pharos explain www.app.example.com AAAA --client 203.0.113.0/24";

/// Show each step from a question to its answer
///
/// The steps are those of the decision itself: who stayed and who left at each rule, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name that is asked for; the last dot may be left out
    #[arg(value_parser = name)]
    name: Name,
    /// The type that is asked for: A, AAAA, MX, TYPE65
    #[arg(value_name = "TYPE", default_value = "A", value_parser = rtype)]
    rtype: Rtype,
    /// Who asks: an address, or the network of EDNS Client Subnet
    #[arg(long, value_name = "IP[/PREFIX]", value_parser = client)]
    client: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|fault| format!("{fault}; write a name such as www.app.example.com"))
}

fn rtype(text: &str) -> Result<Rtype, String> {
    text.parse().map_err(|()| "no such type; write A, AAAA, MX, or TYPE65 for others".to_owned())
}

fn client(text: &str) -> Result<String, String> {
    const HOW: &str = "write an address, as 203.0.113.7, or a network, as 203.0.113.0/24 or 2001:db8::/56";
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().map_err(|_| HOW.to_owned())?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    match prefix.map(str::parse::<u8>) {
        Some(Err(_)) => Err(HOW.to_owned()),
        Some(Ok(prefix)) if prefix > most => Err(format!("a prefix of this family is at most {most}; {HOW}")),
        _ => Ok(text.to_owned()),
    }
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(explain(args))
}

fn explain(args: &Args) -> Result<Exit, Fault> {
    let api = Client::new(&args.node)?;
    let mut path = format!("/v1/explain?name={}&type={}", escaped(&args.name.to_string()), args.rtype);
    if let Some(client) = &args.client {
        path.push_str(&format!("&client={}", escaped(client)));
    }
    let reply = api.get(&path)?;
    if args.node.json {
        return Ok(print(&reply.raw()));
    }
    Ok(print(&story(Screen::stdout(), &reply.parse()?, SystemTime::now())))
}

/// All of it, the answer to "why" first.
fn story(screen: Screen, explain: &Explain, now: SystemTime) -> String {
    let Explain { question, zone, node, pool, steps, endpoints, client, answer, summary } = explain;
    let mut text = format!("{}\n\n", screen.mark(Mood::Strong, summary));
    let mut row = |key: &str, value: &str| {
        text.push_str(&format!("{} {value}\n", screen.mark(Mood::Faint, &format!("{key:<9}"))))
    };
    row("question", &format!("{} {}", question.name, question.rtype));
    row("client", &client.as_ref().map_or_else(|| "does not matter".to_owned(), asker));
    row("zone", zone.as_deref().unwrap_or("none: this node has no zone of that name"));
    if let Some(node) = node {
        row("node", &found(node));
    }
    if let Some(pool) = pool {
        let policy = if pool.policy.is_empty() { "all healthy".to_owned() } else { pool.policy.join(", ") };
        row("pool", &format!("{} (policy: {policy})", pool.id));
        row("mode", &format!("{}{}", pool.mode, pool.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()));
    }
    if !steps.is_empty() {
        text.push_str(&format!("\n{}\n", screen.mark(Mood::Faint, "steps")));
        for (number, one) in steps.iter().enumerate() {
            text.push_str(&step(screen, number + 1, one, number + 1 == steps.len()));
        }
    }
    if !endpoints.is_empty() {
        let id = pool.as_ref().map_or("", |pool| &*pool.id);
        text.push_str(&format!("\n{}", view::endpoints(screen, id, endpoints, now)));
    }
    let flags = if answer.flags.is_empty() { String::new() } else { format!(", flags {}", answer.flags.join(" ")) };
    let ttl = answer.ttl.map(|ttl| format!(", TTL {ttl} s")).unwrap_or_default();
    let head = format!("{}{flags}{ttl}, {} bytes", answer.rcode, answer.bytes);
    text.push_str(&format!("\n{} {head}\n", screen.mark(Mood::Faint, "answer   ")));
    for record in &answer.records {
        text.push_str(&format!("  {}\n", screen.mark(Mood::Strong, record)));
    }
    for record in &answer.authority {
        text.push_str(&format!("  {record} (authority)\n"));
    }
    if !answer.wire.is_empty() {
        text.push_str(&format!("\n{}\n{}", screen.mark(Mood::Faint, "on the wire"), wire(&answer.wire)));
    }
    text
}

/// `203.0.113.0 (given), used by sticky`
fn asker(client: &Asker) -> String {
    let Asker { address, source, used_by } = client;
    let mut text = address.as_deref().unwrap_or("unknown").to_owned();
    match source.as_deref() {
        Some("default") => text.push_str(" (assumed; another: --client)"),
        Some(source) => text.push_str(&format!(" ({source})")),
        None => {}
    }
    match &used_by[..] {
        [] => text.push_str(", which does not matter here"),
        used => text.push_str(&format!(", used by {}", used.join(", "))),
    }
    text
}

/// `app.example.com. exists, with SOA, NS; steered by app.example.com/app`
fn found(node: &Found) -> String {
    let Found { found, name, types, steered_by } = node;
    let name = name.as_deref().unwrap_or("the name");
    let mut text = match &**found {
        "exact" => format!("{name} exists"),
        "wildcard" => format!("the wildcard {name} stands for it"),
        "empty-non-terminal" => format!("{name} exists only because there is something below it"),
        "none" => "no such name".to_owned(),
        "cut" => format!("delegated at {name}"),
        "alias" => format!("{name} is an alias"),
        "out-of-zone" => "outside of every zone of this node".to_owned(),
        other => format!("{name}: {other}"),
    };
    if !types.is_empty() {
        text.push_str(&format!(", with {}", types.join(", ")));
    }
    if let Some(pool) = steered_by {
        text.push_str(&format!("; steered by {pool}"));
    }
    text
}

/// One rule; who stays is told where it made a difference, and at the end.
fn step(screen: Screen, number: usize, step: &Step, is_last: bool) -> String {
    let Step { stage, text, kept, dropped } = step;
    // The text may begin with the name of the stage itself.
    let text = text.strip_prefix(&format!("{stage}: ")).unwrap_or(text);
    let mut all = format!("  {number}. {}: {text}\n", screen.mark(Mood::Strong, stage));
    if dropped.is_empty() && !is_last && kept.iter().all(|kept| kept.share.is_none()) {
        return all;
    }
    let stays: Vec<_> = kept.iter().map(stays).collect();
    let stays = if stays.is_empty() { "nobody".to_owned() } else { stays.join(", ") };
    all.push_str(&format!("     {} {stays}\n", screen.mark(Mood::Good, "stays ")));
    for left in dropped {
        let leaves = screen.mark(Mood::Odd, "leaves");
        all.push_str(&format!("     {leaves} {} ({}): {}\n", left.endpoint, left.address, left.text));
    }
    all
}

/// `us-east (192.0.2.10) 50 %`
fn stays(kept: &Kept) -> String {
    let share = kept.share.map(|share| format!(" {:.3}", share * 100.0));
    // 33.333 has its digits, 50.000 needs none.
    let share = share.map(|text| format!("{} %", text.trim_end_matches('0').trim_end_matches('.')));
    format!("{} ({}){}", kept.endpoint, kept.address, share.unwrap_or_default())
}

/// Hexadecimal with the place of each line, and what of it is text.
fn wire(hex: &str) -> String {
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let lines = bytes.chunks(WIRE_LINE_BYTES).enumerate().map(|(number, line)| {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = line.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
        format!(
            "  {:04x}  {:<width$}  {text}\n",
            number * WIRE_LINE_BYTES,
            hex.join(" "),
            width = WIRE_LINE_BYTES * 3 - 1
        )
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/explain.json"));
    const SHOWN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/explain.txt"));

    #[test]
    fn a_decision_reads_as_a_story() {
        let explain = serde_json::from_str(REPLY).expect("a reply");
        let now = humantime::parse_rfc3339("2026-11-21T05:38:19Z").expect("a time");
        let text = story(Screen::plain(), &explain, now);
        assert_eq!(text, SHOWN, "it says\n{text}");
    }

    #[test]
    fn clients_are_addresses_or_networks() {
        for good in ["203.0.113.7", "203.0.113.0/24", "2001:db8::/56", "::1"] {
            assert_eq!(client(good).as_deref(), Ok(good));
        }
        for bad in ["", "me", "203.0.113.0/33", "203.0.113.0/", "2001:db8::/129", "1.2.3.4/24/5"] {
            assert!(client(bad).is_err(), "{bad}");
        }
    }
}
