//! A call's way to a person: the transfer that is under way, and the person's leg.

use super::call::Call;
use super::contract::{Input, LegNumber, Output, SipCommand};
use super::early_media::EarlyMedia;
use super::info::info_of_key;
use super::leg::Leg;
use super::speaking::OwnPlay;
use crate::config::trunk::TrunkKeys;
use crate::dialogue::input::{self, PlayId};
use crate::dialplan::model::HandoffId;
use crate::events::{EndedBy, Event, KeySource, LegName, ReturnReason};
use crate::handoff::context::user_to_user;
use crate::handoff::targets::plan;
use crate::handoff::transfer::{self, Transfer, WaitingSound};
use crate::key::Key;
use crate::speech::sentences::Sentence;
use std::net::SocketAddr;
use std::time::Instant;

#[derive(Default)]
pub(super) struct Human {
    transfer: Option<Transfer>,
    /// The leg that is being rung, or is bridged.
    pub agent: Option<Leg>,
    /// What is heard of that leg before it is answered.
    pub early: EarlyMedia,
    /// The leg whose ports are being opened, and how its peer is to be sent keys.
    opening: Option<(LegNumber, TrunkKeys)>,
    bridged: bool,
    /// Legs are numbered over the whole call.
    last_leg: u16,
    attempts: u32,
    /// Said before the transfer's first sentence.
    apology: Option<Sentence>,
    /// The caller is still to hear that the call is recorded.
    notice: bool,
    /// The play that begins with it.
    notice_in: Option<PlayId>,
}

impl Human {
    pub fn is_bridged(&self) -> bool {
        self.bridged
    }

    pub fn is_under_way(&self) -> bool {
        self.transfer.is_some() || self.bridged
    }

    /// A REFER was accepted and its end is not known: if the caller goes now, it went there.
    pub fn is_passed_on(&self) -> bool {
        self.transfer.as_ref().is_some_and(Transfer::is_passed_on)
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.transfer.as_ref().and_then(Transfer::next_timeout)
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
        let local_time = dialplan.timezone.to_datetime(time);
        let plan = plan(dialplan, handoff, local_time, &*self.services.policy);
        self.human.apology = apology;
        self.human.notice = notice;
        self.human.transfer = Some(Transfer::start(now, plan, self.human.attempts));
        self.run_transfer(now);
    }

    pub(super) fn transfer_input(&mut self, now: Instant, input: transfer::Input) {
        if let Some(transfer) = &mut self.human.transfer {
            transfer.handle_input(now, input);
            self.run_transfer(now);
        }
    }

    pub(super) fn transfer_timeout(&mut self, now: Instant) {
        if let Some(transfer) = &mut self.human.transfer {
            transfer.handle_timeout(now);
            self.run_transfer(now);
        }
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
            transfer::Output::Sound(sound) => self.waiting_sound(Some(sound)),
            transfer::Output::Dial { target, .. } => self.dial(target),
            transfer::Output::Refer { target, .. } => {
                let user_to_user = self.user_to_user();
                self.sip(SipCommand::Refer {
                    target,
                    user_to_user,
                });
            }
            transfer::Output::Cancel { .. } => self.hang_up_agent("not needed any more"),
            transfer::Output::Bridge { then_keys, .. } => self.bridge(now, then_keys),
            transfer::Output::HandOver => {
                self.human.transfer = None;
                self.end(now, EndedBy::Transfer, "passed on by REFER".into());
            }
            transfer::Output::Return(reason) => {
                self.human.transfer = None;
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

    fn waiting_sound(&mut self, sound: Option<WaitingSound>) {
        let sounds = &self.services.sounds;
        let sound = sound.map(|sound| match sound {
            WaitingSound::RingBack => sounds.ring_back.clone(),
            WaitingSound::Comfort => sounds.comfort.clone(),
        });
        self.caller.playout.set_background(sound);
        self.speak_at_once = true;
    }

    fn user_to_user(&self) -> String {
        user_to_user(self.log.call(), &self.dialogue.handoff_context())
    }

    /// The INVITE follows when the leg has its ports.
    fn dial(&mut self, target: String) {
        self.human.last_leg += 1;
        let leg = LegNumber(self.human.last_leg);
        self.human.opening = Some((leg, self.services.policy.keys(&target)));
        self.sip(SipCommand::Prepare { leg, target });
    }

    fn media_opened(&mut self, now: Instant, leg: LegNumber, address: Result<SocketAddr, String>) {
        let opening = self.human.opening.take_if(|(opening, _)| *opening == leg);
        let Some((_, keys_by)) = opening else {
            return self.outputs.push_back(Output::CloseMedia { leg });
        };
        match address {
            Ok(address) => {
                let seed = self
                    .seed
                    .wrapping_add(u64::from(leg.0).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                let agent = Leg::new(leg, address, seed, self.log.unix(now));
                let mut agent = agent.keys_by(keys_by);
                let offer = agent.offer();
                self.human.agent = Some(agent);
                self.human.early = EarlyMedia::default();
                let user_to_user = self.user_to_user();
                self.sip(SipCommand::Invite {
                    leg,
                    offer,
                    user_to_user,
                });
            }
            Err(reason) => {
                tracing::warn!(reason, "a person cannot be rung");
                self.transfer_input(now, transfer::Input::Failed { status: None });
            }
        }
    }

    fn hang_up_agent(&mut self, reason: &str) {
        let opening = self.human.opening.take().map(|(leg, _)| leg);
        let agent = self.human.agent.take().map(|agent| agent.number);
        if let Some(leg) = agent.or(opening) {
            self.sip(SipCommand::HangUp {
                leg,
                reason: reason.into(),
            });
            self.outputs.push_back(Output::CloseMedia { leg });
        }
    }

    /// With a session description of its network's, what comes from there is heard.
    fn agent_progresses(&mut self, now: Instant, status: u16, sdp: Option<&[u8]>) {
        if let (Some(agent), Some(sdp)) = (&mut self.human.agent, sdp) {
            // One that is no use costs nothing: the answer to the call brings another.
            let _ = agent.accept_answer(now, sdp);
        }
        self.transfer_input(now, transfer::Input::Progress { status });
    }

    fn agent_answered(&mut self, now: Instant, leg: LegNumber, sdp: Option<&[u8]>) {
        let Some(agent) = self
            .human
            .agent
            .as_mut()
            .filter(|agent| agent.number == leg)
        else {
            return;
        };
        let accepted = match sdp {
            // The answer came with an acknowledged provisional response (RFC 3262, 5).
            None if agent.media.is_some() => Ok(()),
            sdp => agent.accept_answer(now, sdp.unwrap_or_default()),
        };
        match accepted {
            Ok(()) => self.transfer_input(now, transfer::Input::Answered),
            Err(error) => {
                self.hang_up_agent(&error.to_string());
                self.transfer_input(now, transfer::Input::UnusableAnswer);
            }
        }
    }

    fn bridge(&mut self, now: Instant, then_keys: Option<String>) {
        self.human.transfer = None;
        self.human.bridged = true;
        self.own_play = None;
        self.caller.playout.stop();
        self.waiting_sound(None);
        if let Some(agent) = &mut self.human.agent {
            agent.is_there(now);
            agent.send_keys(&then_keys.unwrap_or_default());
        }
    }

    /// While bridged, keys belong to the person's leg. Telephone-events between two legs that both
    /// speak them are relayed packet by packet (see `sound`), tones are in the sound already; here
    /// the other cases.
    pub(super) fn relay_key(&mut self, key: Key, source: KeySource) {
        let Some(agent) = &mut self.human.agent else {
            return;
        };
        let is_relayed = match source {
            KeySource::TelephoneEvent => agent.relays_keys(),
            KeySource::InBand => agent.keys_go_by() != KeySource::Info,
            KeySource::Info => false,
        };
        if !is_relayed {
            agent.send_keys(&key.to_string());
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

    /// What signalling and ports tell about the way to a person.
    pub(super) fn human_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::MediaOpened { leg, address } => self.media_opened(now, leg, address),
            Input::Progress { leg, status, sdp } if self.is_agent(leg) => {
                self.agent_progresses(now, status, sdp.as_deref())
            }
            Input::Answered { leg, sdp } => self.agent_answered(now, leg, sdp.as_deref()),
            Input::Failed { leg, status } if self.is_agent(leg) => {
                self.drop_agent();
                self.transfer_input(now, transfer::Input::Failed { status });
            }
            Input::ReferAccepted => self.transfer_input(now, transfer::Input::ReferAccepted),
            Input::ReferRefused { status } => {
                self.transfer_input(now, transfer::Input::ReferRefused { status })
            }
            Input::ReferProgress {
                status,
                is_final: false,
            } => self.transfer_input(now, transfer::Input::Progress { status }),
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

    fn drop_agent(&mut self) {
        if let Some(agent) = self.human.agent.take() {
            self.outputs
                .push_back(Output::CloseMedia { leg: agent.number });
        }
    }

    /// Either side's hang-up ends both; what the network does to the person's leg does not.
    fn agent_left(&mut self, now: Instant, by_peer: bool, reason: String) {
        if !self.human.bridged {
            self.drop_agent();
            self.transfer_input(now, transfer::Input::Failed { status: None });
        } else if by_peer {
            self.end(now, EndedBy::Agent, reason);
        } else {
            self.lose_agent(now, &reason);
        }
    }

    /// The person is out of reach in the midst of the talk: the caller is ours again, and chooses.
    pub(super) fn lose_agent(&mut self, now: Instant, reason: &str) {
        if let Some(quality) = self.quality(LegName::Agent) {
            self.log_event(now, quality);
        }
        self.hang_up_agent(reason);
        self.human.bridged = false;
        let by = EndedBy::Network;
        self.log_event(now, Event::BridgeEnded { by });
        let reason = ReturnReason::AgentLost;
        self.log_event(now, Event::TransferReturned { reason });
        self.dialogue_input(now, input::Input::HandoffReturned { reason });
    }

    /// Leaves nothing ringing and no person alone in a dead call.
    pub(super) fn end_human(&mut self, now: Instant) {
        if let Some(transfer) = &mut self.human.transfer {
            transfer.abandon();
            self.run_transfer(now);
            self.human.transfer = None;
        }
        self.hang_up_agent("the call ended");
        self.human.bridged = false;
    }
}
