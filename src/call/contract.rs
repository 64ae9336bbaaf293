//! What a call is told, and what it wants done: the seam between the pure call and the server.

use crate::audio::prompt::Prompt;
use crate::dialogue::action::{Fetch, Listen};
use crate::dialogue::heard::Completeness;
use crate::dialogue::input::{FetchFailure, FetchId, Fetched, PlayId, SpeechHeard};
use crate::dialogue::program::Program;
use crate::events::{Entry, Pace};
use crate::handoff::distributor::{Answer, Request};
use crate::language::Language;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tracing::Span;

/// One of a call's legs: 0 is the caller's, each attempt to ring a person has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegNumber(pub u16);

impl LegNumber {
    pub const CALLER: LegNumber = LegNumber(0);
}

/// A leg has two ports (RFC 3550, 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    Rtp,
    Rtcp,
}

/// Where packets go: a socket in the server, a vector in a test. Sending cannot fail: a packet that
/// cannot be sent is a packet lost.
pub trait PacketSink {
    fn send(&mut self, leg: LegNumber, channel: Channel, to: SocketAddr, packet: &[u8]);
}

/// What a media thread drives. After each call of a method that takes `now`, the outputs are drained.
pub trait Session: Send {
    fn handle_input(&mut self, now: Instant, input: Input, sink: &mut dyn PacketSink);

    /// One datagram from a leg's socket; whether it was from the leg's peer.
    fn receive(
        &mut self,
        now: Instant,
        from: (LegNumber, Channel, SocketAddr),
        datagram: &mut [u8],
        sink: &mut dyn PacketSink,
    ) -> bool;

    /// To be called at [`Session::next_tick`] or later.
    fn tick(&mut self, now: Instant, sink: &mut dyn PacketSink);

    fn next_tick(&self) -> Instant;

    fn poll_output(&mut self) -> Option<Output>;

    /// Names it in the log lines of those who work for it.
    fn span(&self) -> Span;
}

#[derive(Debug)]
pub enum Input {
    /// The ACK of our 2xx; with an SDP answer if that carried the offer.
    Acked {
        leg: LegNumber,
        answer: Option<Bytes>,
    },
    /// A re-INVITE or UPDATE; without SDP it asks for our offer.
    Offer {
        leg: LegNumber,
        sdp: Option<Bytes>,
    },
    /// The answer to our own re-INVITE; a status that says the dialog is gone is [`Input::LegEnded`].
    OfferAnswered {
        leg: LegNumber,
        result: Result<Option<Bytes>, Option<u16>>,
    },
    Info {
        leg: LegNumber,
        content_type: String,
        body: Bytes,
    },
    Progress {
        leg: LegNumber,
        status: u16,
        sdp: Option<Bytes>,
    },
    Answered {
        leg: LegNumber,
        sdp: Option<Bytes>,
    },
    Failed {
        leg: LegNumber,
        status: Option<u16>,
    },
    ReferAccepted,
    ReferRefused {
        status: Option<u16>,
    },
    ReferProgress {
        status: u16,
        is_final: bool,
    },
    /// The leg's dialog is over: the peer's BYE or CANCEL, or the network failed.
    LegEnded {
        leg: LegNumber,
        by_peer: bool,
        reason: String,
    },
    /// The answer to [`SipCommand::Prepare`].
    MediaOpened {
        leg: LegNumber,
        address: Result<SocketAddr, String>,
    },
    Rendered {
        play: PlayId,
        part: usize,
        result: Result<Arc<Prompt>, String>,
    },
    /// The answer to [`HearCommand::AskAhead`].
    HeardAhead {
        utterance: UtteranceId,
        completeness: Completeness,
    },
    /// The answer to [`HearCommand::End`], or to any other where it was refused.
    Heard {
        utterance: UtteranceId,
        heard: SpeechHeard,
    },
    Fetched {
        fetch: FetchId,
        result: Result<Fetched, FetchFailure>,
    },
    /// The answer to [`RecorderCommand::Close`].
    RecordingClosed {
        file: String,
        milliseconds: u32,
    },
    RecordingFailed {
        file: String,
        reason: String,
    },
    /// What the distributor says about the way to a person, in the call's search of that number.
    Desk {
        search: u32,
        answer: Answer,
    },
    /// The server stops in a moment: the caller is told, and the call ends.
    Stopping,
    /// The server stops: end the call now.
    Shutdown {
        reason: String,
    },
}

#[derive(Debug)]
pub enum Output {
    Sip(SipCommand),
    CloseMedia {
        leg: LegNumber,
    },
    Fetch(Fetch),
    CancelFetch(FetchId),
    /// Synthesize, then tell [`Input::Rendered`].
    Render {
        play: PlayId,
        part: usize,
        language: Language,
        text: String,
        pace: Pace,
    },
    Hear(HearCommand),
    /// For the distributor.
    Desk(Request),
    Journal(Entry),
    Record(RecorderCommand),
    /// The call's last output.
    Finished,
}

#[derive(Debug, PartialEq)]
pub enum SipCommand {
    /// 180 to the INVITE.
    Ring,
    Accept {
        sdp: Vec<u8>,
    },
    Reject {
        status: u16,
        reason: String,
    },
    AnswerOffer {
        leg: LegNumber,
        answer: Result<Vec<u8>, u16>,
    },
    /// Ask the peer whether it is still there.
    Reinvite {
        leg: LegNumber,
        offer: Vec<u8>,
    },
    /// Find out where the target is and bind a port pair for the leg, then tell
    /// [`Input::MediaOpened`].
    Prepare {
        leg: LegNumber,
        target: String,
    },
    /// Ring the target that the leg was prepared for.
    Invite {
        leg: LegNumber,
        offer: Vec<u8>,
        /// What the person is told.
        headers: Vec<(String, String)>,
    },
    /// `replaces`: the target takes over this leg's dialog with us (RFC 3891).
    Refer {
        target: String,
        /// What the person is told.
        headers: Vec<(String, String)>,
        replaces: Option<LegNumber>,
    },
    Info {
        leg: LegNumber,
        content_type: &'static str,
        body: String,
    },
    /// BYE, CANCEL, or nothing, as the leg's state wants it.
    HangUp {
        leg: LegNumber,
        reason: String,
    },
}

/// Numbers what a caller says from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UtteranceId(pub u32);

/// One utterance is under way at a time.
#[derive(Debug)]
pub enum HearCommand {
    Begin {
        utterance: UtteranceId,
        listen: Listen,
        program: Arc<Program>,
    },
    /// The next samples of it.
    Samples(UtteranceId, Vec<i16>),
    /// What was said so far? Nothing answers: the words of an engine that changes its mind become
    /// stable by it.
    AskPartial(UtteranceId),
    /// What was it, if nothing more is said?
    AskAhead(UtteranceId),
    /// `unchanged`: nothing but silence came since `AskAhead`.
    End {
        utterance: UtteranceId,
        unchanged: bool,
    },
    /// Nobody wants to know any more.
    Abandon(UtteranceId),
}

#[derive(Debug, PartialEq)]
pub enum RecorderCommand {
    /// `file` is relative to the data folder.
    Open {
        file: String,
        stereo: bool,
    },
    /// `right` is empty where there is one channel.
    Samples {
        file: String,
        left: Vec<i16>,
        right: Vec<i16>,
    },
    Close {
        file: String,
    },
    /// Deletes the file, closed or not; nothing answers.
    Discard {
        file: String,
    },
}
