//! Policies as data: each file of `tests/policies` is a pool, what happens to it, and what it must
//! answer then. The words of the scripts stand in `Script::line`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use pharos::dns::Name;
use pharos::health::{Force, Standing, Verdict};
use pharos::model::pool::{Address, AllDown, DualStack, Endpoint, Failback, FailbackMode, Filter, Pool};
use pharos::model::time::Moment;
use pharos::model::{EndpointName, PoolName, Region};
use pharos::policy::{Compiled, Family, HoldChange, Mode, Plan, PoolMemory, Steering, advance, compile, selector};
use proptest::prelude::*;

fn empty_pool() -> Pool {
    Pool {
        name: PoolName::new("app"),
        names: vec![Name::parse("app.example").unwrap()],
        policy: vec![],
        ttl: 30,
        ttl_suspect: None,
        answers: 0,
        all_down: AllDown::LastGood,
        failback: Failback { mode: FailbackMode::Auto, hold: Duration::ZERO },
        min_healthy: 1,
        dual_stack: DualStack::Apart,
        endpoints: vec![],
    }
}

fn at(secs: u64) -> Moment {
    let mono = Duration::from_secs(secs);
    Moment { mono, wall: SystemTime::UNIX_EPOCH + mono }
}

struct Script {
    pool: Pool,
    /// By endpoint name or address; what is not named is up.
    standings: BTreeMap<String, Standing>,
    memory: PoolMemory,
    now: u64,
    compiled: Option<Compiled>,
    changes: Vec<HoldChange>,
}

impl Script {
    fn new() -> Self {
        Self {
            pool: empty_pool(),
            standings: BTreeMap::new(),
            memory: PoolMemory::default(),
            now: 0,
            compiled: None,
            changes: vec![],
        }
    }

    /// One line:
    /// `pool KEY=VALUE...`, `endpoint NAME [pN] [wN] [rREGION] ADDRESS...`, `without NAME`,
    /// `health NAME-OR-ADDRESS=up|down|unknown|failing...`, `order NAME=up|down|drain|clear...`,
    /// `at SECONDS`, `failback`, `restart`,
    /// `A MODE [DRAW] [ttl=N] [ADDRESS[*WEIGHT]...]`, `AAAA ...`, `holds CHANGE...`.
    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        match verb {
            "pool" => words.for_each(|word| self.key(word)),
            "endpoint" => self.endpoint(words),
            "without" => {
                let gone = words.next().unwrap();
                self.pool.endpoints.retain(|e| e.name.as_str() != gone);
            }
            "health" => words.for_each(|word| self.health(word)),
            "order" => words.for_each(|word| self.order(word)),
            "at" => self.now = words.next().unwrap().parse().unwrap(),
            "failback" => self.changes = self.memory.release(),
            "restart" => {
                let good = Family::ALL.map(|family| self.memory.last_good(family).to_vec());
                self.memory = PoolMemory::restore(good, self.memory.holds().clone());
            }
            "A" | "AAAA" | "holds" => return self.expect(verb, line),
            other => panic!("unknown word {other}"),
        }
        self.compiled = None;
        Ok(())
    }

    fn key(&mut self, word: &str) {
        let (key, value) = word.split_once('=').unwrap();
        let number = || value.parse::<u32>().unwrap();
        match key {
            "policy" => {
                let filter = |name: &str| match name {
                    "priority" => Filter::Priority,
                    "weight" => Filter::Weight,
                    "sticky" => Filter::Sticky,
                    "shuffle" => Filter::Shuffle,
                    other => panic!("{other}"),
                };
                self.pool.policy = value.split(',').map(filter).collect();
            }
            "ttl" => self.pool.ttl = number(),
            "ttl_suspect" => self.pool.ttl_suspect = Some(number()),
            "answers" => self.pool.answers = number() as usize,
            "min_healthy" => self.pool.min_healthy = number() as usize,
            "hold" => self.pool.failback.hold = Duration::from_secs(number().into()),
            "failback" if value == "manual" => self.pool.failback.mode = FailbackMode::Manual,
            "failback" if value == "auto" => self.pool.failback.mode = FailbackMode::Auto,
            "dual_stack" if value == "together" => self.pool.dual_stack = DualStack::Together,
            "all_down" => {
                self.pool.all_down = match value {
                    "last-good" => AllDown::LastGood,
                    "all" => AllDown::All,
                    "static" => AllDown::Static,
                    "nodata" => AllDown::Nodata,
                    other => panic!("{other}"),
                }
            }
            other => panic!("{other}"),
        }
    }

    fn endpoint<'a>(&mut self, mut words: impl Iterator<Item = &'a str>) {
        let name = words.next().unwrap();
        let mut endpoint =
            Endpoint { name: EndpointName::new(name), region: None, addresses: vec![], priority: 1, weight: 100 };
        for word in words {
            if let Ok(ip) = word.parse() {
                endpoint.addresses.push(Address { ip, watch: None });
            } else if let Some(number) = word.strip_prefix('p') {
                endpoint.priority = number.parse().unwrap();
            } else if let Some(number) = word.strip_prefix('w') {
                endpoint.weight = number.parse().unwrap();
            } else {
                endpoint.region = Some(Region::new(word.strip_prefix('r').unwrap()));
            }
        }
        self.pool.endpoints.push(endpoint);
    }

    fn standing(&mut self, of: &str) -> &mut Standing {
        self.standings.entry(of.to_owned()).or_insert(Standing::UNWATCHED)
    }

    fn health(&mut self, word: &str) {
        let (of, state) = word.split_once('=').unwrap();
        let standing = self.standing(of);
        (standing.verdict, standing.failing) = match state {
            "up" => (Verdict::Up, false),
            "failing" => (Verdict::Up, true),
            "down" => (Verdict::Down, true),
            "unknown" => (Verdict::Unknown, false),
            other => panic!("{other}"),
        };
    }

    fn order(&mut self, word: &str) {
        let (of, order) = word.split_once('=').unwrap();
        self.standing(of).force = match order {
            "up" => Some(Force::Up),
            "down" => Some(Force::Down),
            "drain" => Some(Force::Drain),
            "clear" => None,
            other => panic!("{other}"),
        };
    }

    fn expect(&mut self, verb: &str, line: &str) -> Result<(), String> {
        if self.compiled.is_none() {
            let standings = standings(&self.pool, |endpoint, ip| {
                let by_name = self.standings.get(endpoint.name.as_str()).copied();
                let by_ip = self.standings.get(&ip.to_string()).copied();
                by_ip.or(by_name).unwrap_or(Standing::UNWATCHED)
            });
            let (compiled, changes) = advance(&self.pool, &standings, &mut self.memory, at(self.now));
            self.compiled = Some(compiled);
            self.changes.extend(changes);
        }
        let compiled = self.compiled.as_ref().unwrap();
        let with_ttl = line.contains("ttl=");
        let got = match verb {
            "A" => show("A", &compiled.a, &compiled.steered.a, with_ttl),
            "AAAA" => show("AAAA", &compiled.aaaa, &compiled.steered.aaaa, with_ttl),
            _ => std::mem::take(&mut self.changes).iter().fold("holds".to_owned(), |mut text, change| {
                match change {
                    HoldChange::Begun { member, hold: Some(hold) } => {
                        write!(text, " {}:begun({})", member.endpoint, hold.as_secs()).unwrap();
                    }
                    HoldChange::Begun { member, hold: None } => write!(text, " {}:begun", member.endpoint).unwrap(),
                    HoldChange::Ended { member, why } => {
                        write!(text, " {}:{}", member.endpoint, format!("{why:?}").to_lowercase()).unwrap();
                    }
                }
                text
            }),
        };
        let want = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if got == want { Ok(()) } else { Err(format!("want: {want}\n got: {got}\n{:#?}", compiled.a.steps)) }
    }
}

fn standings(pool: &Pool, of: impl Fn(&Endpoint, IpAddr) -> Standing) -> Vec<Vec<Standing>> {
    pool.endpoints.iter().map(|e| e.addresses.iter().map(|a| of(e, a.ip)).collect()).collect()
}

fn show(rtype: &str, plan: &Plan, steering: &Steering, with_ttl: bool) -> String {
    let mode = match plan.mode {
        Mode::Healthy => "healthy",
        Mode::LastGood => "last-good",
        Mode::All => "all",
        Mode::Static => "static",
        Mode::Nodata => "nodata",
        Mode::Absent => "absent",
    };
    let mut text = format!("{rtype} {mode}");
    match steering {
        Steering::Pick(selector) => {
            let spec = selector.spec();
            let draw = match spec.mode {
                selector::Mode::Uniform => "",
                selector::Mode::Weighted => " weighted",
                selector::Mode::Sticky => " sticky",
                selector::Mode::Shuffle => " shuffle",
            };
            text.push_str(draw);
            if with_ttl {
                write!(text, " ttl={}", spec.ttl).unwrap();
            }
            for choice in &spec.choices {
                for ip in &choice.addresses {
                    write!(text, " {ip}").unwrap();
                    if !draw.is_empty() && draw != " shuffle" {
                        write!(text, "*{}", choice.weight).unwrap();
                    }
                }
            }
        }
        Steering::Static => assert_eq!(plan.mode, Mode::Static),
        Steering::Nodata => assert!(matches!(plan.mode, Mode::Nodata | Mode::Absent)),
    }
    text
}

#[test]
fn policies_answer_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies");
    let mut faults = String::new();
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut script = Script::new();
        for (number, line) in (1..).zip(std::fs::read_to_string(&path).unwrap().lines()) {
            let line = line.split('#').next().unwrap().trim();
            if line == "---" {
                script = Script::new();
            } else if !line.is_empty() {
                checked += 1;
                if let Err(fault) = script.line(line) {
                    writeln!(faults, "{}:{number}\n{fault}", path.display()).unwrap();
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(checked > 100, "only {checked} lines");
}

fn any_pool() -> impl Strategy<Value = Pool> {
    let policy = prop_oneof![
        Just(vec![]),
        Just(vec![Filter::Priority]),
        Just(vec![Filter::Priority, Filter::Weight]),
        Just(vec![Filter::Sticky]),
        Just(vec![Filter::Priority, Filter::Shuffle]),
    ];
    let all_down =
        prop_oneof![Just(AllDown::LastGood), Just(AllDown::All), Just(AllDown::Static), Just(AllDown::Nodata)];
    let mode = prop_oneof![Just(FailbackMode::Auto), Just(FailbackMode::Manual)];
    let endpoint = (1u32..4, prop_oneof![Just(0u32), 1u32..200], 0usize..4, 1usize..8);
    let endpoints = proptest::collection::vec(endpoint, 1..6);
    let dual = prop_oneof![Just(DualStack::Apart), Just(DualStack::Together)];
    (policy, all_down, mode, 0u64..20, 1usize..4, dual, 0usize..3, endpoints).prop_map(
        |(policy, all_down, mode, hold, min_healthy, dual_stack, answers, endpoints)| {
            let endpoints = endpoints.into_iter().enumerate().map(|(index, (priority, weight, region, families))| {
                // Bits: an address of v4, one of v6, another of v4.
                let texts = [format!("10.0.0.{index}"), format!("2001:db8::{index}"), format!("10.0.1.{index}")];
                let addresses = (0..3).filter(|bit| families & (1 << bit) != 0);
                Endpoint {
                    name: EndpointName::new(&format!("e{index}")),
                    region: (region > 0).then(|| Region::new(&region.to_string())),
                    addresses: addresses.map(|i| Address { ip: texts[i].parse().unwrap(), watch: None }).collect(),
                    priority,
                    weight,
                }
            });
            Pool {
                policy,
                all_down,
                failback: Failback { mode, hold: Duration::from_secs(hold) },
                min_healthy,
                dual_stack,
                answers,
                endpoints: endpoints.collect(),
                ..empty_pool()
            }
        },
    )
}

fn any_standing() -> impl Strategy<Value = Standing> {
    let verdict = prop_oneof![3 => Just(Verdict::Up), 3 => Just(Verdict::Down), 1 => Just(Verdict::Unknown)];
    let force = prop_oneof![
        7 => Just(None),
        1 => Just(Some(Force::Up)),
        1 => Just(Some(Force::Down)),
        1 => Just(Some(Force::Drain))
    ];
    (verdict, any::<bool>(), force).prop_map(|(verdict, failing, force)| Standing { verdict, failing, force })
}

/// Every address up to three per endpoint, changed step by step.
fn any_history() -> impl Strategy<Value = Vec<Vec<Standing>>> {
    proptest::collection::vec(proptest::collection::vec(any_standing(), 18), 1..12)
}

proptest! {
    #[test]
    fn what_is_answered_may_be_answered(pool in any_pool(), history in any_history()) {
        let (mut memory, mut twin) = (PoolMemory::default(), PoolMemory::default());
        for (second, all) in (0..).zip(history) {
            let mut next = all.iter().copied();
            // One order per endpoint, as overrides give them.
            let standings: Vec<Vec<_>> = pool.endpoints.iter().map(|e| {
                let own: Vec<_> = e.addresses.iter().map(|_| next.next().unwrap()).collect();
                own.iter().map(|s| Standing { force: own[0].force, ..*s }).collect()
            }).collect();
            let (compiled, _) = advance(&pool, &standings, &mut memory, at(second));
            let (again, _) = advance(&pool, &standings, &mut twin, at(second));
            prop_assert!(compiled.is_same(&again), "not deterministic");
            prop_assert!(compile(&pool, &standings, &memory).is_same(&compiled), "not stable");
            prop_assert_eq!(&memory, &twin);
            for family in Family::ALL {
                check_family(&pool, &standings, &compiled, family)?;
            }
        }
    }
}

fn check_family(
    pool: &Pool,
    standings: &[Vec<Standing>],
    compiled: &Compiled,
    family: Family,
) -> Result<(), TestCaseError> {
    let (plan, steering) = (compiled.plan(family), compiled.steering(family));
    let seats = || {
        let endpoints = pool.endpoints.iter().zip(standings);
        endpoints.flat_map(|(e, own)| e.addresses.iter().zip(own).map(move |(a, s)| (e, a.ip, *s, own)))
    };
    // With `together`, the other family must work too.
    let works = |e: &Endpoint, own: &[Standing]| {
        pool.dual_stack == DualStack::Apart
            || own[0].force == Some(Force::Up)
            || Family::ALL.iter().all(|f| {
                let mut of = e.addresses.iter().zip(own).filter(|(a, _)| Family::of(a.ip) == *f).peekable();
                of.peek().is_none() || of.any(|(_, s)| s.verdict == Verdict::Up)
            })
    };
    let healthy = |(e, ip, s, own): &(&Endpoint, IpAddr, Standing, &Vec<Standing>)| {
        Family::of(*ip) == family && s.is_eligible() && works(e, own)
    };
    let some_healthy = seats().any(|seat| healthy(&seat));
    prop_assert_eq!(some_healthy, plan.mode == Mode::Healthy);
    prop_assert_eq!(plan.in_use.len(), steering.addresses().count());
    for ip in steering.addresses() {
        let seat = seats().find(|(_, own, _, _)| *own == ip).unwrap();
        prop_assert!(!seat.2.is_barred(), "{} is overridden", ip);
        prop_assert!(!some_healthy || healthy(&seat), "{} is answered while others are healthy", ip);
    }
    if some_healthy {
        prop_assert!(steering.addresses().next().is_some());
    }
    Ok(())
}
