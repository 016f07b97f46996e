//! `zones/NAME.toml` as a whole, and its `[zone]`.

use std::ops::Range;

use super::pool::{PoolSpec, read_pool};
use super::text;
use super::{CheckSpec, read_check};
use crate::config::toml::{Cell, File, Given, Key, Table, parse};
use crate::dns::Name;

/// The steering of a zone.
pub(crate) struct ZoneSpec {
    pub(crate) apex: Option<ApexSpec>,
    /// Each with its header.
    pub(crate) checks: Vec<(Given<String>, Range<usize>, CheckSpec)>,
    pub(crate) pools: Vec<PoolSpec>,
}

/// `[zone]`: what a zone without a master file has at its apex.
pub(crate) struct ApexSpec {
    /// The header.
    pub(crate) at: Range<usize>,
    pub(crate) ns: Key<Vec<Given<Name>>>,
    pub(crate) contact: Key<Name>,
    pub(crate) ttl: Key<u32>,
}

/// Reads the file; None where it is not TOML.
pub(crate) fn read_zone(file: &File, zone: &Name) -> Option<ZoneSpec> {
    let tree = parse(file)?;
    let mut root = Table::new(file, "a zone", 0..0, &tree);
    let apex = root.table("zone", "[zone]").map(|table| read_apex(table, zone));
    let checks = root
        .named("check", "checks")
        .into_iter()
        .map(|(name, table)| {
            label(file, &name, "check");
            (name, table.at.clone(), read_check(table))
        })
        .collect();
    let pools = root
        .named("pool", "pools")
        .into_iter()
        .map(|(name, table)| {
            label(file, &name, "pool");
            read_pool(name, table, zone)
        })
        .collect();
    root.hint("endpoint", "an endpoint stands in its pool: [[pool.NAME.endpoint]]");
    root.hint("defaults", "defaults stand in pharos.toml");
    root.hint("soa", "SOA and NS are made from ns and contact of [zone]");
    root.finish();
    Some(ZoneSpec { apex, checks, pools })
}

fn label(file: &File, name: &Given<String>, kind: &str) {
    if let Some(fault) = text::label_fault(&name.value) {
        file.push(file.error("bad-label", name.at.clone(), format!("{kind} \"{}\" {fault}", name.value)));
    }
}

fn read_apex(mut table: Table<'_>, zone: &Name) -> ApexSpec {
    let spec = ApexSpec {
        at: table.at.clone(),
        ns: table.require("ns", |cell| cell.one_or_more(|cell| text::full_name(cell, zone))),
        contact: table.require("contact", contact),
        ttl: table.take("ttl", |cell| cell.ttl()),
    };
    table.hint("soa", "the SOA is made from ns and contact; a zone file can say it in full");
    table.finish();
    spec
}

/// A mailbox as a name (RFC 1035, 8): its first label is what stands before the `@`.
fn contact(cell: &Cell<'_>) -> Option<Name> {
    let text = cell.full_text()?;
    let name = match text.split_once('@') {
        Some((local, domain)) => {
            let escaped = local.replace('\\', "\\\\").replace('.', "\\.");
            Name::parse(&format!("{escaped}.{domain}"))
        }
        None => Name::parse(text),
    };
    let reason = match name {
        Ok(name) if text.is_ascii() && name.label_count() > 1 && !text.contains(char::is_whitespace) => {
            return Some(name);
        }
        Ok(_) => "it has to be a mailbox".to_owned(),
        Err(fault) => fault.to_string(),
    };
    let fault = cell.error("bad-contact", format!("\"contact\": \"{text}\" cannot be used: {reason}"));
    cell.fail(fault.help("write \"hostmaster@example.com\", or the same as a name: \"hostmaster.example.com\""))
}
