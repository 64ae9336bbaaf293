//! A journal's segment, whatever the disk made of it: read without a panic, and what is whole in it
//! is found wherever it lies. Any events fold to a record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use zeroline::call::call_record::CallRecord;
use zeroline::events::{CallRef, EndedBy, Entry, Event};
use zeroline::journal::segment::{decode, decode_payload, encode, encode_header};

/// One call, three events.
static SEGMENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let ended = Event::CallEnded {
        by: EndedBy::Caller,
        reason: "BYE".to_owned(),
    };
    let mut segment = encode_header().to_vec();
    for (seq, event) in (0..).zip([Event::MediaFlows, Event::MediaFlows, ended]) {
        encode(&entry(seq, event), &mut segment);
    }
    segment
});

fuzz_target!(|octets: &[u8]| {
    read(octets);
    if let Ok(entry) = decode_payload(octets) {
        let mut segment = SEGMENT.clone();
        encode(&entry, &mut segment);
        assert_eq!(read(&segment).last(), Some(&entry));
    }
    // Octets at random places are others.
    let mut segment = SEGMENT.clone();
    for change in octets.chunks_exact(3) {
        let at = usize::from(change[0]) << 8 | usize::from(change[1]);
        let length = segment.len();
        segment[at % length] = change[2];
    }
    // What comes behind the damage is found.
    let last = entry(3, Event::MediaFlows);
    encode(&last, &mut segment);
    let readable = segment.starts_with(&encode_header());
    assert!(!readable || read(&segment).last() == Some(&last));
});

fn entry(seq: u32, event: Event) -> Entry {
    Entry {
        call: CallRef::from_parts(1, 1),
        seq,
        at_ms: 1,
        event,
    }
}

fn read(segment: &[u8]) -> Vec<Entry> {
    let frames = decode(segment);
    let entries: Vec<Entry> = frames.filter_map(|frame| Some(frame.ok()?.entry)).collect();
    CallRecord::fold(&entries);
    entries
}
