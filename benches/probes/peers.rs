//! The programs that are measured: started with as many checks as asked for, and looked at from outside.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::endpoints::{Endpoints, address};
use crate::support::folder::{Folder, ZONE};
use crate::support::node::Node;

/// Whose checks are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    Pharos,
    Gdnsd,
    Haproxy,
}

/// A running one; it ends when dropped.
pub(crate) enum Running {
    Pharos { node: Box<Node>, _folder: Folder },
    Peer { child: Child, _dir: TempDir },
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pharos => "pharos",
            Self::Gdnsd => "gdnsd",
            Self::Haproxy => "haproxy",
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        self == Self::Pharos || find(self.name()).is_some()
    }

    /// Starts it with checks of the first `count` endpoints.
    pub(crate) fn start(self, endpoints: &Endpoints, count: u32, interval: Duration) -> Running {
        match self {
            Self::Pharos => {
                let (node, folder) = pharos(endpoints, count, interval);
                Running::Pharos { node: Box::new(node), _folder: folder }
            }
            Self::Gdnsd => gdnsd(endpoints.port, count, interval),
            Self::Haproxy => haproxy(endpoints.port, count, interval),
        }
    }
}

impl Running {
    fn pid(&self) -> Pid {
        let id = match self {
            Self::Pharos { node, .. } => node.pid(),
            Self::Peer { child, .. } => child.id(),
        };
        Pid::from_raw(id.cast_signed())
    }

    /// Processor time of all its threads, those that have ended included.
    pub(crate) fn processor_time(&self) -> Duration {
        ClockId::pid_cpu_clock_id(self.pid()).unwrap().now().unwrap().into()
    }

    /// Its share of memory (PSS), in KiB.
    pub(crate) fn memory_kib(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Peer { child, .. } = self {
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

/// A node that listens and checks, two endpoints to a pool; its pools are `p0`, `p1`, ...
pub(crate) fn pharos(endpoints: &Endpoints, count: u32, interval: Duration) -> (Node, Folder) {
    let mut text =
        format!("[check.web]\ntype = \"http\"\nport = {}\ninterval = \"{}s\"\n", endpoints.port, interval.as_secs());
    for pool in 0..count / 2 {
        write!(
            text,
            "[pool.p{pool}]\nnames = [\"p{pool}\"]\ncheck = \"web\"\n\
             policy = [\"priority\"]\nttl = 5\n"
        )
        .unwrap();
        for (name, index) in [("one", pool * 2), ("two", pool * 2 + 1)] {
            let (address, priority) = (address(index), index % 2 + 1);
            write!(
                text,
                "[[pool.p{pool}.endpoint]]\nname = \"{name}\"\naddress = [\"{address}\"]\npriority = {priority}\n"
            )
            .unwrap();
        }
    }
    let folder = Folder::steered(&text);
    let node = Node::begin(&folder);
    (node, folder)
}

fn gdnsd(port: u16, count: u32, interval: Duration) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mut resources = String::new();
    let mut zone = String::from("@ SOA ns1 hostmaster 1 7200 30M 3D 60\n@ NS ns1\nns1 A 192.0.2.1\n");
    for pool in 0..count / 2 {
        let (one, two) = (address(pool * 2), address(pool * 2 + 1));
        writeln!(resources, "p{pool} => {{ service_types => web, primary => {one}, secondary => {two} }}").unwrap();
        writeln!(zone, "p{pool} 5 DYNA simplefo!p{pool}").unwrap();
    }
    let config = format!(
        "options => {{ listen => 127.0.0.1, dns_port => {dns}, udp_threads => 1, tcp_threads => 1,\n\
         run_dir => {run:?}, state_dir => {state:?} }}\n\
         service_types => {{ web => {{ plugin => http_status, port => {port}, interval => {interval}, timeout => 3,\n\
         vhost => {ZONE}, up_thresh => 2, ok_thresh => 1, down_thresh => 3 }} }}\n\
         plugins => {{ simplefo => {{\n{resources}}} }}\n",
        dns = free_port(),
        run = path("run"),
        state = path("state"),
        interval = interval.as_secs(),
    );
    std::fs::create_dir(path("zones")).unwrap();
    std::fs::write(path("config"), config).unwrap();
    std::fs::write(path("zones").join(ZONE), zone).unwrap();
    spawn(Command::new("gdnsd").arg("-c").arg(dir.path()).arg("start"), dir)
}

fn haproxy(port: u16, count: u32, interval: Duration) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let mut config = format!(
        "global\n nbthread 1\n spread-checks 5\ndefaults\n mode http\n timeout connect 3s\n timeout client 3s\n\
         timeout server 3s\n timeout check 3s\nfrontend front\n bind unix@{front}\n default_backend back\n\
         backend back\n option httpchk\n http-check send meth GET uri / ver HTTP/1.1 hdr Host {ZONE} \
         hdr Connection close\n default-server check inter {interval}s fall 3 rise 2\n",
        front = dir.path().join("front").display(),
        interval = interval.as_secs(),
    );
    for index in 0..count {
        writeln!(config, " server s{index} {}:{port}", address(index)).unwrap();
    }
    let path = dir.path().join("haproxy.cfg");
    std::fs::write(&path, config).unwrap();
    spawn(Command::new("haproxy").arg("-db").arg("-f").arg(path), dir)
}

fn spawn(command: &mut Command, dir: TempDir) -> Running {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Running::Peer { child: command.spawn().unwrap(), _dir: dir }
}

/// A program in PATH.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
