use super::*;
use crate::control::{Answer, DrillOrder, EventId};
use crate::dns::{Name, Rtype};
use crate::drill::sight::Question;
use crate::health::Flip;
use crate::model::observation::{Failure, Observation, Phases};
use crate::model::{CheckName, EndpointName, PoolName, Region};
use crate::policy::{Family, HoldEnd, Member, Mode};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn pool() -> PoolId {
    PoolId { zone: Name::parse("example").unwrap(), pool: PoolName::new("app") }
}

fn ip(n: u8) -> std::net::IpAddr {
    [192, 0, 2, n].into()
}

fn order() -> DrillOrder {
    DrillOrder {
        id: "one".into(),
        region: Region::new("us"),
        lasts: ms(2000),
        author: "ann".into(),
        reason: "to see".into(),
    }
}

/// A drill that has not begun, of one pool in which the region has 192.0.2.1.
fn measure(hold: Option<Duration>) -> Measure {
    measure_of(hold, false)
}

/// As [`measure`]; `varies`: its answers are drawn.
fn measure_of(hold: Option<Duration>, varies: bool) -> Measure {
    let plan =
        Plan { order: order(), rto: Some(ms(30_000)), resolvers: vec![([192, 0, 2, 53], 53).into()], scheduled: None };
    let question = Question { name: Name::parse("www.example").unwrap(), rtype: Rtype::A };
    let (failing, in_use) = ([ip(1)].into(), [ip(1)].into());
    let watched = Watched { pool: pool(), question, failing, in_use, varies, rises_within: ms(600), hold };
    Measure::new(&plan, vec![watched], 0)
}

fn sight(last: u8) -> Sight {
    Sight::Reply { rcode: 0, addresses: vec![ip(last)], ttl: ms(10_000) }
}

fn event(kind: Kind) -> Event {
    Event { id: EventId(1), at: SystemTime::UNIX_EPOCH, kind }
}

fn begun() -> Event {
    event(Kind::Drill(DrillChange::Begun(order())))
}

fn ended(why: DrillEnd) -> Event {
    event(Kind::Drill(DrillChange::Ended { order: order(), why, met: None }))
}

fn down() -> Event {
    let (began, phases) = (SystemTime::UNIX_EPOCH, Phases::default());
    let evidence = Arc::new(Observation { began, phases, status: None, result: Err(Failure::Drill) });
    event(Kind::Endpoint {
        pool: pool(),
        endpoint: EndpointName::new("us"),
        region: Some(Region::new("us")),
        ip: ip(1),
        check: CheckName::new("web"),
        flip: Flip { from: Verdict::Up, to: Verdict::Down, streak: 3, evidence },
    })
}

fn hold(hold: Option<Duration>) -> Event {
    let member = Member { endpoint: EndpointName::new("us"), ip: ip(1) };
    event(Kind::Hold { pool: pool(), change: HoldChange::Begun { member, hold } })
}

/// Begun, detected and moved; the moment of the beginning.
fn moved(measure: &mut Measure) -> Instant {
    let start = Instant::now();
    measure.hear(0, start, &sight(1));
    assert!(measure.take(&begun(), start));
    measure.hear(0, start + ms(10), &sight(1));
    assert!(measure.take(&down(), start + ms(400)));
    assert!(measure.hear(0, start + ms(410), &sight(2)), "worth to be told");
    start
}

#[test]
fn from_the_beginning_to_the_way_back() {
    let mut measure = measure(Some(ms(2000)));
    assert!(!measure.has_begun());
    let start = moved(&mut measure);
    assert!(measure.is_failing() && measure.has_target());
    measure.hear_resolver(0, start + ms(500), &sight(1));
    measure.hear_resolver(0, start + ms(1000), &sight(2));
    measure.hear_resolver(0, start + ms(1500), &Sight::Silence);
    let report = measure.report();
    assert_eq!((report.state, report.met), (State::Running, Some(true)));
    assert!(measure.take(&ended(DrillEnd::Over), start + ms(2000)));
    assert_eq!(measure.deadline(), Some(start + ms(2000) + ms(600) + ms(2000) + SLACK));
    assert_eq!(measure.report().state, State::Restoring);
    assert!(measure.hear(0, start + ms(4600), &sight(1)));
    assert!(measure.is_over());
    let report = measure.report();
    assert_eq!((report.detect, report.answer, report.failback), (Some(ms(400)), Some(ms(410)), Some(ms(2600))));
    assert_eq!((report.state, report.restored, report.note), (State::Done, Some(ms(2000)), None));
    assert_eq!((report.resolvers[0].seen, &report.resolvers[0].error), (Some(ms(1000)), &None));
}

#[test]
fn what_holds_on_is_not_waited_for() {
    for (held, note) in [
        (None, "example/app holds on: its failback is manual (pharos failback example/app)"),
        (Some(ms(86_400_000)), "example/app holds on for 1day"),
    ] {
        let mut measure = measure(held);
        let start = moved(&mut measure);
        measure.take(&ended(DrillEnd::Over), start + ms(2000));
        measure.take(&hold(held), start + ms(2600));
        assert!(measure.is_over());
        let report = measure.report();
        assert_eq!((report.state, report.note.as_deref(), report.failback), (State::Done, Some(note), None));
    }
}

#[test]
fn a_short_hold_is_waited_for() {
    let mut measure = measure(Some(ms(2000)));
    let start = moved(&mut measure);
    measure.take(&ended(DrillEnd::Over), start + ms(2000));
    measure.take(&hold(Some(ms(2000))), start + ms(2600));
    let member = Member { endpoint: EndpointName::new("us"), ip: ip(1) };
    let over = event(Kind::Hold { pool: pool(), change: HoldChange::Ended { member, why: HoldEnd::Over } });
    measure.take(&over, start + ms(4600));
    assert!(!measure.is_over());
    measure.give_up();
    assert_eq!(measure.report().note.as_deref(), Some("example/app has not come back yet"));
}

#[test]
fn one_that_is_taken_back_was_aborted() {
    let mut measure = measure(None);
    let start = moved(&mut measure);
    let asked = DrillEnd::Asked { author: "ben".into(), reason: "enough".into() };
    measure.take(&ended(asked), start + ms(1000));
    measure.hear(0, start + ms(1010), &sight(1));
    let report = measure.report();
    assert_eq!((report.state, report.note.as_deref()), (State::Aborted, Some("ended by ben: enough")));
    assert_eq!((report.met, report.failback), (Some(true), Some(ms(10))), "what was measured stays");
}

#[test]
fn events_of_others_are_none_of_its_own() {
    let mut measure = measure(None);
    let other = DrillOrder { id: "two".into(), ..order() };
    assert!(!measure.take(&event(Kind::Drill(DrillChange::Begun(other))), Instant::now()));
    assert!(!measure.has_begun());
    measure.take(&begun(), Instant::now());
    let Kind::Endpoint { pool, endpoint, ip, check, flip, .. } = down().kind else { unreachable!() };
    let elsewhere = Kind::Endpoint { pool, endpoint, region: Some(Region::new("eu")), ip, check, flip };
    assert!(!measure.take(&event(elsewhere), Instant::now()));
    assert_eq!(measure.report().detect, None);
}

#[test]
fn where_nothing_moved_nothing_is_waited_for() {
    let mut measure = measure(None);
    let start = Instant::now();
    measure.hear(0, start, &sight(2));
    measure.take(&begun(), start);
    measure.hear(0, start + ms(10), &sight(2));
    assert!(!measure.has_target(), "the region is a reserve");
    measure.take(&ended(DrillEnd::Over), start + ms(2000));
    assert!(measure.is_over());
    assert_eq!((measure.report().state, measure.report().met), (State::Done, None));
}

/// The pool may answer these from now on.
fn answers(last: &[u8]) -> Event {
    let answer = |last: &[u8]| Answer { mode: Mode::Healthy, addresses: last.iter().map(|n| ip(*n)).collect() };
    event(Kind::Answer { pool: pool(), family: Family::V4, before: answer(&[]), after: answer(last) })
}

#[test]
fn what_is_drawn_ends_with_the_region_in_use() {
    let mut measure = measure_of(Some(ms(2000)), true);
    let start = Instant::now();
    measure.hear(0, start, &sight(1));
    measure.take(&begun(), start);
    assert!(!measure.hear(0, start + ms(10), &sight(2)), "that was chance");
    assert_eq!(measure.report().answer, None);
    measure.take(&down(), start + ms(400));
    measure.take(&answers(&[2, 3]), start + ms(400));
    measure.hear(0, start + ms(410), &sight(2));
    measure.take(&ended(DrillEnd::Over), start + ms(2000));
    measure.hear(0, start + ms(2010), &sight(2));
    assert!(!measure.is_over(), "it was answered so before, but that was chance, too");
    assert!(measure.take(&answers(&[1, 2, 3]), start + ms(2600)));
    let report = measure.report();
    assert_eq!((report.state, report.answer, report.failback), (State::Done, Some(ms(410)), Some(ms(600))));
}

#[test]
fn a_resolver_counts_from_where_it_knew_the_region() {
    let mut measure = measure(None);
    let start = moved(&mut measure);
    let seen = |measure: &Measure| measure.report().resolvers[0].seen;
    measure.hear_resolver(0, start + ms(500), &sight(2));
    assert_eq!(seen(&measure), None);
    assert_eq!(measure.report().resolvers[0].error.as_deref(), Some("it never answered with the region"));
    measure.hear_resolver(0, start + ms(600), &sight(1));
    measure.hear_resolver(0, start + ms(700), &sight(2));
    assert_eq!((seen(&measure), &measure.report().resolvers[0].error), (Some(ms(700)), &None));
    measure.hear_resolver(0, start + ms(800), &sight(1));
    assert_eq!(seen(&measure), None, "another of its caches has it");
    measure.hear_resolver(0, start + ms(900), &sight(2));
    measure.take(&ended(DrillEnd::Over), start + ms(2000));
    measure.hear_resolver(0, start + ms(2500), &sight(1));
    assert_eq!(seen(&measure), Some(ms(900)), "it comes back as it should");
}

#[test]
fn a_resolver_that_hears_draws_counts_from_the_verdict() {
    let mut measure = measure_of(None, true);
    let start = Instant::now();
    measure.hear_resolver(0, start, &sight(1));
    measure.take(&begun(), start);
    measure.hear_resolver(0, start + ms(100), &sight(2));
    measure.take(&down(), start + ms(400));
    measure.hear_resolver(0, start + ms(500), &sight(2));
    assert_eq!(measure.report().resolvers[0].seen, Some(ms(500)));
}

#[test]
fn events_that_were_lost_are_made_up_for() {
    let mut measure = measure(None);
    let (start, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + ms(5));
    measure.hear(0, start, &sight(1));
    let [away, down] = [false, true].map(|is_down| View { is_down, is_in_use: false });
    measure.catch_up(false, &[away], start, wall);
    assert!(!measure.has_begun(), "nobody has begun it");
    measure.begin(start, wall);
    measure.take(&begun(), start + ms(10));
    assert_eq!((measure.is_failing(), measure.report().begun), (true, wall), "once");
    measure.hear(0, start + ms(410), &sight(2));
    measure.catch_up(true, &[down], start + ms(420), wall);
    assert_eq!((measure.report().detect, measure.report().answer), (Some(ms(420)), Some(ms(410))));
    measure.catch_up(false, &[away], start + ms(2000), wall);
    assert_eq!((measure.report().state, measure.report().restored), (State::Restoring, Some(ms(2000))));
}
