//! Small nodes: zones, pools and watches made by hand, and a stand-in for the prober.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pharos::control::{self, By, Clear, Handle, Saved, StateFile, Status};
use pharos::dns::{Name, Rtype};
use pharos::health::Scope;
use pharos::model::check::{Ask, Cadence, Pace, Probe, Watch, WatchId};
use pharos::model::node::{Node, Setup, ZoneSetup};
use pharos::model::observation::{Failure, Observation, Phases};
use pharos::model::pool::{Address, AllDown, DualStack, Endpoint, Failback, FailbackMode, Filter, Pool, PoolId};
use pharos::model::zone::{Place, Records, ZoneBuilder};
use pharos::model::{CheckName, EndpointName, PoolName, Region};
use pharos::policy::Steering;

pub(crate) const CADENCE: Cadence =
    Cadence { interval: Duration::from_secs(10), fall: 3, rise: 2, recheck: Duration::from_secs(1) };

/// An order to take an override back.
pub(crate) fn clear(scope: Scope) -> Clear {
    let By { author, reason } = me();
    Clear { scope, reason, author }
}

/// Who does something in these tests.
pub(crate) fn me() -> By {
    By { author: "ann".into(), reason: "done".into() }
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn zone(origin: &str) -> Arc<Records> {
    zone_of(origin, 60)
}

/// A zone whose records have this TTL.
pub(crate) fn zone_of(origin: &str, ttl: u32) -> Arc<Records> {
    let mut zone = ZoneBuilder::new(name(origin));
    let host = name("ns.example");
    let mut soa = [host.as_wire(), host.as_wire()].concat();
    soa.extend([0; 20]);
    zone.push(name(origin).as_wire(), Rtype::SOA, ttl, &soa, Place::default()).unwrap();
    zone.push(name(origin).as_wire(), Rtype::NS, ttl, host.as_wire(), Place::default()).unwrap();
    Arc::new(Records::new(zone.finish().unwrap().0))
}

/// A check of `127.0.0.1:PORT`.
pub(crate) fn watch(port: u16, cadence: Cadence) -> Arc<Watch> {
    let probe = Probe { target: ([127, 0, 0, 1], port).into(), timeout: Duration::from_secs(3), ask: Ask::Tcp };
    Arc::new(Watch { check: CheckName::new("web"), probe, cadence })
}

/// An endpoint of one address, 192.0.2.PORT, checked at that port.
pub(crate) fn endpoint(name: &str, port: u16, priority: u32) -> Endpoint {
    Endpoint {
        name: EndpointName::new(name),
        region: Some(Region::new(name)),
        addresses: vec![Address { ip: ip(port), watch: Some(watch(port, CADENCE)) }],
        priority,
        weight: 100,
    }
}

pub(crate) fn ip(port: u16) -> IpAddr {
    IpAddr::from([192, 0, 2, u8::try_from(port).unwrap()])
}

/// Steers `www` of its zone, by priority.
pub(crate) fn pool(endpoints: Vec<Endpoint>) -> Pool {
    Pool {
        name: PoolName::new("app"),
        names: vec![name("www.example")],
        policy: vec![Filter::Priority],
        ttl: 30,
        ttl_suspect: Some(5),
        answers: 1,
        all_down: AllDown::LastGood,
        failback: Failback { mode: FailbackMode::Auto, hold: Duration::ZERO },
        min_healthy: 1,
        dual_stack: DualStack::Apart,
        endpoints,
    }
}

/// The zone `example` with these pools.
pub(crate) fn setup(pools: Vec<Pool>) -> Setup {
    let node = Node {
        admin_tokens: None,
        admin_hosts: Vec::new(),
        name: "ns1".into(),
        region: None,
        drills: vec![],
        state: PathBuf::from("/nowhere"),
        dns: vec![],
        admin: vec![],
        udp_threads: 0,
        coalesce: Duration::ZERO,
        udp_gso: true,
        sinks: Vec::new(),
        witness: std::sync::Arc::new([]),
    };
    Setup { node, zones: vec![Arc::new(ZoneSetup { records: zone("example"), pools })] }
}

pub(crate) fn app() -> PoolId {
    PoolId { zone: name("example"), pool: PoolName::new("app") }
}

pub(crate) fn seen(passed: bool) -> Observation {
    Observation {
        began: SystemTime::now(),
        phases: Phases::default(),
        status: None,
        result: if passed { Ok(()) } else { Err(Failure::Status { got: 503, expected: vec![(200, 299)] }) },
    }
}

/// A node, and the state of the endpoints it probes, by port.
pub(crate) struct Node1 {
    pub(crate) handle: Handle,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

impl Node1 {
    pub(crate) async fn start(setup: Setup) -> Self {
        let (handle, task) = control::start(setup, None, Saved::default()).await.unwrap();
        Self { handle, task }
    }

    pub(crate) async fn start_in(setup: Setup, folder: &std::path::Path) -> Self {
        let (file, saved) = StateFile::open(folder).unwrap();
        let (handle, task) = control::start(setup, Some(file), saved).await.unwrap();
        Self { handle, task }
    }

    pub(crate) async fn stop(self) {
        self.handle.stop().await;
        self.task.await.unwrap();
    }

    pub(crate) fn ids(&self) -> BTreeMap<u16, WatchId> {
        self.handle.watches().borrow().iter().map(|(id, watch)| (watch.probe.target.port(), *id)).collect()
    }

    pub(crate) async fn report(&self, port: u16, passed: bool) -> Pace {
        let id = self.ids()[&port];
        self.handle.report(vec![(id, seen(passed))]).await[0]
    }

    pub(crate) async fn fail(&self, port: u16, times: usize) {
        for _ in 0..times {
            self.report(port, false).await;
        }
    }

    pub(crate) async fn pass(&self, port: u16, times: usize) {
        for _ in 0..times {
            self.report(port, true).await;
        }
    }

    /// Reports a success of each port, which makes a new node ready.
    pub(crate) async fn all_up(&self) -> &Self {
        for port in self.ids().into_keys() {
            self.report(port, true).await;
        }
        self
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.handle.ready().borrow()
    }

    pub(crate) async fn status(&self) -> Arc<Status> {
        self.handle.status().await.unwrap()
    }

    /// What A of the first pool is answered with, as queries see it.
    pub(crate) fn answer(&self) -> Vec<IpAddr> {
        self.steering(|steering| steering.addresses().collect())
    }

    pub(crate) fn ttl(&self) -> Option<u32> {
        self.steering(Steering::ttl)
    }

    fn steering<T>(&self, look: impl FnOnce(&Steering) -> T) -> T {
        let snapshot = self.handle.store().current();
        look(&snapshot.zone(&name("example")).unwrap().pools[0].steered.a)
    }
}
