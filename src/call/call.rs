//! One call, whole: the caller's leg, the dialogue, the way to a person and the person's leg, and
//! the log of it all. No socket, no thread, no clock.
//!
//! ```text
//!  caller's RTP ─► leg ─► keys ──► dialogue ──► playout ─► leg ─► caller's RTP
//!                   │                 │ Transfer
//!                   │                 ▼
//!                   │              handoff ──► SIP INVITE ──► agent's leg
//!                   └───────────── bridged ◄────────────────────┘
//! ```
//!
//! The parts of the aggregate: this file (what comes in and what the dialogue wants), `sound` (the
//! packets), `human` (the way to a person), `messages` (what is recorded), `ending`.

use super::call_log::CallLog;
use super::callback::Calling;
use super::contract::{
    Channel, Input, LegNumber, Output, PacketSink, RecorderCommand, Session, SipCommand,
};
use super::human::Human;
use super::info::key_of_info;
use super::leg::Leg;
use super::listening::Ear;
use super::messages::Message;
use super::recording::{SoundClock, Tape};
use super::services::Services;
use super::speaking::OwnPlay;
use crate::dialogue::action::Action;
use crate::dialogue::callback::callback_number;
use crate::dialogue::input::{self, FetchId, PlayId};
use crate::dialogue::interpreter::{CallContext, Dialogue};
use crate::events::{CallRef, EndedBy, Event, KeySource};
use crate::handoff::distributor::Request;
use crate::key::Key;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Span;

/// A new INVITE that has been admitted.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub call: CallRef,
    /// The caller's number or user name; empty when withheld.
    pub caller: String,
    pub called: String,
    pub source: SocketAddr,
    pub sip_call_id: String,
    pub offer: Option<Bytes>,
    /// Where the caller reaches the RTP socket that waits for the call.
    pub media: SocketAddr,
    pub seed: u64,
    /// The time since 1970.
    pub unix: Duration,
}

pub struct Call {
    pub(super) services: Arc<Services>,
    pub(super) log: CallLog,
    pub(super) context: CallContext,
    pub(super) dialogue: Dialogue,
    pub(super) caller: Leg,
    pub(super) human: Human,
    /// Of a callback, until the caller has answered.
    pub(super) calling: Option<Calling>,
    /// The play of the call's own that is heard: those are numbered downwards from the highest
    /// number, the dialogue's upwards from 1.
    pub(super) own_play: Option<(PlayId, OwnPlay)>,
    pub(super) own_plays: u32,
    pub(super) tape: Option<Tape>,
    /// While somebody listens: a tape or a recognizer.
    pub(super) clock: Option<Box<SoundClock>>,
    pub(super) message: Option<Message>,
    pub(super) ear: Option<Box<Ear>>,
    /// The lookup that is under way.
    pub(super) fetching: Option<FetchId>,
    pub(super) sensitive: bool,
    /// So long nothing is recorded of what was sensitive last.
    pub(super) muted_until: Option<Instant>,
    pub(super) seed: u64,
    /// The dialogue has begun.
    started: bool,
    pub(super) media_flows: bool,
    pub(super) ended: bool,
    /// Something new is to be heard: it does not wait for the next tick.
    pub(super) speak_at_once: bool,
    pub(super) next_tick: Instant,
    pub(super) outputs: VecDeque<Output>,
}

impl Call {
    /// Answers the INVITE, or rejects it: look at the outputs.
    pub fn new(now: Instant, services: Arc<Services>, incoming: Incoming) -> Call {
        let mut call = Call::made(now, services, &incoming);
        call.answer(now, incoming.offer.as_deref());
        call
    }

    /// Its beginning is told, and nothing done yet.
    pub(super) fn made(now: Instant, services: Arc<Services>, incoming: &Incoming) -> Call {
        let language = services.program.dialplan.languages[0];
        let number = callback_number(&incoming.caller);
        let context = CallContext {
            calls_back: number.is_some_and(|number| services.policy.calls_back(&number)),
            call_ref: incoming.call,
            caller: incoming.caller.clone(),
            called: incoming.called.clone(),
            language,
            unix: incoming.unix,
            hears: services.hears.clone(),
        };
        let mut call = Call {
            log: CallLog::new(incoming.call, now, incoming.unix),
            dialogue: Dialogue::new(services.program.clone(), context.clone(), now),
            context,
            caller: Leg::new(
                LegNumber::CALLER,
                incoming.media,
                incoming.seed,
                incoming.unix,
            ),
            human: Human::default(),
            calling: None,
            own_play: None,
            own_plays: 0,
            tape: None,
            clock: None,
            message: None,
            ear: None,
            fetching: None,
            sensitive: false,
            muted_until: None,
            seed: incoming.seed,
            started: false,
            media_flows: false,
            ended: false,
            speak_at_once: false,
            next_tick: now,
            outputs: VecDeque::new(),
            services,
        };
        let music = call.services.sounds.comfort.clone();
        call.caller.playout.set_music(music);
        call.log_start(now, incoming);
        call
    }

    /// Where the caller is; for those who look at calls from outside.
    pub fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    fn log_start(&mut self, now: Instant, incoming: &Incoming) {
        let dialplan = &self.services.program.dialplan;
        let event = Event::CallStarted {
            caller: incoming.caller.clone(),
            called: incoming.called.clone(),
            source: incoming.source.ip().to_string(),
            sip_call_id: incoming.sip_call_id.clone(),
            dialplan: dialplan.name.clone(),
            dialplan_version: dialplan.version.clone(),
            language: self.context.language,
        };
        self.log_event(now, event);
    }

    fn answer(&mut self, now: Instant, offer: Option<&[u8]>) {
        let answered = match offer {
            Some(offer) => self.caller.answer(now, offer),
            None => Ok(self.caller.offer()),
        };
        match answered {
            Ok(sdp) => {
                self.outputs
                    .push_back(Output::Sip(SipCommand::Accept { sdp }));
                if offer.is_some() {
                    self.log_answered(now);
                }
            }
            Err(error) => self.reject(now, error.status(), error.to_string()),
        }
    }

    pub(super) fn log_answered(&mut self, now: Instant) {
        let event = Event::CallAnswered {
            codec: self.caller.codec().name().to_string(),
            keys_by: self.caller.key_source(),
        };
        self.log_event(now, event);
    }

    pub(super) fn log_event(&mut self, now: Instant, event: Event) {
        let entry = self.log.entry(now, event);
        self.outputs.push_back(Output::Journal(entry));
    }

    pub(super) fn sip(&mut self, command: SipCommand) {
        self.outputs.push_back(Output::Sip(command));
    }

    pub(super) fn record(&mut self, commands: impl IntoIterator<Item = RecorderCommand>) {
        self.outputs
            .extend(commands.into_iter().map(Output::Record));
    }

    /// The caller is there: the dialogue begins.
    pub(super) fn start(&mut self, now: Instant) {
        if !self.started && !self.ended && !self.is_calling() && self.caller.media.is_some() {
            self.started = true;
            self.caller.is_there(now);
            self.dialogue_input(now, input::Input::Start);
            self.tell_hold(now);
        }
    }

    /// The dialogue learns whether the caller can hear it.
    fn tell_hold(&mut self, now: Instant) {
        let held = self.caller.is_held();
        if self.started && held != self.dialogue.is_held() {
            let told = match held {
                true => input::Input::Held,
                false => input::Input::Resumed,
            };
            self.dialogue_input(now, told);
        }
    }

    /// A key from the caller, wherever it was heard.
    pub(super) fn key(&mut self, now: Instant, key: Key, source: KeySource) {
        if self.dialogue.hides_keys() {
            self.mute(now);
        }
        self.key_sounds();
        if !self.caller.keys.accept(now, key, source) || !self.started {
            return;
        }
        if self.human.talks() {
            return self.relay_key(LegNumber::CALLER, key, source);
        }
        if self.human.is_bridged() {
            if key != self.dialogue.human_key_now() {
                return;
            }
            // The person has gone and no NOTIFY has come: who asks for another one is still here.
            self.person_was_done(now);
        }
        self.dialogue_input(now, input::Input::Key { key, source });
    }

    pub(super) fn dialogue_input(&mut self, now: Instant, input: input::Input) {
        self.with_dialogue(now, |dialogue| dialogue.handle_input(now, input));
    }

    pub(super) fn dialogue_timeout(&mut self, now: Instant) {
        if self.dialogue.next_timeout().is_some_and(|due| due <= now) {
            self.with_dialogue(now, |dialogue| dialogue.handle_timeout(now));
        }
    }

    /// A dialogue that panics costs the caller the dialogue, not the person.
    fn with_dialogue(&mut self, now: Instant, work: impl FnOnce(&mut Dialogue)) {
        if self.ended {
            return;
        }
        let _entered = self.log.enter();
        let dialogue = &mut self.dialogue;
        if catch_unwind(AssertUnwindSafe(|| work(dialogue))).is_err() {
            // What it wanted before it broke is done first: its log tells of that.
            self.carry_out(now);
            self.replace_dialogue(now);
        }
        self.carry_out(now);
    }

    fn carry_out(&mut self, now: Instant) {
        while !self.ended
            && let Some(action) = self.dialogue.poll_action()
        {
            self.act(now, action);
        }
    }

    fn replace_dialogue(&mut self, now: Instant) {
        tracing::error!("the dialogue panicked; a person is rung");
        let with_people = self.human.is_under_way();
        self.dialogue = Dialogue::in_place_of(&self.dialogue, now, with_people);
    }

    fn act(&mut self, now: Instant, action: Action) {
        match action {
            Action::Play(play) => self.play(play),
            Action::StopPlaying => self.caller.playout.stop(),
            Action::Listen(listen) => self.listen(listen),
            Action::StopListening => self.stop_listening(),
            Action::Fetch(fetch) => {
                self.fetching = Some(fetch.id);
                self.outputs.push_back(Output::Fetch(fetch));
            }
            Action::CancelFetch(fetch) => {
                self.fetch_ended(fetch);
                self.outputs.push_back(Output::CancelFetch(fetch));
            }
            Action::StartRecording => self.start_recording(now),
            Action::Transfer {
                handoff,
                apology,
                notice,
            } => self.start_transfer(now, handoff, apology, notice),
            Action::WhereAmI => self.desk(Request::WhereAmI),
            Action::LeaveLine => self.leave_line(now),
            Action::RecordMessage { handoff, limit } => self.start_message(handoff, limit),
            Action::StopMessage => self.stop_message(),
            Action::KeepMessage => self.keep_message(now),
            Action::Sensitive(sensitive) => self.set_sensitive(now, sensitive),
            Action::Log(event) => {
                let event = self.with_place(now, event);
                self.log_event(now, event)
            }
            Action::HangUp { by, reason } => self.end(now, by, reason),
        }
    }

    fn acked(&mut self, now: Instant, number: LegNumber, answer: Option<Bytes>) {
        let Some(leg) = self.leg_mut(number) else {
            return;
        };
        let was_new = leg.media.is_none();
        // A bad answer changes nothing: what was agreed on before holds.
        let accepted = answer.map_or(Ok(()), |answer| leg.accept_answer(now, &answer));
        if number == LegNumber::CALLER && was_new {
            match accepted {
                Ok(()) if self.caller.media.is_some() => self.log_answered(now),
                Ok(()) => {
                    let reason = "the ACK brought no SDP answer".into();
                    return self.end(now, EndedBy::Network, reason);
                }
                Err(error) => return self.end(now, EndedBy::Network, error.to_string()),
            }
        }
        self.start(now);
        self.tell_hold(now);
    }

    fn offered(&mut self, now: Instant, number: LegNumber, offer: Option<Bytes>) {
        let Some(leg) = self.leg_mut(number) else {
            return;
        };
        let answer = match offer {
            Some(offer) => leg.answer(now, &offer).map_err(|error| error.status()),
            None => Ok(leg.offer()),
        };
        leg.is_there(now);
        self.sip(SipCommand::AnswerOffer {
            leg: number,
            answer,
        });
        self.tell_hold(now);
    }

    fn offer_answered(
        &mut self,
        now: Instant,
        number: LegNumber,
        result: Result<Option<Bytes>, Option<u16>>,
    ) {
        let Some(leg) = self.leg_mut(number) else {
            return;
        };
        // Whatever the answer is: who does not know the call any more has ended it by it.
        if !matches!(result, Err(None)) {
            leg.is_there(now);
        }
        if let Ok(Some(answer)) = result {
            // A bad answer to a question that changes nothing changes nothing.
            let _ = leg.accept_answer(now, &answer);
        }
        self.tell_hold(now);
    }

    pub(super) fn leg_mut(&mut self, number: LegNumber) -> Option<&mut Leg> {
        if number == LegNumber::CALLER {
            return Some(&mut self.caller);
        }
        let ringing = self.human.ringing.iter_mut();
        let ringing = ringing.filter_map(|rung| rung.leg.as_mut());
        let mut legs = ringing.chain(&mut self.human.agent);
        legs.find(|leg| leg.number == number)
    }

    fn stopping(&mut self, now: Instant) {
        let with_person = self.human.is_bridged();
        if self.is_calling() && !with_person {
            // The next server calls them.
            return self.end(now, EndedBy::Server, "the server stops".into());
        }
        self.dialogue_input(now, input::Input::ServerStops { with_person });
    }

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Acked { leg, answer } => self.acked(now, leg, answer),
            Input::Offer { leg, sdp } => self.offered(now, leg, sdp),
            Input::OfferAnswered { leg, result } => self.offer_answered(now, leg, result),
            Input::Info {
                leg: LegNumber::CALLER,
                content_type,
                body,
            } => {
                if let Some(key) = key_of_info(&content_type, &body) {
                    self.key(now, key, KeySource::Info);
                }
            }
            Input::Info {
                leg,
                content_type,
                body,
            } => {
                if let Some(key) = key_of_info(&content_type, &body) {
                    self.person_key(now, leg, key, KeySource::Info);
                }
            }
            Input::Rendered { play, part, result } => self.rendered(now, play, part, result),
            Input::Fetched { fetch, result } => {
                self.fetch_ended(fetch);
                self.dialogue_input(now, input::Input::Fetched { fetch, result })
            }
            Input::HeardAhead {
                utterance,
                completeness,
            } => self.heard_ahead(utterance, completeness),
            Input::Heard { utterance, heard } => self.heard_speech(now, utterance, heard),
            Input::RecordingClosed { file, milliseconds } => {
                self.recording_closed(now, file, milliseconds)
            }
            Input::RecordingFailed { file, reason } => self.recording_failed(now, file, reason),
            Input::Stopping => self.stopping(now),
            Input::Shutdown { reason } => {
                if !self.human.is_bridged() {
                    self.dialogue_input(now, input::Input::CutOff);
                }
                self.end(now, EndedBy::Server, reason)
            }
            about_a_person => self.human_input(now, about_a_person),
        }
    }
}

impl Session for Call {
    fn handle_input(&mut self, now: Instant, input: Input, sink: &mut dyn PacketSink) {
        if !self.ended {
            let _entered = self.log.enter();
            self.handle(now, input);
            self.after_work(now, sink);
        }
    }

    fn receive(
        &mut self,
        now: Instant,
        (leg, channel, source): (LegNumber, Channel, SocketAddr),
        datagram: &mut [u8],
        sink: &mut dyn PacketSink,
    ) -> bool {
        if self.ended {
            return false;
        }
        let is_from_peer = match channel {
            Channel::Rtp => self.receive_rtp(now, leg, source, datagram, sink),
            Channel::Rtcp => self.receive_rtcp(now, leg, source, datagram),
        };
        self.after_work(now, sink);
        is_from_peer
    }

    fn tick(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        if !self.ended {
            self.send_sound(now, sink);
            self.run_timers(now, sink);
            self.after_work(now, sink);
        }
    }

    fn next_tick(&self) -> Instant {
        self.next_tick
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn span(&self) -> Span {
        self.log.span().clone()
    }
}
