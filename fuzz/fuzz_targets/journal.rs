//! A journal's segment, whatever the disk made of it: read without a panic, what is whole in it is
//! found wherever it lies, and any events fold to a record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zeroline::call::call_record::CallRecord;
use zeroline::events::Entry;
use zeroline::journal::segment::{decode, encode, encode_header, payload_at};

fuzz_target!(|octets: &[u8]| {
    read(octets);
    // What lies behind a damaged stretch is found again.
    let entries = read(&[&encode_header()[..], octets].concat());
    let Some(entry) = entries.first() else {
        return;
    };
    let mut segment = encode_header().to_vec();
    segment.extend_from_slice(octets);
    let at = segment.len();
    encode(entry, &mut segment);
    assert!(payload_at(&segment, at).is_some());
    assert!(read(&segment).len() >= entries.len());
});

fn read(segment: &[u8]) -> Vec<Entry> {
    let entries: Vec<Entry> = decode(segment)
        .filter_map(|frame| Some(frame.ok()?.entry))
        .collect();
    CallRecord::fold(&entries);
    entries
}
