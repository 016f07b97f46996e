//! The node: defaults where the file says nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::drill::lower_drills;
use super::sink::lower_sinks;
use crate::config::spec::{AdminSpec, NODE_NAME_LEN_MAX, NodeSpec};
use crate::config::toml::File;
use crate::model::Region;
use crate::model::node::{AdminAddr, AdminTokens, Node, ZoneSetup};

/// Beside `pharos.toml`.
const ZONES: &str = "zones";
/// Where Linux keeps what changes (FHS 3.0, 5.8).
const STATE: &str = "/var/lib/pharos";
const DNS_PORT: u16 = 53;
const ADMIN_PORT: u16 = 8053;

/// The folder of zone files; none where the key is wrong.
pub(in crate::config) fn lower_zones_folder(spec: &NodeSpec, folder: &Path) -> Option<PathBuf> {
    (!spec.zones.is_wrong()).then(|| spec.zones.unwrap_or(folder.join(ZONES)))
}

/// Lowers the node's settings. What is wrong is reported already, so any value will do for it. `zones` is
/// none where some are broken.
pub(in crate::config) fn lower_node(file: &File, spec: NodeSpec, zones: Option<&[Arc<ZoneSetup>]>) -> Node {
    let NodeSpec {
        zones: _,
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
        defaults: _,
        drills,
    } = spec;
    let AdminSpec { read_token, write_token, hosts } = access;
    let everywhere = || {
        let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        any.map(|ip| SocketAddr::new(ip, DNS_PORT)).to_vec()
    };
    let loopback = || vec![AdminAddr::Tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), ADMIN_PORT))];
    Node {
        name: name.value().cloned().unwrap_or_else(host_name).into(),
        region: region.value().map(|region| Region::new(region)),
        witness: witness.value().map(|all| all.as_slice().into()).unwrap_or_default(),
        drills: lower_drills(file, drills, zones),
        state: state.unwrap_or(STATE.into()),
        dns: dns.value().cloned().unwrap_or_else(everywhere),
        admin: admin.value().cloned().unwrap_or_else(loopback),
        admin_tokens: read_token
            .value()
            .zip(write_token.value())
            .map(|(read, write)| AdminTokens { read: read.clone(), write: write.clone() }),
        admin_hosts: hosts.unwrap_or(Vec::new()),
        udp_threads: udp_threads.unwrap_or(0),
        coalesce: coalesce.unwrap_or(Duration::ZERO),
        udp_gso: udp_gso.unwrap_or(true),
        sinks: lower_sinks(file, sinks, zones),
    }
}

/// The host's name as the kernel has it.
fn host_name() -> String {
    name_of_host(&std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default())
}

/// What of a host's name can be a node's.
fn name_of_host(text: &str) -> String {
    // What is left after the filter has one byte a character.
    let name: String = text.chars().filter(char::is_ascii_graphic).take(NODE_NAME_LEN_MAX).collect();
    if name.is_empty() { "pharos".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_cut_to_a_node_name() {
        assert_eq!(name_of_host("ns1\n"), "ns1");
        assert_eq!(name_of_host(" \n"), "pharos");
        assert_eq!(name_of_host(&format!("é{}é", "n".repeat(64))), "n".repeat(63));
    }
}
