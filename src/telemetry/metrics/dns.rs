//! Queries and answers.

use super::text::Text;
use super::{NONE, OTHER};
use crate::answer::Transport;
use crate::dns::Rcode;
use crate::snapshot::{Roll, Row};

/// What was answered since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// Queries that were answered.
    pub queries: Vec<Queries>,
    /// How often an address of a pool was in a reply.
    pub members: Vec<(Row, u64)>,
    /// Messages by how they came.
    pub transports: Vec<(Transport, Transports)>,
    /// TCP connections at this moment.
    pub tcp_open: u64,
    /// TCP connections since the start, by what became of them.
    pub tcp: [(&'static str, u64); 4],
    /// Queries that the system dropped because nobody took them in time; none where it does not tell.
    pub overflowed: Option<u64>,
}

/// One count of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queries {
    /// How they came.
    pub transport: Transport,
    /// The zone.
    pub zone: Row,
    /// How they were answered.
    pub rcode: Rcode,
    /// How many.
    pub count: u64,
}

/// Messages that came one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transports {
    /// Received.
    pub received: u64,
    /// Received, and not to be answered.
    pub unanswered: u64,
    /// Replies that the system did not send.
    pub unsent: u64,
    /// Replies that were cut.
    pub truncated: u64,
}

impl Dns {
    pub(super) fn write(&self, text: &mut Text, roll: &Roll) {
        let Self { queries, members, transports, tcp_open, tcp, overflowed } = self;
        write_queries(text, queries, roll);
        write_members(text, members, roll);
        let mut all = |name, help, of: fn(&Transports) -> u64| {
            let mut family = text.counter(name, help);
            for (transport, counts) in transports {
                family.sample(&[("transport", word(*transport))], of(counts));
            }
        };
        all("pharos_dns_received_total", "Messages received.", |counts| counts.received);
        all("pharos_dns_unanswered_total", "Messages that deserve no reply: no queries, or too short.", |counts| {
            counts.unanswered
        });
        all("pharos_dns_unsent_total", "Replies that the system refused to send.", |counts| counts.unsent);
        all("pharos_dns_truncated_total", "Replies that did not fit and were cut (TC).", |counts| counts.truncated);
        if let Some(overflowed) = overflowed {
            let help = "Queries over UDP that the system dropped because its buffers were full.";
            text.counter("pharos_dns_udp_overflow_total", help).sample(&[], overflowed);
        }
        text.gauge("pharos_dns_tcp_connections", "TCP connections.").sample(&[], tcp_open);
        let help = "TCP connections by outcome: accepted, refused for want of room, evicted for another, timed out.";
        let mut family = text.counter("pharos_dns_tcp_connections_total", help);
        for (outcome, count) in tcp {
            family.sample(&[("outcome", outcome)], count);
        }
    }
}

fn write_queries(text: &mut Text, queries: &[Queries], roll: &Roll) {
    let mut names = vec![NONE.to_owned(); roll.zones.len()];
    names[Row::OTHER.index()] = OTHER.to_owned();
    for (row, holder) in roll.zones.holders() {
        names[row.index()] = holder.key.bare();
    }
    let mut family = text.counter("pharos_dns_queries_total", "Queries answered, by code of the reply.");
    let mut write = |Queries { transport, zone, rcode, count }: &Queries| {
        let labels =
            [("transport", word(*transport)), ("zone", &names[zone.index()]), ("rcode", &format!("{rcode:?}"))];
        family.sample(&labels, count);
    };
    queries.iter().for_each(&mut write);
    // A counter that is not there cannot be seen to rise from 0: a first series for each zone.
    for (row, _) in roll.zones.holders() {
        let (transport, zone, rcode) = (Transport::Udp, row, Rcode::NOERROR);
        if !queries.iter().any(|one| (one.transport, one.zone, one.rcode) == (transport, zone, rcode)) {
            write(&Queries { transport, zone, rcode, count: 0 });
        }
    }
}

fn write_members(text: &mut Text, members: &[(Row, u64)], roll: &Roll) {
    let mut counts = vec![0; roll.members.len()];
    for (row, count) in members {
        if let Some(place) = counts.get_mut(row.index()) {
            *place = *count;
        }
    }
    let mut family = text.counter("pharos_dns_answers_total", "Answers that held an address of a pool.");
    for (row, holder) in roll.members.holders() {
        let (pool, member) = (&holder.key.pool, &holder.key.member);
        let labels = [
            ("zone", pool.zone.bare()),
            ("pool", pool.pool.to_string()),
            ("endpoint", member.endpoint.to_string()),
            ("address", member.ip.to_string()),
        ];
        family.sample(&labels.each_ref().map(|(name, value)| (*name, value.as_str())), counts[row.index()]);
    }
    if counts[Row::OTHER.index()] > 0 || roll.members.without() > 0 {
        let labels = ["zone", "pool", "endpoint", "address"].map(|name| (name, OTHER));
        family.sample(&labels, counts[Row::OTHER.index()]);
    }
}

fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Name;
    use crate::model::pool::PoolId;
    use crate::model::{EndpointName, PoolName};
    use crate::policy::Member;
    use crate::snapshot::{MEMBERS_MAX, PoolMember, ZONES_MAX};

    #[test]
    fn zones_beyond_the_bound_share_a_series() {
        let zones = |n: usize| (0..n).map(|n| Name::parse(&format!("z{n}.test")).unwrap());
        let roll = Roll::default().next(zones(ZONES_MAX + 7), []);
        let one = |zone, rcode, count| Queries { transport: Transport::Tcp, zone, rcode, count };
        let own = roll.zones.row(&Name::parse("z3.test").unwrap());
        let queries =
            vec![one(Row::NONE, Rcode::REFUSED, 4), one(Row::OTHER, Rcode::NOERROR, 9), one(own, Rcode::NXDOMAIN, 2)];
        let mut text = Text::default();
        Dns { queries, ..Dns::default() }.write(&mut text, &roll);
        let text = text.finish();
        let series: Vec<_> = text.lines().filter(|line| line.starts_with("pharos_dns_queries_total")).collect();
        assert_eq!(series.len(), 3 + ZONES_MAX);
        for line in [
            "pharos_dns_queries_total{transport=\"tcp\",zone=\"_none\",rcode=\"REFUSED\"} 4",
            "pharos_dns_queries_total{transport=\"tcp\",zone=\"_other\",rcode=\"NOERROR\"} 9",
            "pharos_dns_queries_total{transport=\"tcp\",zone=\"z3.test\",rcode=\"NXDOMAIN\"} 2",
            "pharos_dns_queries_total{transport=\"udp\",zone=\"z999.test\",rcode=\"NOERROR\"} 0",
        ] {
            assert!(series.contains(&line), "{line}");
        }
        assert!(!text.contains("z1000.test"));
        assert_eq!(roll.zones.without(), 7);
    }

    #[test]
    fn addresses_beyond_the_bound_share_a_series() {
        let member = |n: usize| PoolMember {
            pool: PoolId { zone: Name::parse("a.test").unwrap(), pool: PoolName::new("app") },
            member: Member { endpoint: EndpointName::new(&format!("e{n}")), ip: [192, 0, 2, 1].into() },
        };
        let roll = Roll::default().next([], (0..MEMBERS_MAX + 3).map(member));
        let members = vec![(Row::OTHER, 8), (roll.members.row(&member(4)), 5)];
        let mut text = Text::default();
        write_members(&mut text, &members, &roll);
        let text = text.finish();
        let own = |n: usize, count: u64| {
            let labels = format!("zone=\"a.test\",pool=\"app\",endpoint=\"e{n}\",address=\"192.0.2.1\"");
            format!("pharos_dns_answers_total{{{labels}}} {count}\n")
        };
        assert_eq!(text.lines().count(), 2 + MEMBERS_MAX + 1);
        assert!(text.contains(&own(4, 5)) && text.contains(&own(MEMBERS_MAX - 1, 0)));
        assert!(!text.contains(&format!("\"e{MEMBERS_MAX}\"")));
        let other = r#"{zone="_other",pool="_other",endpoint="_other",address="_other"} 8"#;
        assert!(text.ends_with(&format!("pharos_dns_answers_total{other}\n")), "{}", &text[text.len() - 200..]);
    }
}
