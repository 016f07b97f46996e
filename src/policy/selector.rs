//! What a pool's policy comes to for one address family: records made in advance, and how to draw
//! among them. A query costs one draw and a copy; nothing is allocated or sorted.

use std::net::IpAddr;

use crate::dns::Rtype;

/// Endpoints that a pool can have; what a draw may have to look at is bounded by it.
pub const ENDPOINTS_MAX: usize = 256;
/// Addresses that one endpoint can have.
pub const ADDRESSES_MAX: usize = 16;

/// What a pool answers for one address family.
#[derive(Debug)]
pub enum Steering {
    /// Some of these addresses.
    Pick(Selector),
    /// The master file's records at the name.
    Static,
    /// NODATA.
    Nodata,
}

/// What a pool answers now.
#[derive(Debug)]
pub struct Steered {
    /// To A.
    pub a: Steering,
    /// To AAAA.
    pub aaaa: Steering,
}

/// How a selector draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All choices in their order, or uniformly some of them where `take` allows fewer.
    Uniform,
    /// At random by weight, the heaviest draw first.
    Weighted,
    /// By rendezvous hash of the client's network, weights respected.
    Sticky,
    /// Uniformly at random, in random order.
    Shuffle,
}

/// One endpoint that may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its share; at least 1, at most 65,535. Only [`Mode::Weighted`] and [`Mode::Sticky`] look at it.
    pub weight: u32,
    /// What it is known by to [`Mode::Sticky`]: see [`sticky_key`].
    pub key: u64,
    /// Its addresses of the selector's family; at least one.
    pub addresses: Vec<IpAddr>,
}

/// What a [`Selector`] is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorSpec {
    /// A or AAAA; addresses of the other family are left out.
    pub rtype: Rtype,
    /// Seconds.
    pub ttl: u32,
    /// Addresses per answer; 0 is all.
    pub take: usize,
    /// How to draw.
    pub mode: Mode,
    /// Among these, at most [`ENDPOINTS_MAX`].
    pub choices: Vec<Choice>,
}

/// A compiled choice among addresses of one family.
#[derive(Debug)]
pub struct Selector {
    spec: SelectorSpec,
    /// Every address as a resource record owned by the question's name, one after another.
    records: Box<[u8]>,
    /// Bytes of one record.
    stride: usize,
    slots: Box<[Slot]>,
    /// Every answer is all of `records`, as they stand.
    fixed: bool,
    /// How many records an answer has.
    count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Of the choice's records.
    first: u16,
    count: u16,
    weight: u32,
    /// The sum of the weights up to and with this one.
    up_to: u32,
    key: u64,
}

/// Draws numbers from one word of entropy.
struct Draw(u64);

impl Draw {
    /// A number below `n`. The bias is below 2^-7 % for every n that occurs (under 2^24).
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let high = finalise(self.0) >> 32;
        #[allow(clippy::cast_possible_truncation)] // a product of two 32-bit numbers, its upper half
        let number = ((high * u64::from(n)) >> 32) as u32;
        number
    }
}

/// The mixer of SplitMix64.
fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What an endpoint is known by to [`Mode::Sticky`]: its name, so that an address may change and
/// clients stay. FNV-1a, 64 bits.
#[must_use]
pub fn sticky_key(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// The client's network as a number: /24 of IPv4, /48 of IPv6.
fn network(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(ip) => u64::from(u32::from(ip) >> 8),
        IpAddr::V6(ip) => (u64::try_from(u128::from(ip) >> 80).unwrap_or_default()) | 1 << 63,
    }
}

impl Selector {
    /// Makes the records. None where no choice has an address of the family.
    #[must_use]
    pub fn new(mut spec: SelectorSpec) -> Option<Self> {
        let stride = if spec.rtype == Rtype::A { 16 } else { 28 };
        for choice in &mut spec.choices {
            choice.addresses.retain(|ip| ip.is_ipv4() == (spec.rtype == Rtype::A));
            choice.addresses.truncate(ADDRESSES_MAX);
        }
        spec.choices.retain(|choice| !choice.addresses.is_empty());
        spec.choices.truncate(ENDPOINTS_MAX);
        let mut records = Vec::new();
        let mut slots = Vec::with_capacity(spec.choices.len());
        let (mut first, mut up_to) = (0u16, 0u32);
        for choice in &spec.choices {
            for ip in &choice.addresses {
                records.extend_from_slice(&[0xc0, 0x0c]);
                records.extend_from_slice(&spec.rtype.0.to_be_bytes());
                records.extend_from_slice(&[0, 1]);
                records.extend_from_slice(&spec.ttl.to_be_bytes());
                match ip {
                    IpAddr::V4(ip) => {
                        records.extend_from_slice(&[0, 4]);
                        records.extend_from_slice(&ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        records.extend_from_slice(&[0, 16]);
                        records.extend_from_slice(&ip.octets());
                    }
                }
            }
            // At most ADDRESSES_MAX.
            let count = u16::try_from(choice.addresses.len()).unwrap_or(u16::MAX);
            let weight = choice.weight.clamp(1, 65_535);
            up_to += weight;
            slots.push(Slot { first, count, weight, up_to, key: choice.key });
            first += count;
        }
        if slots.is_empty() {
            return None;
        }
        let total = usize::from(first);
        let count = if spec.take == 0 { total } else { total.min(spec.take) };
        let in_order = spec.mode == Mode::Uniform || slots.len() == 1;
        let fixed = count == total && in_order;
        Some(Self { spec, records: records.into(), stride, slots: slots.into(), fixed, count })
    }

    /// What it was made of.
    #[must_use]
    pub fn spec(&self) -> &SelectorSpec {
        &self.spec
    }

    /// How many records every answer has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of every answer.
    #[must_use]
    pub fn size(&self) -> usize {
        self.count * self.stride
    }

    /// Writes the records of one answer, owned by the name that `owner` points to, to the front of
    /// `out`, which must hold [`Selector::size`] bytes. Returns the bytes written.
    #[inline]
    pub fn write(&self, owner: [u8; 2], client: IpAddr, entropy: u64, out: &mut [u8]) -> usize {
        self.write_and_tell(owner, client, entropy, out, |_| {})
    }

    /// As [`Selector::write`], and tells which records it wrote: addresses of the choices in their order.
    #[inline(always)]
    pub fn write_and_tell(
        &self,
        owner: [u8; 2],
        client: IpAddr,
        entropy: u64,
        out: &mut [u8],
        mut tell: impl FnMut(usize),
    ) -> usize {
        let size = self.size();
        let out = &mut out[..size];
        if self.fixed {
            out.copy_from_slice(&self.records);
            (0..self.count).for_each(tell);
        } else if self.count == 1 {
            tell(self.write_one(client, entropy, out));
        } else {
            self.write_some(client, entropy, out, tell);
        }
        if owner != [0xc0, 0x0c] {
            for record in out.chunks_exact_mut(self.stride) {
                record[..2].copy_from_slice(&owner);
            }
        }
        size
    }

    /// The chance of each choice to be drawn first, in their order; over all networks, where they are sticky.
    /// None where nothing is drawn: every answer has all addresses in their order.
    #[must_use]
    pub fn shares(&self) -> Option<Vec<f64>> {
        if self.fixed {
            return None;
        }
        let weighs = matches!(self.spec.mode, Mode::Weighted | Mode::Sticky);
        let weight = |slot: &Slot| if weighs { f64::from(slot.weight) } else { 1.0 };
        let total: f64 = self.slots.iter().map(weight).sum();
        Some(self.slots.iter().map(|slot| weight(slot) / total).collect())
    }

    /// The addresses that one answer would have.
    pub fn addresses(&self, client: IpAddr, entropy: u64) -> Vec<IpAddr> {
        let mut out = vec![0; self.size()];
        self.write([0xc0, 0x0c], client, entropy, &mut out);
        out.chunks_exact(self.stride)
            .filter_map(|record| match record.get(12..)? {
                v4 @ [_, _, _, _] => Some(IpAddr::from(<[u8; 4]>::try_from(v4).ok()?)),
                v6 => Some(IpAddr::from(<[u8; 16]>::try_from(v6).ok()?)),
            })
            .collect()
    }

    /// Returns which record it wrote.
    fn write_one(&self, client: IpAddr, entropy: u64, out: &mut [u8]) -> usize {
        let mut draw = Draw(entropy);
        let slot = match self.spec.mode {
            Mode::Sticky => self.nearest(network(client)),
            Mode::Weighted => {
                let total = self.slots.last().map_or(1, |s| s.up_to);
                let at = draw.below(total);
                self.slots.partition_point(|s| s.up_to <= at)
            }
            Mode::Uniform | Mode::Shuffle => usize_of(draw.below(u32_of(self.slots.len()))),
        };
        let slot = self.slots[slot];
        let index = if slot.count == 1 { 0 } else { usize_of(draw.below(u32::from(slot.count))) };
        let record = usize::from(slot.first) + index;
        out.copy_from_slice(self.record(record));
        record
    }

    fn write_some(&self, client: IpAddr, entropy: u64, out: &mut [u8], mut tell: impl FnMut(usize)) {
        let mut draw = Draw(entropy);
        let mut order = [0u8; ENDPOINTS_MAX];
        for (index, place) in (0u8..=255).zip(order.iter_mut().take(self.slots.len())) {
            *place = index;
        }
        let n = self.slots.len();
        if self.spec.mode == Mode::Sticky {
            let mut scores = [0.0; ENDPOINTS_MAX];
            let network = network(client);
            for (score, slot) in scores.iter_mut().zip(&self.slots) {
                *score = slot.score(network);
            }
            order[..n].sort_unstable_by(|a, b| scores[usize::from(*a)].total_cmp(&scores[usize::from(*b)]));
        }
        let mut weight_left = self.slots.last().map_or(0, |s| s.up_to);
        let mut at = 0;
        for chosen in 0..n {
            // The next endpoint is swapped to the front of those that are left.
            let left = &order[chosen..n];
            let index = match self.spec.mode {
                Mode::Uniform | Mode::Shuffle => usize_of(draw.below(u32_of(left.len()))),
                Mode::Weighted => {
                    let mut target = draw.below(weight_left);
                    left.iter()
                        .position(|i| {
                            let weight = self.slots[usize::from(*i)].weight;
                            let hit = target < weight;
                            target = target.wrapping_sub(weight);
                            hit
                        })
                        .unwrap_or(0)
                }
                Mode::Sticky => 0,
            };
            order.swap(chosen, chosen + index);
            let slot = self.slots[usize::from(order[chosen])];
            weight_left -= slot.weight;
            let room = (out.len() - at) / self.stride;
            let count = usize::from(slot.count);
            // Where not all addresses of an endpoint fit, each has the same chance.
            let skip = if count > room { usize_of(draw.below(u32::from(slot.count))) } else { 0 };
            for offset in 0..count.min(room) {
                let record = usize::from(slot.first) + (skip + offset) % count;
                out[at..at + self.stride].copy_from_slice(self.record(record));
                tell(record);
                at += self.stride;
            }
            if at == out.len() {
                return;
            }
        }
    }

    fn record(&self, index: usize) -> &[u8] {
        &self.records[index * self.stride..][..self.stride]
    }

    /// The slot with the best rendezvous score for a network.
    fn nearest(&self, network: u64) -> usize {
        let mut best = (f64::INFINITY, 0);
        for (index, slot) in self.slots.iter().enumerate() {
            let score = slot.score(network);
            if score < best.0 {
                best = (score, index);
            }
        }
        best.1
    }
}

impl Slot {
    /// Weighted rendezvous hashing: -ln(u)/w, the least wins.
    fn score(&self, network: u64) -> f64 {
        let hash = finalise(finalise(network.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ self.key);
        #[allow(clippy::cast_precision_loss)] // 53 bits, which a double holds
        let uniform = ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -uniform.ln() / f64::from(self.weight)
    }
}

fn u32_of(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn usize_of(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    fn selector(mode: Mode, take: usize, choices: &[(u32, &[&str])]) -> Selector {
        let choices = choices
            .iter()
            .map(|(weight, ips)| Choice {
                weight: *weight,
                key: sticky_key(ips[0]),
                addresses: ips.iter().map(|ip| ip.parse().expect("an address")).collect(),
            })
            .collect();
        Selector::new(SelectorSpec { rtype: Rtype::A, ttl: 10, take, mode, choices }).expect("has addresses")
    }

    fn shares(selector: &Selector, n: u64) -> HashMap<IpAddr, f64> {
        let mut seen = HashMap::new();
        for seed in 0..n {
            for ip in selector.addresses(CLIENT, finalise(seed)) {
                *seen.entry(ip).or_insert(0.0) += 1.0 / n as f64;
            }
        }
        seen
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn records_are_ready_for_the_wire() {
        let s = selector(Mode::Uniform, 0, &[(1, &["10.0.0.1"]), (1, &["10.0.0.2", "2001:db8::1"])]);
        let mut out = [0; 64];
        assert_eq!(s.write([0xc0, 0x20], CLIENT, 1, &mut out), 32);
        assert_eq!(out[..16], [0xc0, 0x20, 0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 10, 0, 0, 1]);
        assert_eq!(out[28..32], [10, 0, 0, 2]);
    }

    #[test]
    fn weights_are_shares() {
        let s = selector(Mode::Weighted, 1, &[(3, &["10.0.0.1"]), (1, &["10.0.0.2"])]);
        let seen = shares(&s, 100_000);
        assert!((seen[&ip(1)] - 0.75).abs() < 0.01, "{seen:?}");
    }

    #[test]
    fn an_endpoint_of_two_addresses_has_one_share() {
        let s = selector(Mode::Weighted, 1, &[(1, &["10.0.0.1", "10.0.0.2"]), (1, &["10.0.0.3"])]);
        let seen = shares(&s, 100_000);
        assert!((seen[&ip(1)] - 0.25).abs() < 0.01 && (seen[&ip(3)] - 0.5).abs() < 0.01, "{seen:?}");
    }

    #[test]
    fn two_of_three_are_drawn_without_repetition() {
        for mode in [Mode::Uniform, Mode::Weighted, Mode::Shuffle, Mode::Sticky] {
            let s = selector(mode, 2, &[(1, &["10.0.0.1"]), (1, &["10.0.0.2"]), (1, &["10.0.0.3"])]);
            for seed in 0..1000 {
                let got = s.addresses(CLIENT, finalise(seed));
                assert_eq!(got.len(), 2);
                assert_ne!(got[0], got[1], "{mode:?}");
            }
        }
    }

    #[test]
    fn uniform_and_shuffle_are_even() {
        for mode in [Mode::Uniform, Mode::Shuffle] {
            let s = selector(mode, 1, &[(1, &["10.0.0.1"]), (9, &["10.0.0.2"]), (1, &["10.0.0.3"])]);
            for share in shares(&s, 30_000).values() {
                assert!((share - 1.0 / 3.0).abs() < 0.02, "{mode:?}");
            }
        }
    }

    #[test]
    fn sticky_moves_only_the_clients_of_the_endpoint_that_died() {
        let all: &[(u32, &[&str])] = &[(1, &["10.0.0.1"]), (1, &["10.0.0.2"]), (2, &["10.0.0.3"])];
        let (before, after) = (selector(Mode::Sticky, 1, all), selector(Mode::Sticky, 1, &all[1..]));
        let mut on_first = 0.0;
        for net in 0..20_000u32 {
            let client = IpAddr::from((0x0b00_0000 + (net << 8)).to_be_bytes());
            let (was, is) = (before.addresses(client, 1)[0], after.addresses(client, 2)[0]);
            assert_eq!(was, before.addresses(client, 77)[0], "one client, one answer");
            if was == ip(1) {
                on_first += 1.0 / 20_000.0;
            } else {
                assert_eq!(was, is, "{client} moved without need");
            }
        }
        assert!((on_first - 0.25f64).abs() < 0.02, "{on_first}");
        let neighbour = |last| before.addresses(IpAddr::from([203, 0, 113, last]), 1);
        assert_eq!(neighbour(1), neighbour(250), "one /24 is one client");
    }

    #[test]
    fn a_family_without_addresses_has_no_selector() {
        let spec = SelectorSpec {
            rtype: Rtype::AAAA,
            ttl: 1,
            take: 1,
            mode: Mode::Uniform,
            choices: vec![Choice { weight: 1, key: 1, addresses: vec![ip(1)] }],
        };
        assert!(Selector::new(spec).is_none());
    }
}
