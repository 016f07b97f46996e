//! What each kind of query may cost, in instructions of pharos itself and of the C library.

/// The compiler that the limits were taken with.
pub(crate) const RUSTC: &str = "1.95";
/// What the margin is with it: room for what differs from one machine to the next.
const MARGIN: f64 = 0.03;
/// And with another, which may order, inline and unroll otherwise.
const MARGIN_OTHER: f64 = 0.15;
/// The same for the C library, whose ways depend on the processor: enough to see that more is called for.
const MARGIN_LIBRARY: f64 = 0.5;
/// And this many instructions, where there were hardly any.
const ROOM_LIBRARY: f64 = 50.0;
/// A limit that is higher by this share than what was counted is worth lowering.
pub(crate) const SLACK: f64 = 0.1;

/// The whole UDP thread of a running server.
pub(crate) const SERVER: &str = "server, static A, UDP";

/// By kind, see `tests/support/kinds.rs` for what each asks: those of pharos, those of the library.
const LIMITS: [(&str, u32, u32); 38] = [
    ("static A", 711, 0),
    ("static AAAA", 731, 0),
    ("static A, mixed case", 711, 0),
    ("MX", 965, 17),
    ("TXT", 913, 7),
    ("priority", 774, 10),
    ("priority, first is down", 735, 10),
    ("weight", 901, 10),
    ("sticky", 965, 214),
    ("shuffle", 798, 10),
    ("no policy, all four", 787, 11),
    ("weight, two of four", 1193, 20),
    ("sticky, two of four", 1461, 357),
    ("shuffle, two of four", 1172, 20),
    ("steered, EDNS", 1120, 10),
    ("steered, no AAAA", 951, 0),
    ("EDNS", 930, 0),
    ("EDNS, NSID", 962, 17),
    ("EDNS, cookie", 945, 0),
    ("wildcard", 920, 26),
    ("wildcard MX", 1157, 36),
    ("referral", 1143, 11),
    ("DS", 3068, 401),
    ("CNAME chain", 12987, 2876),
    ("DNAME", 8943, 1306),
    ("NXDOMAIN", 941, 7),
    ("NODATA", 941, 0),
    ("ANY", 2666, 380),
    ("truncated", 684, 0),
    ("large, TCP", 710, 184),
    ("REFUSED", 406, 0),
    ("version.bind", 698, 172),
    ("transfer", 793, 160),
    ("TSIG", 1446, 186),
    ("BADVERS", 991, 160),
    ("FORMERR", 613, 172),
    ("NOTIMP", 636, 171),
    // Some ten less where nothing else runs: the thread looks up now and then while it waits, and waits longer where much does.
    (SERVER, 876, 17),
];

/// What a kind may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// In instructions of pharos, before the [`margin`].
    pub(crate) own: f64,
    /// In those of the library, with its margin.
    pub(crate) library: f64,
}

/// The limit of a kind.
pub(crate) fn of(what: &str) -> Option<Limit> {
    let (_, own, library) = LIMITS.iter().find(|(name, ..)| *name == what)?;
    Some(Limit { own: f64::from(*own), library: f64::from(*library) * (1.0 + MARGIN_LIBRARY) + ROOM_LIBRARY })
}

/// Every kind that has one.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LIMITS.iter().map(|(name, ..)| *name)
}

/// How much a limit may be exceeded by.
pub(crate) fn margin() -> f64 {
    let rustc = std::process::Command::new("rustc").arg("--version").output();
    let version = rustc.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if version.starts_with(&format!("rustc {RUSTC}.")) { MARGIN } else { MARGIN_OTHER }
}
