//! A journal segment's bytes: a header, then frames, then zeros up to the allocated end.
//!
//! ```text
//! header  "ZEROLINE" | version u16 | 0 u16 | crc32 of the 12 bytes before u32
//! frame   length u32 | crc32 of length and payload u32 | payload: an `events::Entry` as JSON
//! ```
//!
//! All numbers are little-endian. A frame is never longer than [`MAX_FRAME`]. No byte sequence
//! makes the decoder panic or loop: it skips what is damaged to the next frame whose checksum holds.

use crate::events::{Entry, VERSION};
use std::fmt;

const MAGIC: [u8; 8] = *b"ZEROLINE";
pub const HEADER_LEN: usize = 16;
pub const FRAME_HEADER_LEN: usize = 8;
/// Room for eight texts of [`SHORTENED`] bytes of which each needs six in JSON.
pub const MAX_PAYLOAD: usize = 16 * 1024;
pub const MAX_FRAME: usize = FRAME_HEADER_LEN + MAX_PAYLOAD;
/// What a text is cut to in an entry that would be too long otherwise.
const SHORTENED: usize = 256;
/// Every payload begins so, because `call` is the first field of an entry: what makes the search
/// for the next frame cheap.
const PAYLOAD_START: &[u8] = b"{\"call\":\"";

pub fn encode_header() -> [u8; HEADER_LEN] {
    header_of_version(VERSION)
}

fn header_of_version(version: u16) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&version.to_le_bytes());
    let crc = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Appends the entry's frame to `out` and returns the frame's length, at most [`MAX_FRAME`].
pub fn encode(entry: &Entry, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER_LEN]);
    serde_json::to_writer(&mut *out, entry)
        .expect("an entry has only string keys and finite enums");
    if out.len() - start > MAX_FRAME {
        out.truncate(start + FRAME_HEADER_LEN);
        encode_shortened(entry, out);
    }
    let payload_len = (out.len() - start - FRAME_HEADER_LEN) as u32;
    out[start..start + 4].copy_from_slice(&payload_len.to_le_bytes());
    let crc = checksum(payload_len, &out[start + FRAME_HEADER_LEN..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    out.len() - start
}

/// Texts come from peers and operators, so one may be longer than a frame; its beginning is kept.
fn encode_shortened(entry: &Entry, out: &mut Vec<u8>) {
    let shortened = serde_json::to_value(entry)
        .map(|mut value| {
            shorten_texts(&mut value);
            value
        })
        .and_then(serde_json::from_value::<Entry>)
        .expect("shorter texts leave the entry an entry");
    serde_json::to_writer(&mut *out, &shortened).expect("as in encode");
}

fn shorten_texts(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) if text.len() > SHORTENED => {
            let whole = |&end: &usize| text.is_char_boundary(end);
            let end = (0..=SHORTENED).rev().find(whole).unwrap_or(0);
            text.truncate(end);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(shorten_texts),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(shorten_texts),
        _ => {}
    }
}

fn checksum(payload_len: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&payload_len.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// An entry and where its frame lies in the segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Of the frame's first byte.
    pub offset: u64,
    /// Of the whole frame.
    pub len: u32,
    pub entry: Entry,
}

/// What was found in a segment instead of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The disk does not give the segment's bytes, at least not now.
    Unreadable { reason: String },
    /// Written by a later Zeroline. Nothing of the segment is read.
    WrongVersion { found: u16 },
    /// The header is not one. Frames after it are still looked for.
    Header,
    /// From `offset` on `lost` bytes held no frame: a write that was cut, or changed bytes.
    Frames { offset: u64, lost: u64 },
    /// The checksum holds, yet it is no entry of this version.
    Entry { offset: u64, reason: String },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Unreadable { reason } => write!(
                f,
                "it cannot be read ({reason}): it stays as it is, and the next start reads it again"
            ),
            Damage::WrongVersion { found } => write!(
                f,
                "it is of journal version {found}, this Zeroline reads up to {VERSION}: \
                 start the Zeroline that wrote it once more, so that it stores these calls"
            ),
            Damage::Header => f.write_str("its header is damaged"),
            Damage::Frames { offset, lost } => {
                write!(f, "{lost} bytes from byte {offset} on are lost")
            }
            Damage::Entry { offset, reason } => {
                write!(f, "the entry at byte {offset} cannot be read: {reason}")
            }
        }
    }
}

/// Reads a segment from its first byte. Ends at the last entry; zeros after it are no damage.
pub fn decode(segment: &[u8]) -> Decode<'_> {
    // Allocated space that was never written is cut off, so that every search ends early.
    let end = segment.iter().rposition(|&byte| byte != 0);
    Decode {
        bytes: &segment[..end.map_or(0, |last| last + 1)],
        at: 0,
    }
}

pub struct Decode<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Decode<'_> {
    type Item = Result<Frame, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == 0 && !self.bytes.is_empty() {
            self.at = HEADER_LEN;
            match header_version(self.bytes) {
                Some(version) if version <= VERSION => {}
                Some(found) => {
                    self.at = self.bytes.len();
                    return Some(Err(Damage::WrongVersion { found }));
                }
                None => return Some(Err(Damage::Header)),
            }
        }
        if self.at >= self.bytes.len() {
            return None;
        }
        let offset = self.at as u64;
        let Some(payload) = payload_at(self.bytes, self.at) else {
            let next = next_frame(self.bytes, self.at + 1);
            self.at = next;
            let lost = next as u64 - offset;
            return Some(Err(Damage::Frames { offset, lost }));
        };
        let len = FRAME_HEADER_LEN + payload.len();
        self.at += len;
        Some(match decode_payload(payload) {
            Ok(entry) => Ok(Frame {
                offset,
                len: len as u32,
                entry,
            }),
            Err(reason) => Err(Damage::Entry { offset, reason }),
        })
    }
}

/// Reads a frame's payload, as it also lies in the store.
pub fn decode_payload(payload: &[u8]) -> Result<Entry, String> {
    serde_json::from_slice(payload).map_err(|error| error.to_string())
}

/// The payload of the frame that begins at `at`, if there is one and its checksum holds.
pub fn payload_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let header = bytes.get(at..at.checked_add(FRAME_HEADER_LEN)?)?;
    let (len, crc) = header.split_first_chunk::<4>()?;
    let payload_len = u32::from_le_bytes(*len);
    let crc = u32::from_le_bytes(*crc.first_chunk::<4>()?);
    let start = at + FRAME_HEADER_LEN;
    let payload = bytes.get(start..start.checked_add(payload_len as usize)?)?;
    let holds = payload.len() <= MAX_PAYLOAD
        && payload.starts_with(PAYLOAD_START)
        && checksum(payload_len, payload) == crc;
    holds.then_some(payload)
}

/// Where the next whole frame begins, or the end. Only where a payload seems to begin is a
/// checksum tried, so that this is linear but for bytes made to be slow.
fn next_frame(bytes: &[u8], from: usize) -> usize {
    (from..bytes.len())
        .find(|&at| payload_at(bytes, at).is_some())
        .unwrap_or(bytes.len())
}

fn header_version(bytes: &[u8]) -> Option<u16> {
    let header = bytes.first_chunk::<HEADER_LEN>()?;
    let version = u16::from_le_bytes([header[8], header[9]]);
    (*header == header_of_version(version)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{CallRef, Event};
    use proptest::prelude::*;

    fn entry(seq: u32, node: &str) -> Entry {
        Entry {
            call: CallRef::from_parts(1_700_000_000_000, 7),
            seq,
            at_ms: 1_700_000_000_000 + u64::from(seq),
            event: Event::NodeEntered { node: node.into() },
        }
    }

    fn segment(entries: &[Entry]) -> Vec<u8> {
        let mut bytes = encode_header().to_vec();
        for entry in entries {
            encode(entry, &mut bytes);
        }
        bytes
    }

    fn entries(bytes: &[u8]) -> Vec<Entry> {
        decode(bytes).filter_map(|r| Some(r.ok()?.entry)).collect()
    }

    fn damages(bytes: &[u8]) -> Vec<Damage> {
        decode(bytes).filter_map(Result::err).collect()
    }

    #[test]
    fn what_is_written_is_read_back_and_unwritten_space_is_no_damage() {
        let written = [entry(0, "main"), entry(1, "客服")];
        let mut bytes = segment(&written);
        bytes.resize(bytes.len() + 5000, 0);
        assert_eq!(entries(&bytes), written);
        assert_eq!(damages(&bytes), []);
    }

    #[test]
    fn nothing_and_only_a_header_hold_no_entries() {
        for bytes in [&[][..], &[0; 64], &encode_header()] {
            assert_eq!(decode(bytes).count(), 0);
        }
    }

    #[test]
    fn a_cut_write_loses_only_itself() {
        let whole = segment(&[entry(0, "main")]);
        let mut bytes = segment(&[entry(0, "main"), entry(1, "refund")]);
        bytes.truncate(bytes.len() - 3);
        let lost = (bytes.len() - whole.len()) as u64;
        bytes.resize(4096, 0);
        assert_eq!(entries(&bytes), [entry(0, "main")]);
        let offset = whole.len() as u64;
        assert_eq!(damages(&bytes), [Damage::Frames { offset, lost }]);
    }

    #[test]
    fn a_changed_bit_loses_only_the_frame_it_is_in() {
        let written = [entry(0, "a"), entry(1, "b"), entry(2, "c")];
        let first = segment(&written[..1]).len();
        let second = segment(&written[..2]).len();
        for at in first..second {
            let mut bytes = segment(&written);
            bytes[at] ^= 0x10;
            assert_eq!(entries(&bytes), [entry(0, "a"), entry(2, "c")], "byte {at}");
            let lost = (second - first) as u64;
            let offset = first as u64;
            assert_eq!(damages(&bytes), [Damage::Frames { offset, lost }]);
        }
    }

    #[test]
    fn pages_that_never_reached_the_disk_lose_only_themselves() {
        let written: Vec<Entry> = (0..100).map(|seq| entry(seq, "node")).collect();
        let mut bytes = segment(&written);
        bytes[1000..3000].fill(0);
        let read = entries(&bytes);
        assert!(read.len() > 60 && read.len() < 100);
        assert_eq!(read.first(), written.first());
        assert_eq!(read.last(), written.last());
        assert_eq!(damages(&bytes).len(), 1);
    }

    #[test]
    fn a_damaged_header_is_told_and_frames_are_read_all_the_same() {
        let mut bytes = segment(&[entry(0, "main")]);
        bytes[3] = b'?';
        assert_eq!(damages(&bytes), [Damage::Header]);
        assert_eq!(entries(&bytes), [entry(0, "main")]);
    }

    #[test]
    fn a_later_version_is_told_and_not_read() {
        let mut bytes = header_of_version(VERSION + 1).to_vec();
        encode(&entry(0, "main"), &mut bytes);
        let found = VERSION + 1;
        assert_eq!(damages(&bytes), [Damage::WrongVersion { found }]);
        assert_eq!(entries(&bytes), []);
    }

    #[test]
    fn an_entry_of_a_kind_that_is_unknown_is_told_and_skipped() {
        let mut bytes = segment(&[]);
        let payload =
            br#"{"call":"01BX5ZZKBKACTAV9WEVGEMMVRZ","seq":0,"at_ms":1,"event":{"kind":"x"}}"#;
        let len = payload.len() as u32;
        bytes.extend(len.to_le_bytes());
        bytes.extend(checksum(len, payload).to_le_bytes());
        bytes.extend(payload);
        encode(&entry(1, "main"), &mut bytes);
        assert_eq!(entries(&bytes), [entry(1, "main")]);
        assert!(matches!(damages(&bytes)[..], [Damage::Entry { .. }]));
    }

    #[test]
    fn texts_that_are_too_long_are_cut_not_lost() {
        let reason = "\u{1}é".repeat(40_000);
        let long = Entry {
            event: Event::CallRejected {
                status: 403,
                reason,
            },
            ..entry(0, "")
        };
        let mut frame = Vec::new();
        assert!(encode(&long, &mut frame) <= MAX_FRAME);
        let mut bytes = segment(&[]);
        bytes.extend(frame);
        let Event::CallRejected { status, reason } = &entries(&bytes)[0].event else {
            panic!("another event came back");
        };
        assert_eq!(*status, 403);
        assert!(reason.starts_with("\u{1}é") && reason.len() <= SHORTENED);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes).count();
        }

        #[test]
        fn frames_before_and_after_changed_bytes_are_kept(
            at in 0usize..4000, junk in prop::collection::vec(any::<u8>(), 1..300),
        ) {
            let written: Vec<Entry> = (0..40).map(|seq| entry(seq, "node")).collect();
            let mut bytes = segment(&written);
            let at = at.min(bytes.len() - 1);
            let end = (at + junk.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&junk[..end - at]);
            for frame in decode(&bytes).flatten() {
                prop_assert_eq!(&frame.entry, &written[frame.entry.seq as usize]);
            }
            let touched = (end - at) / segment(&written[..1])[HEADER_LEN..].len() + 2;
            prop_assert!(entries(&bytes).len() >= 40 - touched);
        }
    }
}
