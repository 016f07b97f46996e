//! Master files: never a panic, and a zone that results is sound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pharos::config::diag::Severity;
use pharos::config::master;
use pharos::dns::{Name, Rtype};
use pharos::model::zone::TTL_MAX;

fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the origin.
    let Some((&choice, text)) = bytes.split_first() else { return };
    let origin = match choice % 4 {
        0 => Name::root(),
        1 => Name::parse("a.b.c.d.example").unwrap(),
        _ => Name::parse("example").unwrap(),
    };
    let mut out = Vec::new();
    let parsed = master::parse_bytes(&origin, text, &mut out);
    // Diagnostics can be shown, whatever they point at.
    for diagnostic in out.iter().chain(parsed.targets.iter().take(10).map(|t| &t.warning)) {
        assert!(diagnostic.to_string().ends_with('\n'));
    }
    let errors = out.iter().filter(|d| d.severity == Severity::Error).count();
    assert_eq!(parsed.zone.is_none(), errors > 0);
    let Some(zone) = parsed.zone else { return };
    assert!(zone.rrset(&origin, Rtype::SOA).is_some_and(|soa| soa.count == 1));
    assert!(zone.rrset(&origin, Rtype::NS).is_some());

    // Written in the generic form, it is the same zone again: so all data decodes as its type.
    let mut again = String::new();
    let mut records = 0;
    for node in zone.nodes() {
        let owner = Name::from_wire(node.owner).unwrap();
        assert!(owner.is_within(&origin), "{owner} is out of {origin}");
        for set in node.rrsets() {
            assert!(set.ttl <= TTL_MAX && !set.rtype.is_meta() && set.count > 0);
            for rdata in set.rdatas() {
                records += 1;
                let hex: String = rdata.iter().map(|byte| format!("{byte:02x}")).collect();
                again += &format!("{owner} {} {} \\# {} {hex}\n", set.ttl, set.rtype, rdata.len());
            }
        }
    }
    assert_eq!(records, zone.record_count());
    let mut out = Vec::new();
    let parsed = master::parse_bytes(&origin, again.as_bytes(), &mut out);
    let shown = || out.iter().map(ToString::to_string).collect::<String>();
    let same = parsed.zone.unwrap_or_else(|| panic!("{}\n{again}", shown()));
    assert_eq!((same.node_count(), same.record_count()), (zone.node_count(), zone.record_count()));
});
