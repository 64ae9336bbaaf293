//! The targets that are kept for a search: from when they are to be rung until they are free again.

use super::{Distributor, Failed, Seeker, Target};
use crate::config::agent::own_user;
use crate::handoff::agents::AgentState;
use std::time::{Duration, Instant};

/// Before who failed is rung for those who wait.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// A target that is kept for a search.
#[derive(Debug)]
pub(super) struct Hold {
    pub target: String,
    pub since: Instant,
    pub stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The caller's telephone rings first; nobody else has this place at the target meanwhile.
    Offered,
    Rings,
    Talks,
}

impl Distributor {
    pub(super) fn caller_is_there(&mut self, now: Instant, seeker: Seeker) {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        search.plan.caller_first = false;
        // In line again meanwhile, they may have whom other callbacks were offered.
        self.news.is_about_all |= search.holds.is_empty();
        let tries = search.plan.desks.get(search.desk);
        let tries = tries.map(|desk| &desk.tries[..]).unwrap_or_default();
        for hold in search
            .holds
            .iter_mut()
            .filter(|hold| hold.stage == Stage::Offered)
        {
            hold.stage = Stage::Rings;
            // Nobody else could have the place of one that has a limit.
            if tries
                .iter()
                .any(|one| one.target == hold.target && one.limit.is_none())
            {
                hold.since = now;
            }
            if let Some(target) = self.targets.get_mut(&hold.target) {
                target.offered = target.offered.saturating_sub(1);
                target.ringing += 1;
            }
        }
    }

    pub(super) fn referred(&mut self, now: Instant, seeker: Seeker, target: &str) {
        let search = self.searches.get(&seeker);
        if search.is_some_and(|search| search.holds.iter().any(|hold| hold.target == target)) {
            self.target(target).used = Some(now);
        }
    }

    pub(super) fn answered(&mut self, seeker: Seeker, target: &str) {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        let mut holds = search.holds.iter_mut();
        let held = holds.find(|hold| hold.target == target && hold.stage == Stage::Rings);
        if let Some(hold) = held {
            hold.stage = Stage::Talks;
            search.waits = None;
            // One without a limit may be rung for the next.
            self.news.freed.push(target.to_owned());
            let target = self.target(target);
            target.ringing = target.ringing.saturating_sub(1);
            target.failures = 0;
        }
    }

    /// The target is free again, or rests.
    pub(super) fn let_go(
        &mut self,
        now: Instant,
        seeker: Seeker,
        target: &str,
        why: Failed,
    ) -> bool {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return false;
        };
        let Some(at) = search.holds.iter().position(|hold| hold.target == target) else {
            return false;
        };
        let hold = search.holds.swap_remove(at);
        let Some(desk) = search.plan.desks.get(search.desk) else {
            return false;
        };
        // Whoever waits would ring them again at once.
        let rest = match desk.queue.is_some() {
            true => desk.rest.max(SHORTEST_REST),
            false => desk.rest,
        };
        let desk = (search.plan.dialplan.clone(), desk.handoff.clone());
        if hold.stage == Stage::Talks {
            let agent =
                own_user(&hold.target).and_then(|name| Some((name, self.agents.get(name)?)));
            match agent {
                // The next caller waits until they have wrapped up.
                Some((name, (state, _))) if wraps_up(*state) => {
                    self.served.insert(name.to_owned(), (desk, hold.since));
                }
                _ => self.count_service(now, desk, hold.since),
            }
        }
        let target = self.free(&hold);
        if hold.stage == Stage::Talks || why == Failed::Itself {
            target.used = Some(now);
        }
        match why {
            Failed::Itself => target.rest(now, rest),
            // Whatever made it fail meanwhile, that it was taken perhaps, somebody is free there now.
            Failed::NotWanted if hold.stage == Stage::Talks && target.is_back() => {
                self.news.back.push(hold.target);
            }
            Failed::NotWanted => {}
        }
        true
    }

    /// The target has one call less.
    fn free(&mut self, hold: &Hold) -> &mut Target {
        self.news.freed.push(hold.target.clone());
        let target = self.target(&hold.target);
        target.calls = target.calls.saturating_sub(1);
        match hold.stage {
            Stage::Offered => target.offered = target.offered.saturating_sub(1),
            Stage::Rings => target.ringing = target.ringing.saturating_sub(1),
            Stage::Talks => {}
        }
        target
    }

    /// Whom the call has they keep, unseen: nothing of it is a service time.
    pub(super) fn handed_over(&mut self, now: Instant, seeker: Seeker) {
        let search = self.searches.get_mut(&seeker);
        let holds = search.map(|search| std::mem::take(&mut search.holds));
        for hold in holds.unwrap_or_default() {
            let target = self.free(&hold);
            target.used = Some(now);
            target.failures = 0;
        }
        self.over(now, seeker);
    }

    pub(super) fn count_service(&mut self, now: Instant, desk: (String, String), since: Instant) {
        let times = &mut self.desks.entry(desk).or_default().times;
        times.add(now.saturating_duration_since(since));
    }

    pub(super) fn over(&mut self, now: Instant, seeker: Seeker) {
        let Some(search) = self.searches.get(&seeker) else {
            return;
        };
        let held: Vec<String> = search.holds.iter().map(|it| it.target.clone()).collect();
        for target in held {
            self.let_go(now, seeker, &target, Failed::NotWanted);
        }
        let search = self.searches.remove(&seeker);
        if let Some(wait) = search.and_then(|search| search.waits) {
            self.line.remove(&wait.place);
            self.ends.remove(&(wait.until, wait.place));
        }
    }
}

/// Whether a state is still about the last caller.
pub(super) fn wraps_up(state: AgentState) -> bool {
    matches!(
        state,
        AgentState::Busy | AgentState::WrapUp | AgentState::Reconnecting
    )
}
