//! What holds between the fields of a record, or for the value of one.

use super::wire::name_len;
use crate::dns::Rtype;

/// A rule that data breaks.
pub(super) struct Broken {
    /// Which field to underline, by its place in the grammar.
    pub(super) field: usize,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

fn broken(field: usize, code: &'static str, message: impl Into<String>) -> Broken {
    Broken { field, code, message: message.into(), help: None }
}

/// Data that matches its grammar, against the rules of its type.
pub(super) fn check(rtype: Rtype, rdata: &[u8]) -> Result<(), Broken> {
    match rtype {
        Rtype::DS | Rtype::CDS => digest_of_key(rtype, rdata),
        Rtype::SSHFP => match rdata {
            [_, kind, print @ ..] => {
                let want = [None, Some(20), Some(32)].get(usize::from(*kind)).copied().flatten();
                length(2, "fingerprint", &format!("type {kind}"), print, want)
            }
            _ => Ok(()),
        },
        Rtype::TLSA | Rtype::SMIMEA => match rdata {
            [_, _, kind, data @ ..] => {
                let want = [None, Some(32), Some(64)].get(usize::from(*kind)).copied().flatten();
                length(3, "association data", &format!("matching type {kind}"), data, want)
            }
            _ => Ok(()),
        },
        Rtype::ZONEMD => match rdata {
            [_, _, _, _, _, algorithm, digest @ ..] => {
                let want = [None, Some(48), Some(64)].get(usize::from(*algorithm)).copied().flatten();
                length(3, "digest", &format!("hash algorithm {algorithm}"), digest, want)
            }
            _ => Ok(()),
        },
        Rtype::DNSKEY | Rtype::CDNSKEY | Rtype::KEY => key(rtype, rdata),
        Rtype::SOA => soa(rdata),
        _ => Ok(()),
    }
}

fn length(field: usize, what: &str, kind: &str, bytes: &[u8], want: Option<usize>) -> Result<(), Broken> {
    match want {
        Some(want) if bytes.len() != want => {
            let message = format!("{what} has {} of the {want} bytes of {kind}", bytes.len());
            Err(broken(field, "zone-bad-digest", message))
        }
        _ => Ok(()),
    }
}

fn digest_of_key(rtype: Rtype, rdata: &[u8]) -> Result<(), Broken> {
    let [tag_high, tag_low, algorithm, kind, digest @ ..] = rdata else { return Ok(()) };
    // RFC 8078, 4: the wish to be unsigned.
    if rtype == Rtype::CDS && *algorithm == 0 {
        return if (tag_high, tag_low, kind, digest) == (&0, &0, &0, &[0]) {
            Ok(())
        } else {
            Err(Broken {
                help: Some("algorithm 0 asks the parent to remove DS records (RFC 8078) and is written: CDS 0 0 0 00"),
                ..broken(1, "zone-bad-number", "CDS with algorithm 0")
            })
        };
    }
    let want = [None, Some(20), Some(32), Some(32), Some(48)].get(usize::from(*kind)).copied().flatten();
    length(3, "digest", &format!("digest type {kind}"), digest, want)
}

fn key(rtype: Rtype, rdata: &[u8]) -> Result<(), Broken> {
    let [flags_high, flags_low, protocol, algorithm, key @ ..] = rdata else { return Ok(()) };
    if rtype == Rtype::KEY {
        return Ok(());
    }
    if *protocol != 3 {
        return Err(broken(1, "zone-bad-number", format!("{rtype} with protocol {protocol}, which is always 3")));
    }
    // RFC 8078, 4.
    let removes = (flags_high, flags_low, key) == (&0, &0, &[0]);
    if *algorithm == 0 && !(rtype == Rtype::CDNSKEY && removes) {
        return Err(broken(2, "zone-bad-number", format!("{rtype} with algorithm 0, which is reserved")));
    }
    Ok(())
}

/// RFC 2308, 5: the minimum is a TTL.
fn soa(rdata: &[u8]) -> Result<(), Broken> {
    let numbers = name_len(rdata).and_then(|first| Some(first + name_len(rdata.get(first..)?)?));
    let minimum = numbers.and_then(|at| rdata.get(at + 16..at + 20)?.try_into().ok()).map(u32::from_be_bytes);
    match minimum {
        Some(minimum) if minimum > crate::model::zone::TTL_MAX => {
            Err(broken(6, "zone-bad-ttl", format!("minimum of {minimum} seconds, over the longest TTL of 2147483647")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimum_is_found_behind_both_names() {
        let mut rdata = b"\x01a\0\x02bb\0".to_vec();
        rdata.extend([0; 16]);
        rdata.extend(u32::MAX.to_be_bytes());
        assert!(check(Rtype::SOA, &rdata).is_err_and(|b| b.field == 6));
    }
}
