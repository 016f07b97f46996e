//! Queries that the system dropped because the buffers of our sockets were full: only it knows of them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How many were dropped so far on sockets bound to these addresses; none where the system does not tell.
#[must_use]
pub fn udp_overflow(ours: &[SocketAddr]) -> Option<u64> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"];
    // A system without IPv6 has no second table.
    let tables: Vec<_> = tables.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    (!tables.is_empty())
        .then(|| tables.iter().flat_map(|table| table.lines()).filter_map(|line| drops(line, ours)).sum())
}

/// What a line of the table says, if it is about one of our sockets.
fn drops(line: &str, ours: &[SocketAddr]) -> Option<u64> {
    let mut fields = line.split_whitespace();
    let local = address(fields.nth(1)?)?;
    ours.contains(&local).then(|| fields.next_back()?.parse().ok()).flatten()
}

/// An address as the table writes it: words of 32 bits in the order of this machine, all in hexadecimal.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (at, part) in octets.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_are_read_as_the_system_writes_them() {
        let v4 = "  100: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 17";
        let v6 = " 7: 0000000000000000FFFF00000100007F:1F75 0:0 07 0:0 00:0 0 0 0 1 2 0 5";
        let ours: Vec<SocketAddr> = ["127.0.0.1:53", "[::ffff:127.0.0.1]:8053"].map(|a| a.parse().unwrap()).to_vec();
        assert_eq!([v4, v6].map(|line| drops(line, &ours)), [Some(17), Some(5)]);
        assert_eq!(drops(v4, &ours[1..]), None);
        assert_eq!(drops("  sl  local_address rem_address   st tx_queue", &ours), None);
    }
}
