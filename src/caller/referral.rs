//! How a telephone's exchange takes a REFER: it passes the call on, or says so and does not, or will
//! not. Nobody is called by it: what is told of the call that should be made is what it was told to
//! tell.

use crate::caller::phone::{LegCommand, Phone};
use crate::sip::user_agent::event::LegId;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// 202 takes it; any status from 300 on does not.
    pub status: u16,
    /// What is told afterwards by NOTIFY, each so long after the REFER: 100, 180, 200, 486. Nothing: the
    /// peer never learns.
    pub told: Vec<(Duration, u16)>,
}

impl Phone {
    pub(super) fn take_refers(&mut self, id: LegId, referral: Option<&Referral>) {
        if let Some(referral) = referral {
            // The leg may have ended since: its last event follows.
            let _ = self.agent.answer_refers(id, referral.status);
        }
    }

    pub(super) fn tell_of_referral(&self, id: LegId) {
        let referral = self.legs.get(&id).and_then(|leg| leg.referral.as_ref());
        for (after, status) in referral.iter().flat_map(|referral| &referral.told) {
            self.later(id, *after, LegCommand::NotifyRefer(*status));
        }
    }
}
