//! Which of a desk's targets are rung next.

use super::{Distributor, Search};
use crate::config::agent::own_user;
use crate::dialplan::model::Order;
use crate::handoff::agents::AgentState;
use crate::handoff::targets::{Desk, Plan, Try};
use std::time::Instant;

impl Distributor {
    /// Which of the desk's tries come next: all at once, or one.
    pub(super) fn choose(&self, now: Instant, search: &Search, desk: &Desk) -> Vec<usize> {
        let waits_for_rest = desk.queue.is_some();
        let mut free: Vec<usize> = (0..desk.tries.len())
            .filter(|&at| waits_for_rest || !search.tried[at])
            // One that the config forbids is told as an attempt, once.
            .filter(|&at| desk.tries[at].allowed || !waits_for_rest)
            .filter(|&at| self.is_free(&desk.tries[at], search.plan.caller_first, waits_for_rest))
            .filter(|&at| !(waits_for_rest && self.rests(now, &desk.tries[at])))
            .collect();
        self.sort(&mut free, search, desk);
        // Who speaks the caller's language first, and who rests or is down last.
        free.sort_by_key(|&at| {
            let one = &desk.tries[at];
            let speaks = one.languages.is_empty() || one.languages.contains(&search.plan.language);
            (self.rests(now, one) || self.is_down(one), !speaks)
        });
        if desk.order != Order::All {
            free.truncate(1);
        }
        free
    }

    fn sort(&self, free: &mut [usize], search: &Search, desk: &Desk) {
        match desk.order {
            Order::InOrder | Order::All => {}
            Order::RoundRobin => {
                let key = (search.plan.dialplan.clone(), desk.handoff.clone());
                let turn = self.desks.get(&key).map_or(0, |desk| desk.turn);
                let length = desk.tries.len().max(1);
                free.sort_by_key(|&at| (at + length - turn % length) % length);
            }
            // From the last call's end, or from when an agent's state became theirs.
            Order::LongestIdle => free.sort_by_key(|&at| {
                let one = &desk.tries[at];
                let used = self.targets.get(&one.target).and_then(|it| it.used);
                used.max(self.agent(one).map(|(_, since)| since))
            }),
        }
    }

    /// While callers wait for a target that has no limit, it is rung for one after the other: else all of
    /// them would ring it whenever it has rested. Callers who are to be called back are called one after
    /// the other for the same reason, and hold up nobody else meanwhile.
    fn is_free(&self, one: &Try, caller_first: bool, queued: bool) -> bool {
        let target = self.targets.get(&one.target);
        let is_rung = target.is_some_and(|it| it.ringing > 0 || (caller_first && it.offered > 0));
        if queued && one.limit.is_none() && is_rung && !self.line.is_empty() {
            return false;
        }
        let calls = self.targets.get(&one.target).map_or(0, |it| it.calls);
        let available = self.agent(one).map(|(state, _)| state) == Some(AgentState::Available);
        (!one.is_agent || available) && one.limit.is_none_or(|limit| calls < limit)
    }

    pub(super) fn rests(&self, now: Instant, one: &Try) -> bool {
        let target = self.targets.get(&one.target);
        target.is_some_and(|target| target.rests_until.is_some_and(|until| now < until))
    }

    fn is_down(&self, one: &Try) -> bool {
        self.targets.get(&one.target).is_some_and(|it| it.is_down)
    }

    /// What is known of one who registers here.
    fn agent(&self, one: &Try) -> Option<(AgentState, Instant)> {
        self.agents.get(own_user(&one.target)?).copied()
    }

    /// Whether a search by this plan may come to something: somebody is free now, or can be waited for.
    pub fn can_serve(&self, now: Instant, plan: &Plan) -> bool {
        let can = |desk: &Desk, one: &Try| {
            let is_now = || self.is_free(one, plan.caller_first, false) && !self.rests(now, one);
            self.is_staffed(one) && (desk.queue.is_some() || is_now())
        };
        let mut desks = plan.desks.iter();
        desks.any(|desk| desk.tries.iter().any(|one| can(desk, one)))
    }

    /// Whether somebody can be expected to become free.
    pub(super) fn is_staffed(&self, one: &Try) -> bool {
        let state = self
            .agent(one)
            .map_or(AgentState::Offline, |(state, _)| state);
        one.allowed && !(one.is_agent && is_gone(state))
    }
}

pub(super) fn is_gone(state: AgentState) -> bool {
    matches!(state, AgentState::Offline | AgentState::Away)
}
