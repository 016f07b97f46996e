//! What good files become, key by key, and what a second load takes over from the first.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pharos::config::{Loaded, Report, load};
use pharos::dns::{Name, Rtype};
use pharos::model::check::{Ask, BodyMatch, Cadence, HttpAsk, JsonValue, Probe, Tls, Watch};
use pharos::model::event::{Severity, Topic};
use pharos::model::node::{AdminAddr, Node, Setup, ZoneSetup};
use pharos::model::pool::{Address, AllDown, DualStack, Endpoint, Failback, FailbackMode, Filter, Pool};
use pharos::model::secret::SecretSource;
use pharos::model::sink::{self, Email, Login, MailServer, MailTls, Sink, Target, Text};
use pharos::model::{CheckName, EndpointName, PoolName, Region};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn said(report: &Report) -> String {
    report.diagnostics.iter().map(ToString::to_string).collect()
}

fn good(report: &Report) -> &Setup {
    report.setup.as_ref().unwrap_or_else(|| panic!("{}", said(report)))
}

const SECOND: Duration = Duration::from_secs(1);

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/full")
}

fn watch(check: &str, target: &str, timeout: Duration, cadence: Cadence, ask: Ask) -> Arc<Watch> {
    let target: SocketAddr = target.parse().unwrap();
    Arc::new(Watch { check: CheckName::new(check), probe: Probe { target, timeout, ask }, cadence })
}

fn web(target: &str, endpoint: &str) -> Arc<Watch> {
    let pem = std::fs::read(folder().join("zones/ca.pem")).unwrap();
    let text = |text: String| JsonValue::String(text);
    let ask = HttpAsk {
        tls: Some(Tls { verify: true, ca: Some((folder().join("zones/ca.pem"), pem)) }),
        method: "POST".into(),
        path: "/healthz?deep=1".into(),
        host: "app.example".into(),
        headers: vec![("X-Probe".into(), "pharos".into()), ("Accept".into(), "*/*".into())],
        expect_status: vec![(200, 299), (301, 301), (401, 403), (500, 500)],
        expect_body: Some(BodyMatch::Regex("^OK".into())),
        expect_json: vec![
            ("/region".into(), text("us-east".into())),
            ("/name".into(), text(format!("{endpoint}/us-east"))),
            ("/n".into(), JsonValue::Integer(3)),
            ("/ok".into(), JsonValue::Bool(true)),
            ("/load".into(), JsonValue::Float(0.5f64.to_bits())),
        ],
    };
    let cadence = Cadence { interval: 2 * SECOND, fall: 2, rise: 5, recheck: Duration::from_millis(200) };
    watch("web", target, Duration::from_millis(1500), cadence, Ask::Http(Box::new(ask)))
}

/// What `[defaults.check]` leaves to say: its interval, its fall.
const DEFAULT: Cadence = Cadence { interval: Duration::from_secs(5), fall: 4, rise: 2, recheck: SECOND };

fn simple(host: &str, tls: Option<Tls>, body: Option<&str>) -> Ask {
    Ask::Http(Box::new(HttpAsk {
        tls,
        method: "GET".into(),
        path: "/".into(),
        host: host.into(),
        headers: Vec::new(),
        expect_status: vec![(200, 299)],
        expect_body: body.map(|text| BodyMatch::Substring(text.into())),
        expect_json: Vec::new(),
    }))
}

fn address(ip: &str, watch: Arc<Watch>) -> Address {
    Address { ip: ip.parse::<IpAddr>().unwrap(), watch: Some(watch) }
}

/// One of each kind, with every key.
fn sinks() -> Vec<Sink> {
    let file = |name: &str| SecretSource::File(folder().join(name));
    let pem = std::fs::read(folder().join("zones/ca.pem")).unwrap();
    let ca = Some((folder().join("zones/ca.pem"), pem));
    let all = || sink::Filter { topics: Topic::ALL.to_vec(), severity: Severity::Info, pools: Vec::new() };
    let sink = |name: &str, filter, target| Sink { name: name.into(), filter, target };
    let pools = vec!["app.example/app".into(), "app.example".into()];
    let some = sink::Filter { topics: vec![Topic::Pool, Topic::Drill], severity: Severity::Critical, pools };
    let email = Email {
        server: MailServer { host: "::1".into(), port: 587 },
        tls: MailTls::StartTls,
        login: Some(("ops".into(), file("secret"))),
        from: "pharos <pharos@example.com>".into(),
        to: vec!["ops@example.com".into()],
        ca: ca.clone(),
    };
    let plain = Email {
        server: MailServer { host: "127.0.0.1".into(), port: 25 },
        tls: MailTls::None,
        login: None,
        from: "pharos@example.com".into(),
        to: vec!["ops@example.com".into(), "boss@example.com".into()],
        ca: None,
    };
    let labels = vec![("team".into(), "web".into())];
    let url = "http://127.0.0.1:9093/base".to_owned();
    let login = Login::Password("ops".into(), file("secret"));
    let headers = vec![("X-Team".into(), Text::Plain("web".into())), ("X-Key".into(), Text::Secret(file("secret")))];
    let env = vec![("HOME".into(), Text::Plain("/".into())), ("KEY".into(), Text::Secret(file("secret")))];
    vec![
        sink("chat", some, Target::Slack { url: file("secret"), ca: ca.clone() }),
        sink(
            "pd",
            all(),
            Target::PagerDuty {
                routing_key: SecretSource::Env("PATH".into()),
                url: "https://events.pagerduty.com/v2/enqueue".into(),
                ca: None,
            },
        ),
        sink("am", all(), Target::Alertmanager { url: url.clone(), login, labels, ca: ca.clone() }),
        sink("am2", all(), Target::Alertmanager { url, login: Login::Token(file("secret")), labels: vec![], ca: None }),
        sink(
            "hook",
            all(),
            Target::Webhook { url: Text::Secret(file("secret")), secret: Some(file("secret")), headers, ca },
        ),
        sink("mail", all(), Target::Email(Box::new(email))),
        sink("mail2", all(), Target::Email(Box::new(plain))),
        sink(
            "run",
            all(),
            Target::Exec { command: vec!["/bin/sh".into(), "-c".into(), "".into()], timeout: 600 * SECOND, env },
        ),
        sink("run2", all(), Target::Exec { command: vec!["/bin/sh".into()], timeout: 30 * SECOND, env: vec![] }),
    ]
}

#[test]
fn every_key_of_the_node_arrives() {
    let report = load(&folder().join("pharos.toml"), None);
    let want = Node {
        admin_tokens: None,
        admin_hosts: Vec::new(),
        drills: vec![],
        name: "ns1.example.net".into(),
        region: Some(Region::new("eu-west")),
        state: folder().join("state"),
        dns: vec!["127.0.0.1:5300".parse().unwrap(), "[::1]:5300".parse().unwrap()],
        admin: vec![
            AdminAddr::Tcp("127.0.0.1:8053".parse().unwrap()),
            AdminAddr::Unix(folder().join("run/admin.sock")),
        ],
        udp_threads: 2,
        coalesce: Duration::from_micros(200),
        udp_gso: false,
        sinks: sinks(),
        witness: ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:853".parse().unwrap()].into(),
    };
    assert_eq!(good(&report).node, want);
    assert!(report.diagnostics.is_empty(), "{}", said(&report));
}

#[test]
fn every_key_of_the_steering_arrives() {
    let report = load(&folder().join("pharos.toml"), None);
    let zone = &good(&report).zones[0];
    assert_eq!((zone.name(), zone.records.record_count()), (&name("app.example"), 5));
    let endpoint = |name: &str, region: Option<&str>, addresses, priority, weight| Endpoint {
        name: EndpointName::new(name),
        region: region.map(Region::new),
        addresses,
        priority,
        weight,
    };
    let app = Pool {
        name: PoolName::new("app"),
        names: vec![name("www.app.example"), name("*.app.example")],
        policy: vec![Filter::Priority, Filter::Weight],
        ttl: 10,
        ttl_suspect: Some(5),
        answers: 2,
        all_down: AllDown::Static,
        failback: Failback { mode: FailbackMode::Auto, hold: 120 * SECOND },
        min_healthy: 2,
        dual_stack: DualStack::Apart,
        endpoints: vec![
            endpoint(
                "us-1",
                Some("us-east"),
                vec![
                    address("192.0.2.10", web("192.0.2.10:8443", "us-1")),
                    address("2001:db8:1::10", web("[2001:db8:1::10]:8443", "us-1")),
                ],
                1,
                3,
            ),
            endpoint("us-2", Some("us-east"), vec![address("192.0.2.11", web("10.1.0.11:9443", "us-2"))], 1, 0),
            endpoint(
                "eu",
                Some("eu-west"),
                vec![address(
                    "198.51.100.20",
                    watch(
                        "plain",
                        "198.51.100.20:80",
                        3 * SECOND,
                        DEFAULT,
                        simple("www.app.example", None, Some("OK")),
                    ),
                )],
                2,
                100,
            ),
        ],
    };
    let port = watch("port", "10.0.0.25:25", 3 * SECOND, DEFAULT, Ask::Tcp);
    let loose = simple("mail.app.example", Some(Tls { verify: false, ca: None }), None);
    let mail = Pool {
        name: PoolName::new("mail"),
        names: vec![name("mail.app.example"), name("app.example")],
        policy: Vec::new(),
        ttl: 20,
        ttl_suspect: None,
        answers: 0,
        all_down: AllDown::Nodata,
        failback: Failback { mode: FailbackMode::Manual, hold: Duration::ZERO },
        min_healthy: 1,
        dual_stack: DualStack::Together,
        endpoints: vec![
            endpoint("a", None, vec![address("192.0.2.25", port.clone()), address("2001:db8::25", port)], 1, 100),
            endpoint(
                "b",
                None,
                vec![address("192.0.2.26", watch("loose", "192.0.2.26:443", 3 * SECOND, DEFAULT, loose))],
                1,
                100,
            ),
        ],
    };
    assert_eq!(zone.pools, [app, mail]);
}

/// A folder of files that can be changed and loaded again.
struct Bench {
    folder: tempfile::TempDir,
    loaded: Option<Loaded>,
}

const APEX: &str = "[zone]\nns = [\"ns1.example.net\"]\ncontact = \"hostmaster@example.net\"\n";
const STATIC: &str = "$TTL 300\n@ SOA ns1.example.net. h.example.net. 1 3600 900 604800 10\n@ NS ns1.example.net.\n";

fn pool(extra: &str) -> String {
    format!("[pool.app]\nnames = [\"www\"]\n{extra}\n[[pool.app.endpoint]]\nname = \"a\"\naddress = [\"192.0.2.1\"]\n")
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), loaded: None };
        std::fs::create_dir(bench.folder.path().join("zones")).unwrap();
        bench.write("pharos.toml", "");
        files.iter().for_each(|(path, text)| bench.write(path, text));
        bench
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.folder.path().join(path), text).unwrap();
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    fn load(&mut self) -> Report {
        let report = load(&self.folder.path().join("pharos.toml"), self.loaded.as_ref());
        self.loaded = Some(report.loaded.clone());
        report
    }

    fn zones(&mut self) -> Vec<Arc<ZoneSetup>> {
        good(&self.load()).zones.clone()
    }
}

#[test]
fn defaults_hold_where_nothing_is_said() {
    let mut bench = Bench::new(&[]);
    let report = bench.load();
    let node = &good(&report).node;
    assert_eq!(node.dns, ["0.0.0.0:53".parse().unwrap(), "[::]:53".parse::<SocketAddr>().unwrap()]);
    assert_eq!(node.admin, [AdminAddr::Tcp("127.0.0.1:8053".parse().unwrap())]);
    assert_eq!(
        (node.state.as_path(), node.udp_threads, node.coalesce, node.udp_gso),
        (Path::new("/var/lib/pharos"), 0, Duration::ZERO, true)
    );
    assert!(!node.name.is_empty());

    bench.write(
        "zones/app.example.toml",
        &format!("{APEX}[check.web]\ntype = \"https\"\ninterval = \"500ms\"\n{}", pool("check = \"web\"\n")),
    );
    let pool = &bench.zones()[0].pools[0];
    assert_eq!((pool.ttl, pool.answers, pool.min_healthy), (30, 0, 1));
    assert_eq!((pool.all_down, pool.dual_stack), (AllDown::LastGood, DualStack::Apart));
    assert_eq!(pool.failback, Failback { mode: FailbackMode::Auto, hold: Duration::ZERO });
    let endpoint = &pool.endpoints[0];
    assert_eq!((endpoint.priority, endpoint.weight), (1, 100));
    // The time-out and the recheck follow an interval that is shorter than they are.
    let half = SECOND / 2;
    let want = Cadence { interval: half, fall: 3, rise: 2, recheck: half };
    let ask = simple("www.app.example", Some(Tls { verify: true, ca: None }), None);
    assert_eq!(endpoint.addresses[0].watch, Some(watch("web", "192.0.2.1:443", half, want, ask)));
}

#[test]
fn a_zone_without_a_master_file_has_soa_and_ns() {
    let text = "[zone]\nns = [\"ns1.example.net\", \"ns2\"]\ncontact = \"dns.admin@example.net\"\nttl = 77\n";
    let mut bench =
        Bench::new(&[("zones/app.example.toml", &format!("{text}{}", pool("ttl = 15\n").replace("www", "ns2")))]);
    let zone = bench.zones()[0].records.zone().unwrap();
    let ns = zone.rrset(&name("app.example"), Rtype::NS).unwrap();
    let servers: Vec<_> = ns.rdatas().map(|rdata| Name::from_wire(rdata).unwrap().to_string()).collect();
    assert_eq!((servers, ns.ttl), (vec!["ns1.example.net.".into(), "ns2.app.example.".into()], 77));
    let soa = zone.rrset(&name("app.example"), Rtype::SOA).unwrap();
    let rdata = soa.rdatas().next().unwrap();
    let mut want = name("ns1.example.net").as_wire().to_vec();
    want.extend_from_slice(b"\x09dns.admin\x07example\x03net\0");
    for number in [1u32, 3600, 900, 604_800, 15] {
        want.extend_from_slice(&number.to_be_bytes());
    }
    assert_eq!((rdata, soa.ttl), (&want[..], 77));
}

#[test]
fn a_zone_of_the_root_of_a_classless_network_is_found() {
    let mut bench = Bench::new(&[("zones/0%2F25.2.0.192.in-addr.arpa.zone", STATIC)]);
    assert_eq!(bench.zones()[0].name(), &name("0/25.2.0.192.in-addr.arpa"));
}

#[test]
fn unchanged_zones_are_the_same_value() {
    let mut bench = Bench::new(&[
        ("zones/a.example.toml", &format!("{APEX}{}", pool(""))),
        ("zones/b.example.zone", STATIC),
        ("zones/c.example.zone", STATIC),
        ("zones/c.example.toml", &pool("ttl = 10\n")),
    ]);
    let first = bench.zones();
    let second = bench.zones();
    assert!(first.iter().zip(&second).all(|(a, b)| Arc::ptr_eq(a, b)));

    bench.write("zones/c.example.toml", &pool("ttl = 20\n"));
    let third = bench.zones();
    assert!(Arc::ptr_eq(&first[0], &third[0]) && Arc::ptr_eq(&first[1], &third[1]));
    assert!(!Arc::ptr_eq(&first[2], &third[2]) && Arc::ptr_eq(&first[2].records, &third[2].records));
    assert_eq!(third[2].pools[0].ttl, 20);

    // Comments change nothing.
    bench.write("zones/a.example.toml", &format!("# alone\n{APEX}{}", pool("")));
    bench.write("zones/b.example.zone", &format!("; static\n{STATIC}"));
    bench.write("zones/c.example.toml", &format!("# twenty\n{}", pool("ttl = 20\n")));
    assert!(third.iter().zip(&bench.zones()).all(|(a, b)| Arc::ptr_eq(a, b)));

    bench.write("zones/b.example.zone", &format!("{STATIC}x A 192.0.2.1\n"));
    let fourth = bench.zones();
    assert_eq!(fourth[1].records.record_count(), 3);
    assert!(Arc::ptr_eq(&fourth[0], &first[0]));
}

#[test]
fn a_zone_changes_with_what_it_includes_and_inherits() {
    let pem = std::fs::read_to_string(folder().join("zones/ca.pem")).unwrap();
    let check = "[check.web]\ntype = \"https\"\nca_file = \"ca.pem\"\n";
    let mut bench = Bench::new(&[
        ("zones/b.example.zone", &format!("{STATIC}$INCLUDE more.inc\n")),
        ("zones/more.inc", "x A 192.0.2.1\n"),
        ("zones/c.example.toml", &format!("{APEX}{check}{}", pool("check = \"web\"\n"))),
        ("zones/ca.pem", &pem),
    ]);
    let report = bench.load();
    for file in
        ["pharos.toml", "zones", "zones/b.example.zone", "zones/more.inc", "zones/c.example.toml", "zones/ca.pem"]
    {
        let path = bench.folder.path().join(file);
        assert!(report.watched.contains(&path), "{file} is not among {:?}", report.watched);
    }
    let first = good(&report).zones.clone();
    bench.write("zones/more.inc", "x A 192.0.2.1\nx A 192.0.2.2\n");
    let second = bench.zones();
    assert_eq!((first[0].records.record_count(), second[0].records.record_count()), (3, 4));

    bench.write("zones/ca.pem", &format!("{pem}{pem}"));
    let third = bench.zones();
    assert_ne!(third[1].pools, second[1].pools);

    bench.write("pharos.toml", "[defaults.pool]\nttl = 5\n");
    let fourth = bench.zones();
    assert_eq!(fourth[1].pools[0].ttl, 5);
    assert!(Arc::ptr_eq(&fourth[0].records, &second[0].records));

    // The same defaults, elsewhere in the file.
    bench.write("pharos.toml", "\n\n[defaults]\npool.ttl = 5\n");
    let fifth = bench.zones();
    assert!(fourth.iter().zip(&fifth).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[test]
fn files_that_come_and_go_are_noticed() {
    let mut bench = Bench::new(&[("zones/c.example.zone", STATIC), ("zones/c.example.toml", &pool("ttl = 10\n"))]);
    assert_eq!(bench.zones()[0].pools.len(), 1);
    bench.remove("zones/c.example.toml");
    assert_eq!(bench.zones()[0].pools.len(), 0);
    bench.remove("zones/c.example.zone");
    bench.write("zones/c.example.toml", &format!("{APEX}{}", pool("")));
    let lone = bench.zones();
    assert_eq!((lone[0].pools.len(), lone[0].records.record_count()), (1, 2));
    bench.write("zones/c.example.zone", STATIC);
    assert!(said(&bench.load()).contains("error[zone-twice]"));
    bench.remove("zones/c.example.toml");
    bench.remove("zones/c.example.zone");
    assert_eq!(bench.zones().len(), 0);
}

#[test]
fn records_that_were_let_go_are_read_again_only_for_other_names() {
    let hosts = "www A 192.0.2.9\nftp A 192.0.2.8\nmail CNAME www\nsub NS ns1.example.net.\n";
    let mut bench = Bench::new(&[
        ("zones/b.example.zone", STATIC),
        ("zones/c.example.zone", &format!("{STATIC}{hosts}")),
        ("zones/c.example.toml", &pool("all_down = \"static\"\n")),
    ]);
    let first = bench.zones();
    let let_go = |zones: &[Arc<ZoneSetup>]| zones.iter().filter_map(|zone| zone.records.let_go()).count();
    assert_eq!((let_go(&first), let_go(&first)), (2, 0));
    assert!(bench.zones().iter().zip(&first).all(|(a, b)| Arc::ptr_eq(a, b)));

    // The same names: what was asked of the records is known.
    bench.write("zones/c.example.toml", &pool("all_down = \"static\"\nttl = 5\n"));
    let report = bench.load();
    assert!(said(&report).contains("warning[zone-soa-minimum]"), "{}", said(&report));
    assert!(!said(&report).contains("pool-static-empty"), "{}", said(&report));
    let second = good(&report).zones.clone();
    assert_eq!(second[1].pools[0].ttl, 5);
    assert!(Arc::ptr_eq(&second[1].records, &first[1].records) && second[1].records.zone().is_none());

    // Other names: their records are compiled again.
    let names = |names: &str| pool("all_down = \"static\"\n").replace("\"www\"", names);
    for (given, code) in [
        ("\"www\", \"ftp\"", None),
        ("\"ftp\"", None),
        ("\"www\", \"new\"", Some("warning[pool-static-empty]")),
        ("\"www\", \"mail\"", Some("error[pool-name-cname]")),
        ("\"www\", \"a.b.sub\"", Some("error[pool-name-delegated]")),
    ] {
        bench.write("zones/c.example.toml", &names(given));
        let report = bench.load();
        if let Some(code) = code {
            assert!(said(&report).contains(code), "{given}: {}", said(&report));
        }
        let Some(setup) = &report.setup else { continue };
        let records = &setup.zones[1].records;
        assert!(records.is_same(&first[1].records) && records.zone().is_some(), "{given}");
        assert!(Arc::ptr_eq(&setup.zones[0], &first[0]));
        let_go(&setup.zones);
    }

    // Steering that goes, and comes.
    bench.remove("zones/c.example.toml");
    let bare = bench.zones();
    assert!(bare[1].pools.is_empty() && bare[1].records.zone().is_some());
    let_go(&bare);
    bench.write("zones/b.example.toml", &pool(""));
    let steered = bench.zones();
    assert!(steered[0].records.zone().is_some() && Arc::ptr_eq(&steered[1], &bare[1]));

    // The first of two reloads may be put in force while the second is read: each has its own.
    bench.write("zones/b.example.toml", &pool("").replace("\"www\"", "\"ftp\""));
    let later = bench.zones();
    let_go(&steered);
    assert!(later[0].records.zone().is_some());
}

#[test]
fn a_broken_edit_and_its_undoing_leave_the_same_values() {
    let text = pool("ttl = 10\n");
    let mut bench = Bench::new(&[("zones/b.example.zone", STATIC), ("zones/c.example.toml", &format!("{APEX}{text}"))]);
    let first = bench.zones();
    bench.write("zones/c.example.toml", "[pool");
    let report = bench.load();
    assert!(report.setup.is_none() && report.diagnostics.len() == 1, "{}", said(&report));
    bench.write("zones/c.example.toml", &format!("{APEX}{text}"));
    let second = bench.zones();
    assert!(first.iter().zip(&second).all(|(a, b)| Arc::ptr_eq(a, b)));
    bench.write("pharos.toml", "[lisen]\n");
    assert!(bench.load().setup.is_none());
    bench.write("pharos.toml", "");
    let third = bench.zones();
    assert!(first.iter().zip(&third).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[test]
fn warnings_are_told_again_by_a_load_that_reads_nothing() {
    let check = "[check.web]\ntype = \"https\"\n";
    let mut bench = Bench::new(&[
        ("zones/b.example.zone", &format!("{STATIC}x 60 A 192.0.2.1\nx 30 A 192.0.2.2\n")),
        ("zones/c.example.toml", &format!("{APEX}{check}{}", pool(""))),
    ]);
    let first = said(&bench.load());
    assert!(first.contains("warning[check-unused]") && first.contains("zones/b.example.zone:5:"), "{first}");
    assert_eq!(said(&bench.load()), first);
}

#[test]
fn of_a_thousand_zones_only_the_changed_one_is_made_again() {
    let mut bench = Bench::new(&[]);
    let records: String = (0..20).map(|i| format!("host{i} A 192.0.2.{i}\n")).collect();
    for i in 0..1000 {
        bench.write(&format!("zones/z{i}.example.zone"), &format!("{STATIC}{records}"));
        bench.write(&format!("zones/z{i}.example.toml"), &pool("ttl = 10\n"));
    }
    let first = bench.zones();
    bench.write("zones/z500.example.toml", &pool("ttl = 11\n"));
    let second = bench.zones();
    let changed: Vec<_> =
        first.iter().zip(&second).filter(|(a, b)| !Arc::ptr_eq(a, b)).map(|(_, b)| b.name()).collect();
    assert_eq!(changed, [&name("z500.example")]);
}

#[test]
fn no_edit_of_the_files_breaks_the_reader() {
    let read = |file: &str| std::fs::read(folder().join(file)).unwrap();
    let (node, steering, master) =
        (read("pharos.toml"), read("zones/app.example.toml"), read("zones/app.example.zone"));
    let mut bench = Bench::new(&[("zones/app.example.zone", std::str::from_utf8(&master).unwrap())]);
    std::fs::copy(folder().join("zones/ca.pem"), bench.folder.path().join("zones/ca.pem")).unwrap();
    // A generator of numbers, the same at each run (Knuth, MMIX).
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let odd =
        ["\"", "'", "[", "]]", "{", "=", "\n", "#", ".", "0", "-1", "\u{0}", "\\", "é", "\"\"\"", ",", "\r", "\t"];
    for _ in 0..300 {
        for (file, text) in [("pharos.toml", &node), ("zones/app.example.toml", &steering)] {
            let mut text = text.clone();
            for _ in 0..=next(3) {
                let at = next(text.len());
                let end = (at + next(12)).min(text.len());
                text.splice(at..end, odd[next(odd.len())].bytes());
            }
            std::fs::write(bench.folder.path().join(file), text).unwrap();
        }
        let report = bench.load();
        let errors = report.diagnostics.iter().any(|diagnostic| !diagnostic.is_warning());
        assert_eq!(report.setup.is_none(), errors);
        for diagnostic in &report.diagnostics {
            let text = diagnostic.to_string();
            assert!(text.lines().count() >= 2 && text.ends_with('\n'), "{text}");
        }
    }
}

#[test]
fn the_limits_of_a_pool_are_those_of_its_policy() {
    assert_eq!(pharos::config::ENDPOINTS_MAX, pharos::policy::selector::ENDPOINTS_MAX);
    assert_eq!(pharos::config::ADDRESSES_MAX, pharos::policy::selector::ADDRESSES_MAX);
}

#[test]
fn a_pool_answers_with_what_a_message_holds() {
    use std::fmt::Write as _;
    // So many addresses in all, sixteen to an endpoint.
    let zone = |habits: &str, count: u32, ip: fn(u32) -> IpAddr| {
        let mut text = format!(
            "[zone]\nns = [\"ns.example.net\"]\ncontact = \"h@example.net\"\n[pool.a]\nnames = [\"@\"]\n{habits}\n"
        );
        for first in (0..count).step_by(16) {
            let list: Vec<String> = (first..count.min(first + 16)).map(|n| format!("\"{}\"", ip(n))).collect();
            writeln!(text, "[[pool.a.endpoint]]\nname = \"e{first}\"\naddress = [{}]", list.join(", ")).unwrap();
        }
        Bench::new(&[("pharos.toml", ""), ("zones/example.toml", &text)]).load()
    };
    let v4 = |n: u32| IpAddr::from((0x0a00_0001 + n).to_be_bytes());
    let v6 = |n: u32| IpAddr::from(((0x2001_0db8_u128 << 96) + 1 + u128::from(n)).to_be_bytes());
    good(&zone("", 3_750, v4));
    good(&zone("", 2_142, v6));
    good(&zone("answers = 255", 4_096, v6));
    let faults = [
        (zone("", 3_751, v4), "pool \"a\" answers with 3751 IPv4 addresses, which take 60016 bytes of at most 60000"),
        (
            zone("policy = [\"weight\"]\nanswers = 0", 2_143, v6),
            "pool \"a\" answers with 2143 IPv6 addresses, which take 60004 bytes of at most 60000",
        ),
    ];
    for (report, message) in faults {
        let [fault, ..] = &report.diagnostics[..] else { panic!("it was accepted") };
        assert_eq!((fault.code, &*fault.message), ("pool-answer-too-large", message));
        assert!(report.setup.is_none());
    }
}

#[test]
fn a_file_full_of_faults_is_told_in_few_words() {
    // 8,000 errors on one line, and as many warnings on lines of their own.
    let list = vec!["\"192.0.2.300\""; 8_000].join(", ");
    let mut text = format!("{APEX}[pool.a]\nnames = [\"www\"]\nendpoint = [{{ name = \"a\", address = [{list}] }}]\n");
    for n in 0..60 {
        text += &format!("[check.c{n}]\ntype = \"tcp\"\nport = 80\n");
    }
    let report = Bench::new(&[("zones/example.toml", &text)]).load();
    let (warnings, errors): (Vec<_>, Vec<_>) = report.diagnostics.iter().partition(|d| d.is_warning());
    assert_eq!((errors.len(), warnings.len()), (51, 51));
    assert_eq!((errors[50].code, &*errors[50].message), ("file-and-more", "and 7950 more errors in this file"));
    assert_eq!(warnings[50].code, "file-and-more");
    assert!(report.setup.is_none());
    assert!(said(&report).len() < 50_000, "{} bytes", said(&report).len());
    let column = text.lines().nth(5).unwrap().find("\"192").unwrap() + 1 + 49 * 15;
    assert_eq!(errors[49].span.as_ref().unwrap().line_column(), (6, column));
}
