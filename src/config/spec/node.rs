//! `pharos.toml`.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::admin::AdminSpec;
use super::drill::{DrillSpec, read_drill};
use super::pool::PoolHabits;
use super::sink::{SinkSpec, read_sinks};
use super::text;
use super::{CheckSpec, read_check};
use crate::config::toml::{Cell, File, Given, Key, Table, parse};
use crate::model::node::AdminAddr;

/// The keys of the node.
pub(crate) struct NodeSpec {
    pub(crate) zones: Key<PathBuf>,
    pub(crate) state: Key<PathBuf>,
    pub(crate) name: Key<String>,
    pub(crate) region: Key<String>,
    pub(crate) witness: Key<Vec<SocketAddr>>,
    pub(crate) dns: Key<Vec<SocketAddr>>,
    pub(crate) admin: Key<Vec<AdminAddr>>,
    pub(crate) udp_threads: Key<usize>,
    pub(crate) coalesce: Key<Duration>,
    pub(crate) udp_gso: Key<bool>,
    pub(crate) access: AdminSpec,
    pub(crate) sinks: Vec<SinkSpec>,
    pub(crate) defaults: Defaults,
    pub(crate) drills: Vec<DrillSpec>,
}

/// Of `coalesce`. Beyond it clients would notice, and the receive buffer would fill at high rates.
const COALESCE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(10);

/// `[defaults]`: what zones take over where they say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) check: CheckSpec,
    pub(crate) pool: PoolHabits,
}

impl Defaults {
    /// As zones take them over: without places, which are in another file.
    pub(crate) fn inherit(self) -> Self {
        let Self { check, pool } = self;
        // An empty table that takes over everything.
        Self { check: CheckSpec::default().or(&check), pool: PoolHabits::default().or(&pool) }
    }
}

/// Reads the file; None where it is not TOML.
pub(crate) fn read_node(file: &File) -> Option<NodeSpec> {
    let tree = parse(file)?;
    let mut root = Table::new(file, "pharos.toml", 0..0, &tree);
    let path = |cell: &Cell<'_>| cell.full_text().map(|text| cell.file.resolve(text));
    let (zones, state) = (root.take("zones", path), root.take("state", path));
    let (mut name, mut region, mut witness) = (Key::Absent, Key::Absent, Key::Absent);
    if let Some(mut node) = root.table("node", "[node]") {
        name = node.take("name", node_name);
        region = node.take("region", text::label);
        witness = node.take("witness", witnesses);
        node.finish();
    }
    let access = root.table("admin", "[admin]").map(AdminSpec::read).unwrap_or_default();
    let guarded = access.has_tokens();
    let (mut dns, mut admin) = (Key::Absent, Key::Absent);
    let (mut udp_threads, mut coalesce, mut udp_gso) = (Key::Absent, Key::Absent, Key::Absent);
    if let Some(mut listen) = root.table("listen", "[listen]") {
        dns = listen.take("dns", |cell| distinct(cell, cell.full_list(|cell| socket(cell, 53))?));
        admin = listen.take("admin", |cell| distinct(cell, cell.list(|cell| admin_address(cell, guarded))?));
        udp_threads = listen.take("udp_threads", |cell| cell.integer(&(0..=1024)));
        coalesce = listen.take("coalesce", |cell| cell.duration(&COALESCE));
        udp_gso = listen.take("udp_gso", Cell::boolean);
        listen.not_yet(&["tls", "https", "quic"]);
        listen.hint("udp", "write dns = [\"ADDR:PORT\"], for UDP and TCP");
        listen.hint("tcp", "write dns = [\"ADDR:PORT\"], for UDP and TCP");
        listen.finish();
    }
    let mut defaults = Defaults::default();
    if let Some(mut table) = root.table("defaults", "[defaults]") {
        if let Some(check) = table.table("check", "[defaults.check]") {
            defaults.check = read_check(check);
        }
        if let Some(mut pool) = table.table("pool", "[defaults.pool]") {
            defaults.pool = PoolHabits::read(&mut pool);
            for key in ["names", "check", "endpoint"] {
                pool.hint(key, "each pool says this for itself");
            }
            pool.finish();
        }
        table.finish();
    }
    let drills = root.named("drill", "drills").into_iter().map(|(name, table)| read_drill(name, table)).collect();
    let sinks = read_sinks(&mut root);
    root.not_yet(&["tls", "rate_limit", "cluster"]);
    for key in ["check", "pool"] {
        root.hint(key, "this stands in zones/NAME.toml");
    }
    root.finish();
    Some(NodeSpec {
        zones,
        state,
        name,
        region,
        witness,
        dns,
        admin,
        udp_threads,
        coalesce,
        udp_gso,
        sinks,
        access,
        defaults,
        drills,
    })
}

/// The longest name of a node, in bytes. It is sent as NSID with every answer that asks for it, beside an
/// RRset that may fill a message, and as one string of a TXT record (at most 255).
pub(crate) const NODE_NAME_LEN_MAX: usize = 63;

/// Visible ASCII: it is answered for `id.server`, and as NSID.
fn node_name(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    if text.len() <= NODE_NAME_LEN_MAX && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(text.to_owned());
    }
    let message = format!("\"name\" is not 1 to {NODE_NAME_LEN_MAX} visible ASCII characters");
    cell.fail(cell.error("bad-label", message))
}

/// Witnesses of one node: a few are enough, and all of them are asked at once.
const WITNESSES_MAX: usize = 16;

fn witnesses(cell: &Cell<'_>) -> Option<Vec<SocketAddr>> {
    let list = distinct(cell, cell.list(|cell| socket(cell, 53))?)?;
    if list.len() > WITNESSES_MAX {
        let message = format!("\"{}\" names {} witnesses", cell.key, list.len());
        return cell.fail(cell.error("out-of-range", message).label(format!("at most {WITNESSES_MAX}")));
    }
    Some(list)
}

pub(super) fn socket(cell: &Cell<'_>, usual: u16) -> Option<SocketAddr> {
    let text = cell.full_text()?;
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let fault = cell.error("bad-listen", format!("\"{}\": \"{text}\" is not ADDR:PORT", cell.key));
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let written = match bare.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, usual)),
        Err(_) => match text.rsplit_once(':') {
            Some(("" | "*", port)) => port.parse().ok().map(|port| SocketAddr::new(IpAddr::from([0; 4]), port)),
            Some((ip, port)) => {
                ip.parse::<IpAddr>().ok().zip(port.parse().ok()).map(|(ip, port)| SocketAddr::new(ip, port))
            }
            None => None,
        },
    };
    cell.fail(match written {
        Some(address) => fault.label(format!("did you mean \"{address}\"?")),
        None => fault.help("write an IP address and a port: \"192.0.2.53:53\", \"[2001:db8::53]:53\""),
    })
}

fn admin_address(cell: &Cell<'_>, guarded: bool) -> Option<AdminAddr> {
    let text = cell.full_text()?;
    if let Some(path) = text.strip_prefix("unix:") {
        if path.is_empty() {
            return cell.fail(cell.error("bad-listen", "\"admin\": \"unix:\" has no path"));
        }
        return Some(AdminAddr::Unix(cell.file.resolve(path)));
    }
    let address = socket(cell, 8053)?;
    if !address.ip().is_loopback() && !guarded {
        let message = format!("\"admin\": {address} is not on loopback, and there are no tokens");
        let fault = cell.error("admin-open", message).label("anybody could change the answers");
        let fault =
            fault.help("write read_token and write_token into [admin]: { file = \"PATH\" } or { env = \"NAME\" }");
        return cell.fail(fault.help("or listen on \"127.0.0.1:8053\" or \"unix:/run/pharos/admin.sock\""));
    }
    Some(AdminAddr::Tcp(address))
}

pub(super) fn distinct<T: Hash + Eq + Clone>(cell: &Cell<'_>, list: Vec<Given<T>>) -> Option<Vec<T>> {
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(list.len());
    for given in &list {
        if seen.insert(&given.value) {
            kept.push(given.value.clone());
        } else {
            let message = format!("\"{}\" has the same address twice", cell.key);
            cell.file.push(cell.file.error("listen-duplicate", given.at.clone(), message).label("again"));
        }
    }
    (kept.len() == list.len()).then_some(kept)
}
