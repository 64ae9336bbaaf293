//! What lives on a media thread: a session with its sockets. A session that panics is ended here;
//! no other call notices.

use super::call_metrics::CallCounted;
use super::epoll::Epoll;
use super::hearing::Saying;
use super::ports::PortPair;
use super::routes::{CallWish, Routes};
use crate::call::contract::{
    Channel, Input, LegNumber, Output, PacketSink, RecorderCommand, Session, SipCommand,
};
use crate::events::{EndedBy, Entry, Event};
use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tracing::Span;

/// Names a session among the server's threads.
pub type CallNumber = u64;

pub struct Resident {
    pub number: CallNumber,
    session: Box<dyn Session>,
    /// Outputs that were taken before the session came to its thread.
    first_outputs: VecDeque<Output>,
    sockets: Sockets,
    /// The last event that went to the journal, and when, to go on from if the session panics.
    last_entry: Option<(Instant, Entry)>,
    counted: CallCounted,
    open_recordings: Vec<String>,
    saying: Saying,
    finished: bool,
}

#[derive(Default)]
struct Sockets(Vec<LegSockets>);

struct LegSockets {
    leg: LegNumber,
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl PacketSink for Sockets {
    fn send(&mut self, leg: LegNumber, channel: Channel, to: SocketAddr, packet: &[u8]) {
        if let Some(socket) = self.socket(leg, channel) {
            // A packet that cannot be sent is a packet lost; the quality figures tell.
            let _ = socket.send_to(packet, to);
        }
    }
}

impl Sockets {
    fn socket(&self, leg: LegNumber, channel: Channel) -> Option<&UdpSocket> {
        let sockets = self.0.iter().find(|sockets| sockets.leg == leg)?;
        Some(match channel {
            Channel::Rtp => &sockets.rtp,
            Channel::Rtcp => &sockets.rtcp,
        })
    }
}

const PANICKED: &str = "internal fault: the call's task panicked";

/// The end of a call that panicked so long after its last event.
fn end_after(last: Entry, elapsed: Duration) -> Entry {
    Entry {
        seq: last.seq + 1,
        at_ms: last.at_ms + elapsed.as_millis() as u64,
        event: Event::CallEnded {
            by: EndedBy::Server,
            reason: PANICKED.into(),
        },
        ..last
    }
}

impl Resident {
    pub fn new(number: CallNumber, session: Box<dyn Session>) -> Resident {
        Resident {
            number,
            session,
            first_outputs: VecDeque::new(),
            sockets: Sockets::default(),
            last_entry: None,
            counted: CallCounted::default(),
            open_recordings: Vec::new(),
            saying: Saying::default(),
            finished: false,
        }
    }

    /// Gives a leg its sockets.
    pub fn add_sockets(&mut self, leg: LegNumber, pair: PortPair) {
        self.sockets.0.push(LegSockets {
            leg,
            rtp: pair.rtp,
            rtcp: pair.rtcp,
        });
    }

    /// Registers the sockets that are there with `epoll`, each under the token that `token` makes.
    pub fn register(
        &self,
        epoll: &Epoll,
        only: Option<LegNumber>,
        token: impl Fn(LegNumber, Channel) -> u64,
    ) -> std::io::Result<()> {
        for sockets in self
            .sockets
            .0
            .iter()
            .filter(|s| only.is_none_or(|leg| leg == s.leg))
        {
            epoll.add(&sockets.rtp, token(sockets.leg, Channel::Rtp))?;
            epoll.add(&sockets.rtcp, token(sockets.leg, Channel::Rtcp))?;
        }
        Ok(())
    }

    pub fn next_tick(&self) -> Instant {
        self.session.next_tick()
    }

    pub fn span(&self) -> Span {
        self.session.span()
    }

    pub fn is_finished(&self) -> bool {
        self.finished
    }

    pub fn handle_input(&mut self, now: Instant, input: Input, routes: &mut Routes) {
        self.guarded(now, routes, |session, sockets| {
            session.handle_input(now, input, sockets)
        });
    }

    pub fn tick(&mut self, now: Instant, routes: &mut Routes) {
        self.guarded(now, routes, |session, sockets| session.tick(now, sockets));
    }

    /// Reads one datagram from a socket that is ready; whether a stranger sent it.
    pub fn read(
        &mut self,
        now: Instant,
        leg: LegNumber,
        channel: Channel,
        buffer: &mut [u8],
        routes: &mut Routes,
    ) -> bool {
        let Some(socket) = self.sockets.socket(leg, channel) else {
            return false;
        };
        // An error here is an ICMP report about an earlier packet, or nothing to read after all.
        let Ok((length, source)) = socket.recv_from(buffer) else {
            return false;
        };
        let datagram = &mut buffer[..length];
        let mut is_from_peer = true;
        self.guarded(now, routes, |session, sockets| {
            is_from_peer = session.receive(now, (leg, channel, source), datagram, sockets);
        });
        !is_from_peer
    }

    fn guarded(
        &mut self,
        now: Instant,
        routes: &mut Routes,
        work: impl FnOnce(&mut dyn Session, &mut Sockets),
    ) {
        if self.finished {
            return;
        }
        let session = &mut *self.session;
        let sockets = &mut self.sockets;
        if catch_unwind(AssertUnwindSafe(|| work(session, sockets))).is_err() {
            self.end_after_panic(now, routes);
        }
    }

    /// What a new session answers its INVITE with; its other outputs stay in order.
    pub fn take_sip(&mut self) -> Vec<SipCommand> {
        let outputs: Vec<Output> = std::iter::from_fn(|| self.session.poll_output()).collect();
        let mut commands = Vec::new();
        for output in outputs {
            match output {
                Output::Sip(command) => commands.push(command),
                output => self.first_outputs.push_back(output),
            }
        }
        commands
    }

    /// The event that a new session begins with, if it keeps a record; it is the caller's to journal.
    pub fn take_first_entry(&mut self) -> Option<Entry> {
        let outputs = &mut self.first_outputs;
        let at = outputs
            .iter()
            .position(|output| matches!(output, Output::Journal(_)))?;
        let Some(Output::Journal(entry)) = outputs.remove(at) else {
            return None;
        };
        self.last_entry = Some((Instant::now(), entry.clone()));
        Some(entry)
    }

    /// Does what the session wants done.
    pub fn drain(&mut self, now: Instant, routes: &mut Routes) {
        while let Some(output) = self
            .first_outputs
            .pop_front()
            .or_else(|| self.session.poll_output())
        {
            match output {
                // Closing removes them from epoll too.
                Output::CloseMedia { leg } => self.sockets.0.retain(|sockets| sockets.leg != leg),
                Output::Finished => self.finished = true,
                Output::Journal(entry) => {
                    self.last_entry = Some((now, entry.clone()));
                    routes.journal(entry, &mut self.counted);
                }
                Output::Record(command) => {
                    self.note_recording(&command);
                    let refused = routes.record(self.number, command);
                    self.refused(now, refused, routes);
                }
                Output::Sip(command) => routes.wish(self.number, CallWish::Sip(command)),
                Output::Desk(request) => routes.wish(self.number, CallWish::Desk(request)),
                Output::Fetch(fetch) => {
                    let refused = routes.fetch(self.number, fetch);
                    self.refused(now, refused, routes);
                }
                Output::Hear(command) => {
                    let refused = routes.hear(self.number, &mut self.saying, command);
                    self.refused(now, refused, routes);
                }
                Output::CancelFetch(fetch) => routes.cancel_fetch(self.number, fetch),
                Output::Render {
                    play,
                    part,
                    language,
                    text,
                    pace,
                } => {
                    let text = (language, text, pace);
                    let refused = routes.render(self.number, (play, part), text);
                    self.refused(now, refused, routes);
                }
            }
        }
    }

    /// A queue was full: the session is told at once instead of waiting.
    fn refused(&mut self, now: Instant, refused: Option<Input>, routes: &mut Routes) {
        if let Some(input) = refused {
            self.handle_input(now, input, routes);
        }
    }

    fn note_recording(&mut self, command: &RecorderCommand) {
        match command {
            RecorderCommand::Open { file, .. } => self.open_recordings.push(file.clone()),
            RecorderCommand::Close { file } | RecorderCommand::Discard { file } => {
                self.open_recordings.retain(|open| open != file)
            }
            RecorderCommand::Samples { .. } => {}
        }
    }

    /// A bug: what the session knew cannot be trusted any more, so its legs are hung up, its
    /// recordings closed and its record ended truthfully.
    fn end_after_panic(&mut self, now: Instant, routes: &mut Routes) {
        self.span().in_scope(|| tracing::error!("{PANICKED}"));
        let legs = self.sockets.0.iter().map(|sockets| sockets.leg);
        // A callback's caller may have no leg yet.
        let callers = std::iter::once(LegNumber::CALLER);
        for leg in legs.filter(|leg| *leg != LegNumber::CALLER).chain(callers) {
            let reason = "internal fault".into();
            let hang_up = SipCommand::HangUp { leg, reason };
            routes.wish(self.number, CallWish::Sip(hang_up));
        }
        for file in self.open_recordings.drain(..) {
            routes.record(self.number, RecorderCommand::Close { file });
        }
        if let Some((since, last)) = self.last_entry.take() {
            let end = end_after(last, now.saturating_duration_since(since));
            routes.journal(end, &mut self.counted);
        }
        self.finished = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::CallRecord;
    use crate::call::example_call::law_4;

    #[test]
    fn a_call_that_panicked_lasted_until_then() {
        let mut entries = law_4();
        entries.pop();
        let last = entries.last().expect("there are events").clone();
        entries.push(end_after(last.clone(), Duration::from_secs(90)));
        let record = CallRecord::fold(&entries).expect("folds");
        assert_eq!(record.ended_ms, last.at_ms + 90_000);
        assert_eq!(
            (record.ended_by, record.events_missing),
            (Some(EndedBy::Server), 0)
        );
    }
}
