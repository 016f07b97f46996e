//! Any bytes are a query, a fault to report, or nothing; what is read is consistent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pharos::dns::{Hash, LookupName, Name, Unparsed, parse};

fuzz_target!(|data: &[u8]| {
    let mut name = LookupName::ROOT;
    match parse(data, &mut name) {
        Ok(query) => {
            let folded = query.name.folded();
            assert_eq!(query.question.len(), folded.len() + 4);
            assert!(query.question[..folded.len()].eq_ignore_ascii_case(folded));
            let whole = Name::from_wire(folded).expect("a whole name");
            assert_eq!(whole.label_count(), query.name.labels());
            for labels in 0..=query.name.labels() {
                let ancestor = query.name.ancestor(labels);
                assert!(folded.ends_with(ancestor));
                assert_eq!(query.name.hash(labels), Hash::of(ancestor));
            }
            assert!(query.tsig.is_none_or(|at| at < data.len()));
        }
        Err(Unparsed::Ignore) => assert!(data.len() < 12 || data[2] & 0x80 != 0),
        Err(Unparsed::Reply { question_len, .. }) => assert!(12 + question_len <= data.len()),
    }
});
