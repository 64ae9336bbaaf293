//! What a call was like: `zeroline call --format json`, and what tests look at.

use crate::caller::ladder::{Ladder, Rung};
use crate::caller::line::LineEnd;
use crate::caller::state::{CallState, Ended, How, milliseconds, serialize_milliseconds};
use crate::events::{KeySource, Quality};
use crate::key::Key;
use serde::Serialize;
use std::time::{Duration, Instant};

/// A longer pause between packets is dead air.
const DEAD_AIR: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub answered: bool,
    pub ended: Ended,
    pub timings: Timings,
    /// Absent where media was never agreed on.
    pub media: Option<Media>,
    pub quality: MediaQuality,
    pub keys_sent: Vec<KeySent>,
    pub keys_heard: Vec<KeyHeard>,
    pub ladder: Vec<Rung>,
    /// Messages that the ladder had no room for.
    pub ladder_left_out: u64,
    /// What was heard, at 8 kHz, from the moment that media was agreed on.
    #[serde(skip)]
    pub heard: Vec<i16>,
}

/// Since the call's first SIP message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    #[serde(rename = "trying_ms", serialize_with = "serialize_milliseconds")]
    pub trying: Option<Duration>,
    #[serde(rename = "ringing_ms", serialize_with = "serialize_milliseconds")]
    pub ringing: Option<Duration>,
    #[serde(rename = "answered_ms", serialize_with = "serialize_milliseconds")]
    pub answered: Option<Duration>,
    #[serde(rename = "first_rtp_ms", serialize_with = "serialize_milliseconds")]
    pub first_rtp: Option<Duration>,
    #[serde(rename = "ended_ms", serialize_with = "serialize_milliseconds")]
    pub ended: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Media {
    pub codec: &'static str,
    pub ptime_ms: u8,
    pub telephone_event: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MediaQuality {
    #[serde(flatten)]
    pub rtp: Quality,
    pub talkspurts: u32,
    /// The longest time between two packets, or between the last one and the end.
    #[serde(rename = "largest_gap_ms", serialize_with = "serialize_milliseconds")]
    pub largest_gap: Option<Duration>,
    /// Packets came, and never failed to for longer than two seconds.
    pub kept_arriving: bool,
    /// How long something louder than silence was heard.
    pub sound_heard_ms: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KeySent {
    pub key: Key,
    pub at_ms: f64,
    /// From the key's first packet to the peer's next talkspurt.
    #[serde(
        rename = "talkspurt_after_ms",
        serialize_with = "serialize_milliseconds"
    )]
    pub talkspurt_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KeyHeard {
    pub key: Key,
    pub by: KeySource,
    pub at_ms: f64,
}

pub(super) fn write(state: &CallState, ladder: &Ladder, line: LineEnd) -> Report {
    let now = Instant::now();
    let since = |at: Instant| at.saturating_duration_since(ladder.start());
    let ended = state.ended.clone();
    let ended = ended.unwrap_or_else(|| Ended::new(now, How::Lost, None));
    Report {
        answered: state.answered.is_some(),
        timings: Timings {
            trying: ladder.first_response(|status| status == 100),
            ringing: ladder.first_response(|status| (101..200).contains(&status)),
            answered: state.answered.map(since),
            first_rtp: state.first_rtp.map(since),
            ended: Some(since(ended.at)),
        },
        media: state.negotiated.as_ref().map(|negotiated| Media {
            codec: negotiated.codec.name(),
            ptime_ms: negotiated.ptime_ms,
            telephone_event: negotiated.telephone_event.is_some(),
        }),
        quality: media_quality(state, line.quality, ended.at),
        keys_sent: state
            .keys_sent
            .iter()
            .map(|sent| KeySent {
                key: sent.key,
                at_ms: milliseconds(since(sent.at)),
                talkspurt_after: sent.talkspurt_after,
            })
            .collect(),
        keys_heard: state
            .keys_heard
            .iter()
            .map(|heard| KeyHeard {
                key: heard.key,
                by: heard.source,
                at_ms: milliseconds(since(heard.at)),
            })
            .collect(),
        ladder: ladder.rungs().to_vec(),
        ladder_left_out: ladder.left_out(),
        heard: line.heard,
        ended,
    }
}

fn media_quality(state: &CallState, rtp: Quality, ended: Instant) -> MediaQuality {
    let last_gap = state.last_rtp.map(|at| ended.saturating_duration_since(at));
    let largest_gap = last_gap.map(|gap| gap.max(state.largest_gap));
    MediaQuality {
        rtp,
        talkspurts: state.talkspurts,
        largest_gap,
        kept_arriving: largest_gap.is_some_and(|gap| gap <= DEAD_AIR),
        sound_heard_ms: milliseconds(state.sound_heard),
    }
}
