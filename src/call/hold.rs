//! Either side of a talk may hold the other one. Where its exchange plays music, that is passed on; most
//! telephones have none and send nothing, or silence, and then whoever is on hold hears ours: a line
//! without a sound is taken for a dead one.

use super::call::Call;
use super::contract::LegNumber;
use super::leg::Leg;
use super::received::Packet;
use super::sound_flow::MUSIC_PAUSE;
use std::time::Instant;

impl Leg {
    /// The peer holds us, or does no more and sends nothing yet, and there is nothing to hear of it.
    pub(super) fn holds_in_silence(&self, now: Instant) -> bool {
        (!self.is_two_way() || self.resumed) && !self.on_hold.flows(now, MUSIC_PAUSE)
    }
}

impl Call {
    /// Whether a packet of somebody who holds the other side is not passed on, since music is heard there.
    pub(super) fn stays_on_hold(
        &mut self,
        now: Instant,
        from: LegNumber,
        packet: &Packet,
        datagram: &[u8],
    ) -> bool {
        let Some(leg) = self.leg_mut(from).filter(|leg| !leg.is_two_way()) else {
            return false;
        };
        let payload = datagram.get(packet.payload.clone()).unwrap_or_default();
        leg.on_hold.receive(now, packet.kind, payload);
        leg.holds_in_silence(now)
    }

    /// It goes on where it was when they are held again.
    pub(super) fn play_music_on_hold(&mut self, now: Instant) {
        let Some(agent) = self.human.agent.as_ref().filter(|_| self.human.talks()) else {
            return;
        };
        if agent.holds_in_silence(now) && !self.caller.playout.has_background() {
            let music = self.music();
            self.caller.playout.set_background(Some(music));
        }
        if self.caller.holds_in_silence(now) && !agent.playout.has_background() {
            self.person_hears_music();
        }
    }
}
