//! A call's way to a person: the transfer that is under way, and the person's leg.

use super::call::Call;
use super::contract::{Input, LegNumber, Output, SipCommand};
use super::info::info_of_key;
use super::leg::Leg;
use super::passing_on::{PassingOn, is_of_refer};
use super::ringing::Ringing;
use super::speaking::OwnPlay;
use crate::audio::prompt::Prompt;
use crate::dialogue::action::Content;
use crate::dialogue::input::{self, PlayId};
use crate::dialplan::model::{Handoff, HandoffId};
use crate::events::{EndedBy, Event, KeySource};
use crate::handoff::context;
use crate::handoff::distributor::{Answer, Request};
use crate::handoff::targets::plan;
use crate::handoff::transfer::{self, Transfer, WaitingSound};
use crate::key::Key;
use crate::speech::sentences::Sentence;
use std::sync::Arc;
use std::time::Instant;

#[derive(Default)]
pub(super) struct Human {
    pub(super) transfer: Option<Transfer>,
    /// Those who are rung.
    pub(super) ringing: Vec<Ringing>,
    /// The person's leg, from when the caller and they are joined.
    pub agent: Option<Leg>,
    /// The distributor keeps somebody, or a place in line, for this call.
    is_known: bool,
    /// The handoff that was sought last, and since when: who seeks it again has kept the place.
    sought: Option<(HandoffId, Instant)>,
    /// The caller has waited in line.
    waited: bool,
    /// The handoff for which they wait, or waited.
    line: Option<String>,
    /// The call is being passed on to the person who has it.
    pub(super) passing_on: Option<PassingOn>,
    /// Legs are numbered over the whole call.
    pub(super) last_leg: u16,
    attempts: u32,
    /// Counts the searches for a person.
    search: u32,
    /// Said before the transfer's first sentence.
    apology: Option<Sentence>,
    /// The caller is still to hear that the call is recorded.
    notice: bool,
    /// The play that begins with it.
    notice_in: Option<PlayId>,
}

impl Human {
    pub fn is_bridged(&self) -> bool {
        self.agent.is_some()
    }

    /// Somebody is on the line whom the caller hears through us.
    pub fn talks(&self) -> bool {
        let replaced = self.passing_on.and_then(|it| it.replaced);
        self.is_bridged() && replaced.is_none()
    }

    pub fn is_under_way(&self) -> bool {
        self.transfer.is_some() || self.is_bridged()
    }

    /// A REFER is at work and its end is not known: if the caller goes now, it went there.
    pub fn is_passed_on(&self, now: Instant) -> bool {
        let referred = self.transfer.as_ref().is_some_and(Transfer::is_passed_on);
        referred || self.passing_on.is_some_and(|it| it.is_under_way(now))
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let transfer = self.transfer.as_ref().and_then(Transfer::next_timeout);
        let replaced = self.passing_on.and_then(|it| it.replaced);
        transfer.into_iter().chain(replaced).min()
    }
}

impl Call {
    pub(super) fn start_transfer(
        &mut self,
        now: Instant,
        handoff: HandoffId,
        apology: Option<Sentence>,
        notice: bool,
    ) {
        let dialplan = &self.services.program.dialplan;
        let seconds = self.log.unix(now).as_secs() as i64;
        let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        let language = self.dialogue.language();
        let policy = &*self.services.policy;
        let mut plan = plan(dialplan, handoff, language, time, policy);
        if self.is_calling() {
            plan.for_callback(self.is_agent_first());
        }
        let before = self.human.sought.filter(|(sought, _)| *sought == handoff);
        let since = before.map_or(now, |(_, since)| since);
        self.human.sought = Some((handoff, since));
        self.human.apology = apology;
        self.human.notice = notice;
        self.human.search += 1;
        let (search, attempts) = (self.human.search, self.human.attempts);
        let transfer = Transfer::start(now, plan, (since, search), attempts);
        self.human.transfer = Some(transfer);
        self.run_transfer(now);
    }

    pub(super) fn transfer_input(&mut self, now: Instant, input: transfer::Input) {
        if let Some(transfer) = &mut self.human.transfer {
            transfer.handle_input(now, input);
            self.run_transfer(now);
        }
    }

    pub(super) fn transfer_timeout(&mut self, now: Instant) {
        let waits = self.keeps_an_offer();
        if let Some(transfer) = self.human.transfer.as_mut().filter(|_| !waits) {
            transfer.handle_timeout(now);
            self.run_transfer(now);
        }
        let passing_on = self.human.passing_on.and_then(|it| it.replaced);
        if passing_on.is_some_and(|until| until <= now) {
            self.person_was_done(now);
        }
    }

    /// The caller would rather do something else than wait: nobody rings on, and what was said of
    /// that is true no more.
    pub(super) fn leave_line(&mut self, now: Instant) {
        self.end_transfer(now);
        self.waiting_sound(None);
        if self.own_play.take().is_some() {
            self.caller.playout.stop();
        }
    }

    fn end_transfer(&mut self, now: Instant) {
        if let Some(transfer) = &mut self.human.transfer {
            transfer.abandon();
            self.run_transfer(now);
            self.human.transfer = None;
        }
    }

    pub(super) fn desk(&mut self, request: Request) {
        let known = &mut self.human.is_known;
        match request {
            Request::Seek { .. } => *known = true,
            _ if !*known => return,
            Request::HandedOver | Request::Over => *known = false,
            Request::CallerIsThere
            | Request::Failed { .. }
            | Request::Referred { .. }
            | Request::Answered { .. }
            | Request::WhereAmI => {}
        }
        self.outputs.push_back(Output::Desk(request));
    }

    fn run_transfer(&mut self, now: Instant) {
        let _entered = self.log.enter();
        while let Some(transfer) = &mut self.human.transfer {
            self.human.attempts = transfer.attempts();
            let Some(output) = transfer.poll_output() else {
                return;
            };
            self.act_on_transfer(now, output);
        }
    }

    fn act_on_transfer(&mut self, now: Instant, output: transfer::Output) {
        match output {
            transfer::Output::Say(sentence) => {
                let passing_on = sentence == Sentence::PassingOn;
                let own = if passing_on {
                    OwnPlay::PassingOn
                } else {
                    OwnPlay::Sentence
                };
                // What is passed on is recorded by nobody here.
                let notice = self.human.notice && !passing_on;
                let told = notice.then_some(Sentence::CallRecorded);
                let told = told.into_iter().chain(self.human.apology.take());
                self.say(told.chain([sentence]), own);
                let play = self.own_play.map(|(play, _)| play);
                self.human.notice_in = play.filter(|_| notice);
            }
            transfer::Output::Desk(request) => self.desk(request),
            transfer::Output::Sound(sound) => self.waiting_sound(Some(sound)),
            transfer::Output::InLine { .. } | transfer::Output::NextInLine if self.is_calling() => {
            }
            transfer::Output::InLine { position, estimate } => {
                self.human.waited = true;
                // It is too late for an apology when they have waited.
                self.human.apology = None;
                self.dialogue_input(now, input::Input::InLine { position, estimate })
            }
            transfer::Output::NextInLine => self.dialogue_input(now, input::Input::NextInLine),
            transfer::Output::Dial { attempt, target } => self.dial(attempt, target),
            transfer::Output::Brief { attempt, languages } => self.brief(attempt, &languages),
            transfer::Output::Refer { target, .. } => {
                self.refer(target, None);
                self.dialogue_input(now, input::Input::PassedOn);
            }
            transfer::Output::NotPassedOn => self.dialogue_input(now, input::Input::NotPassedOn),
            transfer::Output::Cancel { attempt } => self.hang_up_rung(attempt),
            transfer::Output::Bridge {
                attempt,
                then_keys,
                attended,
            } => self.bridge(now, attempt, then_keys, attended),
            transfer::Output::HandOver => {
                self.human.transfer = None;
                self.end(now, EndedBy::Transfer, "passed on by REFER".into());
            }
            transfer::Output::Return(reason) => {
                self.human.transfer = None;
                self.human.is_known = false;
                if self.is_calling() {
                    let reason = "no person was free to call back".into();
                    return self.end(now, EndedBy::Server, reason);
                }
                self.waiting_sound(None);
                self.dialogue_input(now, input::Input::HandoffReturned { reason });
            }
            transfer::Output::Log(event) => self.log_event(now, event),
        }
    }

    /// A part of a play of the call's own was heard to its end.
    pub(super) fn own_part_heard(&mut self, now: Instant, play: PlayId, part: usize) {
        if part == 0 && self.human.notice_in == Some(play) {
            self.human.notice = false;
            self.dialogue_input(now, input::Input::NoticeHeard);
        }
    }

    /// Of the line in which the caller waits or waited, else of the handoff that was sought.
    pub(super) fn music(&self) -> Arc<Prompt> {
        let dialplan = &self.services.program.dialplan;
        let line = self.human.line.as_deref();
        let mut handoffs = dialplan.handoffs.iter();
        let waited_for = handoffs.find(|handoff| Some(handoff.name.as_str()) == line);
        let sought = self
            .human
            .sought
            .map(|(sought, _)| dialplan.handoff(sought));
        let recorded = waited_for
            .or(sought)
            .and_then(Handoff::music)
            .and_then(|name| {
                let (language, pace) = (self.dialogue.language(), self.dialogue.pace());
                let prompts = &self.services.prompts;
                prompts.lookup(language, &Content::music(name), pace)
            });
        recorded.unwrap_or_else(|| self.services.sounds.comfort.clone())
    }

    pub(super) fn waiting_sound(&mut self, sound: Option<WaitingSound>) {
        let sounds = &self.services.sounds;
        let sound = sound.map(|sound| match sound {
            WaitingSound::RingBack => sounds.ring_back.clone(),
            WaitingSound::Comfort => sounds.comfort.clone(),
            WaitingSound::Music => self.music(),
        });
        self.caller.playout.set_background(sound);
        self.speak_at_once = true;
    }

    /// What the person is told in the headers of the call to them.
    pub(super) fn context_headers(&self) -> Vec<(String, String)> {
        context::headers(&context::Context {
            call: self.log.call(),
            wish: Some(self.dialogue.wish().to_string()),
            language: self.dialogue.language(),
            pace: self.dialogue.pace(),
            steps: self.dialogue.steps(),
            depth: self.dialogue.depth(),
            slots: self.dialogue.handoff_context(),
        })
    }

    pub(super) fn refer(&mut self, target: String, replaces: Option<LegNumber>) {
        let headers = self.context_headers();
        self.sip(SipCommand::Refer {
            target,
            headers,
            replaces,
        });
    }

    fn bridge(&mut self, now: Instant, attempt: u32, then_keys: Option<String>, attended: bool) {
        self.human.transfer = None;
        let Some((mut agent, target)) = self.take_rung(attempt) else {
            return self.lose_agent(now, "the person's line is not there");
        };
        agent.playout.stop();
        agent.is_there(now);
        agent.send_keys(&then_keys.unwrap_or_default());
        if attended {
            self.human.passing_on = Some(PassingOn::of(attempt));
            self.refer(target, Some(agent.number));
        }
        self.human.agent = Some(agent);
        if self.is_agent_first() {
            self.person_hears_music();
            self.ring_caller();
        }
        self.own_play = None;
        self.caller.playout.stop();
        self.waiting_sound(None);
    }

    /// While bridged, one side's keys belong to the other's leg. Telephone-events between two legs that
    /// both speak them are relayed packet by packet (see `sound`), tones are in the sound already; here
    /// the other cases.
    pub(super) fn relay_key(&mut self, from: LegNumber, key: Key, source: KeySource) {
        let to = match from {
            LegNumber::CALLER => self.human.agent.as_mut(),
            _ => Some(&mut self.caller),
        };
        let Some(to) = to else { return };
        let is_relayed = match source {
            KeySource::TelephoneEvent => to.relays_keys(),
            KeySource::InBand => to.keys_go_by() != KeySource::Info,
            KeySource::Info => false,
        };
        if !is_relayed {
            to.send_keys(&key.to_string());
        }
    }

    /// A key of the person's side, which came otherwise than in the sound.
    pub(super) fn person_key(&mut self, now: Instant, from: LegNumber, key: Key, by: KeySource) {
        let leg = self.leg_mut(from);
        if !leg.is_some_and(|leg| leg.keys.accept(now, key, by)) {
            return;
        }
        match self.is_agent(from) {
            true => self.relay_key(from, key, by),
            false => self.rung_key(now, from, key, by),
        }
    }

    /// Sends the person's leg the next of the keys that go by INFO.
    pub(super) fn send_info_key(&mut self, now: Instant) {
        if let Some(agent) = &mut self.human.agent
            && let Some(key) = agent.poll_info_key(now)
        {
            let leg = agent.number;
            self.sip(SipCommand::Info {
                leg,
                content_type: "application/dtmf-relay",
                body: info_of_key(key),
            });
        }
    }

    /// Said before the transfer's next sentence.
    pub(super) fn apologize(&mut self, sentence: Sentence) {
        self.human.apology = Some(sentence);
        self.human.notice = self.services.program.dialplan.record;
    }

    /// Whose place in line is kept.
    pub(super) fn keep_place(&mut self, handoff: HandoffId, since: Option<Instant>) {
        self.human.sought = since.map(|since| (handoff, since));
    }

    /// A callback that is booked by who waited in line keeps their place; who goes back to the bot does
    /// not. A message has its file.
    pub(super) fn with_place(&mut self, now: Instant, mut event: Event) -> Event {
        if matches!(event, Event::NodeEntered { .. }) {
            self.human.sought = None;
            self.human.waited = false;
        }
        if let Event::CallbackBooked { since_ms, .. } = &mut event
            && let Some((_, since)) = self.human.sought.filter(|_| self.human.waited)
        {
            let waited = now.saturating_duration_since(since);
            *since_ms = Some((self.log.unix(now) - waited).as_millis() as u64);
        }
        if let Event::MessageStarted { file, .. } = &mut event {
            *file = Some(self.message_file(self.log.events()));
        }
        event
    }

    /// What signalling and ports tell about the way to a person.
    pub(super) fn human_input(&mut self, now: Instant, input: Input) {
        if self.is_calling() && of_leg(&input) == Some(LegNumber::CALLER) {
            return self.calling_input(now, input);
        }
        match input {
            Input::MediaOpened { leg, address } => self.media_opened(now, leg, address),
            // About a search that the caller has left.
            Input::Desk { search, .. } if search != self.human.search => {}
            Input::Desk { answer, .. } => {
                if let Answer::Waiting { handoff, .. } = &answer {
                    self.human.line = Some(handoff.clone());
                }
                if let Some(answer) = self.offered_people(answer) {
                    self.transfer_input(now, transfer::Input::Distributor(answer));
                }
            }
            Input::Progress { leg, status, sdp } => {
                self.rung_progresses(now, leg, status, sdp.as_deref())
            }
            Input::Answered { leg, sdp } => self.rung_answered(now, leg, sdp.as_deref()),
            Input::Failed { leg, status } => self.rung_failed(now, leg, status),
            refer if self.human.passing_on.is_some() && is_of_refer(&refer) => {
                self.attended(now, &refer)
            }
            Input::ReferAccepted => self.transfer_input(now, transfer::Input::ReferAccepted),
            Input::ReferRefused { status } => {
                self.transfer_input(now, transfer::Input::ReferRefused { status })
            }
            Input::ReferProgress {
                status,
                is_final: false,
            } => self.transfer_input(now, transfer::Input::ReferProgress { status }),
            Input::ReferProgress {
                status,
                is_final: true,
            } => self.transfer_input(now, transfer::Input::ReferEnded { status }),
            Input::LegEnded {
                leg: LegNumber::CALLER,
                by_peer,
                reason,
            } => self.caller_left(now, by_peer, reason),
            Input::LegEnded {
                leg,
                by_peer,
                reason,
            } if self.is_agent(leg) => self.agent_left(now, by_peer, reason),
            // Answered, and gone before the caller was joined.
            Input::LegEnded { leg, .. } => self.rung_failed(now, leg, None),
            // About a leg that is gone.
            _ => {}
        }
    }

    fn is_agent(&self, leg: LegNumber) -> bool {
        self.human
            .agent
            .as_ref()
            .is_some_and(|agent| agent.number == leg)
    }

    pub(super) fn hang_up_agent(&mut self, now: Instant, reason: &str) {
        let passing_on = self.human.passing_on.take();
        if let Some(agent) = self.human.agent.take() {
            self.hang_up_leg(agent.number, reason);
        }
        self.desk(match passing_on {
            Some(passing_on) if passing_on.is_under_way(now) => Request::HandedOver,
            _ => Request::Over,
        });
    }

    pub(super) fn hang_up_leg(&mut self, leg: LegNumber, reason: &str) {
        let reason = reason.into();
        self.sip(SipCommand::HangUp { leg, reason });
        self.outputs.push_back(Output::CloseMedia { leg });
    }

    /// Leaves nothing ringing and no person alone in a dead call.
    pub(super) fn end_human(&mut self, now: Instant) {
        self.end_transfer(now);
        // The transfer gave up all that it knew of; nobody else may be left ringing either.
        for rung in std::mem::take(&mut self.human.ringing) {
            self.hang_up_leg(rung.number, "the call ended");
        }
        self.hang_up_agent(now, "the call ended");
    }
}

fn of_leg(input: &Input) -> Option<LegNumber> {
    match input {
        Input::MediaOpened { leg, .. }
        | Input::Progress { leg, .. }
        | Input::Answered { leg, .. }
        | Input::Failed { leg, .. }
        | Input::LegEnded { leg, .. } => Some(*leg),
        _ => None,
    }
}
