//! `[admin]` of `pharos.toml`: who may use the admin API.

use std::net::IpAddr;

use super::is_host_name;
use crate::config::secret::secret;
use crate::config::toml::{Cell, Key, Table};
use crate::model::secret::SecretSource;

/// The keys of `[admin]`.
#[derive(Default)]
pub(crate) struct AdminSpec {
    pub(crate) read_token: Key<SecretSource>,
    pub(crate) write_token: Key<SecretSource>,
    pub(crate) hosts: Key<Vec<String>>,
}

/// Names that a node is asked by; each request is compared with all of them.
const HOSTS_MAX: usize = 64;

impl AdminSpec {
    /// Reads the table.
    pub(crate) fn read(mut table: Table<'_>) -> Self {
        let read_token = table.take("read_token", secret);
        let write_token = table.take("write_token", secret);
        let hosts = table.take("hosts", |cell| {
            let hosts: Vec<String> = cell.list(host)?.into_iter().map(|given| given.value).collect();
            if hosts.len() <= HOSTS_MAX {
                return Some(hosts);
            }
            cell.fail(cell.error("out-of-range", format!("\"hosts\" has more than {HOSTS_MAX} names")))
        });
        for (own, given, other, missing) in [
            ("read_token", &read_token, "write_token", &write_token),
            ("write_token", &write_token, "read_token", &read_token),
        ] {
            if let (Some(at), true) = (given.at(), missing.is_absent()) {
                let message = format!("[admin] has \"{own}\" and no \"{other}\"");
                let fault = table.file.error("token-alone", at, message).label(format!("needs \"{other}\", too"));
                table
                    .file
                    .push(fault.help("write both, or none: without them everybody on loopback may do everything"));
            }
        }
        table.finish();
        Self { read_token, write_token, hosts }
    }

    /// Whether both tokens stand there; one that is wrong is reported already.
    pub(crate) fn has_tokens(&self) -> bool {
        !self.read_token.is_absent() && !self.write_token.is_absent()
    }
}

/// A name or address without a port, as the `Host` of a request has it.
fn host(cell: &Cell<'_>) -> Option<String> {
    let text = cell.full_text()?;
    let name = text.trim_end_matches('.');
    if is_host_name(name) || text.parse::<IpAddr>().is_ok() {
        return Some(name.to_owned());
    }
    let fault = cell.error("bad-host", format!("\"hosts\": \"{text}\" is not the name of a host"));
    cell.fail(fault.help("write names as they stand in a URL, without scheme and port: \"ns1.example.com\""))
}
