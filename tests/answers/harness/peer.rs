//! Name servers that are installed on this machine, started on a free port of 127.0.0.1.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::harness::{self, Client};

/// A zone's name without the final dot, and its file.
type ZoneFile = (String, PathBuf);

/// How to start one of them.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    program: &'static str,
    /// Zones that it does not load.
    without: &'static [&'static str],
    /// Writes its files into a folder and returns its arguments.
    configure: fn(&Path, u16, &[ZoneFile]) -> Vec<String>,
}

/// The four that the case files speak of. BIND refuses NS at a wildcard.
pub(crate) const KINDS: [Kind; 4] = [
    Kind { name: "nsd", program: "nsd", without: &[], configure: nsd },
    Kind { name: "knot", program: "knotd", without: &[], configure: knot },
    Kind { name: "bind", program: "named", without: &["wns.test"], configure: bind },
    Kind { name: "pdns", program: "pdns_server", without: &[], configure: pdns },
];

/// How often a start is tried.
const STARTS_MAX: usize = 3;

/// A running one. Stopped on drop.
pub(crate) struct Peer {
    pub(crate) client: Client,
    child: Child,
    folder: tempfile::TempDir,
}

/// Every zone: its name without the final dot, and its file.
fn zones() -> Vec<ZoneFile> {
    let mut found: Vec<_> = std::fs::read_dir(harness::folder().join("zones"))
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let stem = path.file_name()?.to_str()?.strip_suffix(".zone")?.replace("%2F", "/");
            Some((stem, path))
        })
        .collect();
    found.sort();
    found
}

impl Kind {
    /// The program, if it is installed.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
        folders.map(|folder| folder.join(self.program)).find(|program| program.is_file())
    }
}

impl Peer {
    /// Starts, and waits until every zone is answered for. Tries other ports where it does not get
    /// there: between the search for a free one and the start, someone else may have taken it.
    pub(crate) fn start(kind: &Kind, program: &Path) -> Self {
        let mut said = String::new();
        for _ in 0..STARTS_MAX {
            match Self::try_start(kind, program) {
                Ok(peer) => return peer,
                Err(log) => said = log,
            }
        }
        panic!("{} does not serve its zones:\n{said}", kind.name);
    }

    /// Its log, where it does not come up.
    fn try_start(kind: &Kind, program: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        // Under plain names: some servers expand a per cent sign.
        let zones: Vec<_> = zones()
            .into_iter()
            .filter(|(origin, _)| !kind.without.contains(&origin.as_str()))
            .enumerate()
            .map(|(n, (origin, path))| {
                let copy = folder.path().join(format!("zone{n}"));
                std::fs::copy(path, &copy).unwrap();
                (origin, copy)
            })
            .collect();
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("out")).unwrap();
        let child = Command::new(program)
            .args((kind.configure)(folder.path(), port, &zones))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let client = Client::new(SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(5));
        let mut peer = Self { client, child, folder };
        for (origin, _) in &zones {
            let mut tries = 0;
            while !peer.client.serves(origin) {
                tries += 1;
                if tries > 200 || peer.child.try_wait().unwrap().is_some() {
                    return Err(std::fs::read_to_string(peer.folder.path().join("out")).unwrap_or_default());
                }
                std::thread::park_timeout(Duration::from_millis(50));
            }
        }
        Ok(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        // Not killed: NSD's children end when it does so in order.
        _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn put(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn for_each_zone(zones: &[ZoneFile], line: impl Fn(&str, &str) -> String) -> String {
    zones.iter().fold(String::new(), |text, (origin, path)| text + &line(origin, path.to_str().unwrap()))
}

fn nsd(folder: &Path, port: u16, zones: &[ZoneFile]) -> Vec<String> {
    let dir = folder.display();
    let mut text = format!(
        "server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: \"\"\n  database: \"\"\n  \
         zonesdir: \"{dir}\"\n  pidfile: \"{dir}/pid\"\n  xfrdfile: \"{dir}/xfrd\"\n  zonelistfile: \"{dir}/list\"\n  \
         xfrdir: \"{dir}\"\n  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n  identity: ns1\n  nsid: ascii_ns1\n\
         remote-control:\n  control-enable: no\n"
    );
    text += &for_each_zone(zones, |origin, path| format!("zone:\n  name: \"{origin}\"\n  zonefile: \"{path}\"\n"));
    vec!["-d".into(), "-c".into(), put(folder, "nsd.conf", &text)]
}

fn knot(folder: &Path, port: u16, zones: &[ZoneFile]) -> Vec<String> {
    let dir = folder.display();
    let mut text = format!(
        "server:\n  rundir: \"{dir}\"\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
         background-workers: 1\n  identity: ns1\n  nsid: ns1\nlog:\n  - target: stderr\n    any: notice\n\
         database:\n  storage: \"{dir}\"\ntemplate:\n  - id: default\n    zonefile-sync: -1\n    \
         zonefile-load: whole\n    journal-content: none\n    semantic-checks: off\nzone:\n"
    );
    text += &for_each_zone(zones, |origin, path| format!("  - domain: \"{origin}\"\n    file: \"{path}\"\n"));
    vec!["-c".into(), put(folder, "knot.conf", &text)]
}

fn bind(folder: &Path, port: u16, zones: &[ZoneFile]) -> Vec<String> {
    let dir = folder.display();
    let mut text = format!(
        "options {{ directory \"{dir}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion no; dnssec-validation no; notify no; querylog no; minimal-responses no-auth;\n\
         check-integrity no; check-names primary ignore; check-mx ignore; check-mx-cname ignore;\n\
         check-srv-cname ignore; check-sibling no; allow-transfer {{ none; }}; server-id \"ns1\";\n\
         hostname \"ns1\"; empty-zones-enable no; pid-file \"{dir}/pid\"; session-keyfile none;\n\
         lock-file none; managed-keys-directory \"{dir}\"; max-records-per-type 0; }};\ncontrols {{ }};\n"
    );
    text += &for_each_zone(zones, |origin, path| format!("zone \"{origin}\" {{ type primary; file \"{path}\"; }};\n"));
    let mut arguments: Vec<String> = ["-g", "-n", "1", "-c"].map(Into::into).into();
    arguments.push(put(folder, "named.conf", &text));
    arguments
}

fn pdns(folder: &Path, port: u16, zones: &[ZoneFile]) -> Vec<String> {
    let dir = folder.display();
    let list = for_each_zone(zones, |origin, path| format!("zone \"{origin}\" {{ type master; file \"{path}\"; }};\n"));
    let list = put(folder, "zones.conf", &list);
    let mut text = format!(
        "launch=bind\nbind-config={list}\nbind-check-interval=0\nlocal-address=127.0.0.1\nlocal-port={port}\n\
         socket-dir={dir}\n"
    );
    let settings = "daemon=no guardian=no receiver-threads=1 distributor-threads=1 dname-processing=yes \
         disable-axfr=yes server-id=ns1 disable-syslog=yes loglevel=3 security-poll-suffix= cache-ttl=0 \
         query-cache-ttl=0 negquery-cache-ttl=0";
    for setting in settings.split_whitespace() {
        _ = writeln!(text, "{setting}");
    }
    put(folder, "pdns.conf", &text);
    vec![format!("--config-dir={dir}")]
}
