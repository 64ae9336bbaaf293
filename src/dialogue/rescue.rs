//! What takes the place of a dialogue that broke: the caller gets a person, and nothing is lost of
//! what they gave, were asked or were told (laws 3 and 4).

use super::interpreter::Dialogue;
use super::state::State;
use super::timers::Timer;
use crate::events::RequestedBy;
use std::time::Instant;

impl Dialogue {
    /// `broken` panicked, and its actions up to there are carried out. `with_people`: people are
    /// being rung already; else they are now.
    pub fn in_place_of(broken: &Dialogue, now: Instant, with_people: bool) -> Dialogue {
        let fresh = Dialogue::new(broken.program.clone(), broken.context.clone(), now);
        let start = fresh.node;
        let mut dialogue = Dialogue {
            began: broken.began,
            language: broken.language,
            pace: broken.pace,
            state: broken.state.under_way(),
            node: broken.node,
            path: broken.path.clone(),
            steps: broken.steps,
            handoff_steps: broken.handoff_steps,
            slots: broken.slots.clone(),
            saved: broken.saved.clone(),
            asked: broken.asked.clone(),
            speaker: broken.speaker.after_fault(),
            notice: broken.notice.clone(),
            listening: broken.listening.after_fault(),
            sensitive: broken.sensitive,
            told_sensitive: broken.told_sensitive,
            held: broken.held,
            last_fetch: broken.last_fetch,
            last_handoff: broken.last_handoff,
            wish: broken.wish,
            distress: broken.distress.clone(),
            message_failed: broken.message_failed,
            stopping: broken.stopping,
            message_empty: broken.message_empty,
            ..fresh
        };
        if usize::from(dialogue.node.0) >= dialogue.dialplan().nodes.len() {
            // It broke on its way to a node that is not there.
            dialogue.node = dialogue.path.last().unwrap_or(start);
        }
        if with_people {
            dialogue.leave();
            dialogue.state = State::WithPeople(broken.ways_out());
            // If they wait in line, that brings their place.
            dialogue.timers.arm(Timer::InLine, now);
        } else {
            let handoff = dialogue.dialplan().human.handoff;
            dialogue.ring(RequestedBy::Failure, handoff);
        }
        dialogue.tell_sensitive();
        dialogue
    }
}
