//! One node: what `pharos.toml` says, and all zones with it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Region;
use super::drill::DrillPlan;
use super::pool::Pool;
use super::secret::SecretSource;
use super::sink::Sink;
use super::zone::Records;
use crate::dns::Name;

/// Everything that one load of the files gave.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The node's own settings.
    pub node: Node,
    /// Every zone, sorted by name.
    pub zones: Vec<Arc<ZoneSetup>>,
}

/// A zone and its steering.
#[derive(Debug)]
pub struct ZoneSetup {
    /// Its static records; shared with the load before where neither they nor the steered names changed.
    pub records: Arc<Records>,
    /// Its pools, in the order of the file.
    pub pools: Vec<Pool>,
}

impl ZoneSetup {
    /// The zone's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.records.origin()
    }
}

/// Settings of the node. Listeners and the state folder take effect at start only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `node.name`: NSID, `id.server`, logs. Default: the host's name.
    pub name: Arc<str>,
    /// `node.region`, for logs and the status. Default none.
    pub region: Option<Region>,
    /// `node.witness`: addresses outside that answer TCP, asked when every check of an address family fails.
    /// Default none.
    pub witness: Arc<[SocketAddr]>,
    /// `[drill.NAME]`: drills that begin by the clock, in the order of the file.
    pub drills: Vec<DrillPlan>,
    /// `state`: the folder of what must survive a restart. Default `/var/lib/pharos`.
    pub state: PathBuf,
    /// `listen.dns`: UDP and TCP. Default `0.0.0.0:53` and `[::]:53`.
    pub dns: Vec<SocketAddr>,
    /// `listen.admin`. Default `127.0.0.1:8053`.
    pub admin: Vec<AdminAddr>,
    /// `admin.read_token` and `admin.write_token`; none: who can connect may do everything. Default none.
    pub admin_tokens: Option<AdminTokens>,
    /// `admin.hosts`: names by which the admin API is asked, beside loopback and the addresses it listens
    /// on. Default none.
    pub admin_hosts: Vec<String>,
    /// `listen.udp_threads`: threads per UDP address; 0 is one per core. Default 0.
    pub udp_threads: usize,
    /// `listen.coalesce`: how long a UDP thread rests after few queries, so that the next ones share a
    /// wake-up. Default 0, which is not at all; up to 10 ms.
    pub coalesce: Duration,
    /// `listen.udp_gso`: replies to one socket of a client go to the system as one, which parts them (UDP
    /// generic segmentation offload). Default true.
    pub udp_gso: bool,
    /// `notify`: who is told of events, in the order of the file.
    pub sinks: Vec<Sink>,
}

/// Where the tokens of the admin API are read from, at start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdminTokens {
    /// Of those who may see everything.
    pub read: SecretSource,
    /// Of those who may change things, too.
    pub write: SecretSource,
}

/// Where the admin API listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AdminAddr {
    /// `ADDR:PORT`.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
}
