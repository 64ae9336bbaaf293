//! Those who wait: in which order, at which place and how long.

use super::{Answer, Distributor, Place, Search, Seeker, Wait};
use crate::handoff::targets::Desk;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

impl Distributor {
    pub(super) fn may_wait(&self, now: Instant, search: &Search, desk: &Desk) -> bool {
        let Some(queue) = &desk.queue else {
            return false;
        };
        let staffed = desk.tries.iter().any(|one| self.is_staffed(one));
        let in_time = search.waits.is_none_or(|wait| now < wait.until);
        let ahead = || {
            let others = self.line.iter().filter(|place| {
                let other = self.searches.get(&place.seeker);
                other.is_some_and(|other| {
                    !other.plan.calls_back
                        && other.plan.dialplan == search.plan.dialplan
                        && other.desk().map(|desk| &desk.handoff) == Some(&desk.handoff)
                })
            });
            others.count()
        };
        let most = queue.most as usize;
        // Who is called back holds nobody up on the telephone, and was in line before.
        let has_room = || search.plan.calls_back || self.line.len() < most || ahead() < most;
        staffed && in_time && (search.waits.is_some() || has_room())
    }

    /// In line, from when it sought: who was rung in vain keeps the place.
    pub(super) fn wait(&mut self, now: Instant, seeker: Seeker) {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        let Some(queue) = search.desk().and_then(|desk| desk.queue.clone()) else {
            return;
        };
        let place = Place {
            priority: Reverse(queue.priority),
            since: search.since,
            seeker,
        };
        let until = now + queue.longest;
        let wait = *search.waits.get_or_insert(Wait { place, until });
        self.line.insert(wait.place);
        self.ends.insert((wait.until, wait.place));
        self.tell_place(seeker);
    }

    pub(super) fn tell_place(&mut self, seeker: Seeker) {
        let Some(search) = self.searches.get(&seeker) else {
            return;
        };
        let (Some(wait), Some(desk)) = (search.waits, search.desk()) else {
            return;
        };
        if !self.line.contains(&wait.place) {
            return;
        }
        let position = self.position(search, desk, wait.place);
        let key = (search.plan.dialplan.clone(), desk.handoff.clone());
        let times = self.desks.get(&key).map(|desk| &desk.times);
        let estimate = times.and_then(|times| times.wait(position, self.people(desk)));
        let handoff = desk.handoff.clone();
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        let passed = std::mem::take(&mut search.passed);
        let answer = Answer::Waiting {
            handoff,
            position,
            estimate,
            passed,
        };
        let number = search.number;
        self.answers.push_back((seeker, number, answer));
    }

    /// From 1, among those who wait for any of the same targets.
    fn position(&self, search: &Search, desk: &Desk, place: Place) -> u32 {
        let wanted: BTreeSet<&str> = desk.tries.iter().map(|it| it.target.as_str()).collect();
        let mut shares: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        let ahead = self.line.range(..place).filter(|other| {
            let Some(other) = self.searches.get(&other.seeker) else {
                return false;
            };
            let Some(theirs) = other.desk() else {
                return false;
            };
            let same =
                other.plan.dialplan == search.plan.dialplan && theirs.handoff == desk.handoff;
            let key = (other.plan.dialplan.as_str(), theirs.handoff.as_str());
            let share = || {
                theirs
                    .tries
                    .iter()
                    .any(|it| wanted.contains(it.target.as_str()))
            };
            same || *shares.entry(key).or_insert_with(share)
        });
        ahead.count() as u32 + 1
    }

    /// How many callers the desk serves at once: of a target without a limit only what it does now is
    /// known.
    fn people(&self, desk: &Desk) -> u32 {
        let staffed = desk.tries.iter().filter(|one| self.is_staffed(one));
        let each = staffed.map(|one| {
            let calls = self.targets.get(&one.target).map_or(0, |it| it.calls);
            one.limit.unwrap_or(calls.max(1))
        });
        each.sum()
    }
}
