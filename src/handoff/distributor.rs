//! Who rings whom, over all calls: which targets are free, who waits and in which order, and how long
//! that will take (the field's word is automatic call distributor).
//!
//! A call seeks a person with its [`Plan`]. It is answered with targets to ring, which are kept for it
//! until it tells what became of them; or with its place among those who wait; or that nobody is left.
//!
//! ```text
//! Seek ──► Ring ──► Answered … Over        (the target is free again, and the next in line rings it)
//!            ├────► HandedOver             (the same, as far as can be known)
//!            └────► Failed ──► Ring the next, or Waiting, or NobodyLeft
//! ```

use super::agents::AgentState;
use super::service_times::ServiceTimes;
use super::targets::{Desk, Plan, Try};
use crate::config::agent::own_user;
use crate::events::ReturnReason;
use choice::is_gone;
use holds::{Hold, Stage, wraps_up};
use news::News;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::time::{Duration, Instant};

mod choice;
mod holds;
mod line;
mod news;

/// Names who seeks: a call's number in its server.
pub type Seeker = u64;

/// Targets of whom something is remembered. Beyond it those that are idle are forgotten.
const MOST_TARGETS: usize = 10_000;

/// Nobody rests longer because of several failures in a row.
const LONGEST_REST: Duration = Duration::from_secs(120);

/// What a call tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `since`: from when on its place counts. `search` numbers the call's searches: answers about an
    /// older one are not for the newer.
    Seek {
        plan: Plan,
        since: Instant,
        search: u32,
    },
    /// The caller who was to be there first is: whom this call was offered is rung from now on.
    CallerIsThere,
    /// A target that was to be rung cannot be had, or is not wanted any more.
    Failed { target: String, why: Failed },
    /// A REFER to the target was accepted: whoever is gone next went there.
    Referred { target: String },
    /// The target has taken the call; the call has given up all others.
    Answered { target: String },
    /// Where am I now?
    WhereAmI,
    /// The call goes on elsewhere, with whom it has: how long they will talk is not known here.
    HandedOver,
    /// The call seeks nobody any more and has nobody.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// By its own fault: it rests before it is rung again.
    Itself,
    /// Nobody's fault: another one answered, or the caller went.
    NotWanted,
}

/// What a call is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Ring all of these at once. `passed`: the desks before these that could not be had.
    Ring { tries: Vec<Try>, passed: Passed },
    Waiting {
        handoff: String,
        /// From 1.
        position: u32,
        /// `None`: it cannot be known.
        estimate: Option<Duration>,
        passed: Passed,
    },
    NobodyLeft {
        reason: ReturnReason,
        passed: Passed,
    },
}

/// The handoffs on the way that were no help.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    pub closed: Vec<String>,
    /// All their people were taken, or nobody was there.
    pub none_free: Vec<String>,
}

#[derive(Debug, Default)]
struct Target {
    /// Offered, ringing or talking.
    calls: u32,
    /// Of these, those for whose caller is waited before the target is rung.
    offered: u32,
    /// Those that ring and nobody has answered.
    ringing: u32,
    /// When its last call ended, was passed on to it, or was not taken.
    used: Option<Instant>,
    rests_until: Option<Instant>,
    /// In a row; others while it rests are not counted.
    failures: u32,
    /// It does not answer OPTIONS.
    is_down: bool,
}

#[derive(Debug, Default)]
struct DeskUse {
    /// Where the next round begins.
    turn: usize,
    times: ServiceTimes,
}

#[derive(Debug)]
struct Search {
    plan: Plan,
    /// The call's own.
    number: u32,
    desk: usize,
    since: Instant,
    /// Of this desk's tries, those that were rung already.
    tried: Vec<bool>,
    holds: Vec<Hold>,
    waits: Option<Wait>,
    passed: Passed,
}

/// A place among those who wait; they are served in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    priority: Reverse<u8>,
    since: Instant,
    seeker: Seeker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wait {
    place: Place,
    /// Then the caller has waited long enough.
    until: Instant,
}

impl Search {
    fn desk(&self) -> Option<&Desk> {
        self.plan.desks.get(self.desk)
    }
}

impl Target {
    /// After a failure, which was one of several at once if it rests already. From a rest of so long it
    /// doubles with each in a row, so that callers in line are not told again and again that they are
    /// being connected.
    fn rest(&mut self, now: Instant, rest: Duration) {
        if self.rests_until.is_none_or(|until| until <= now) {
            self.failures = self.failures.saturating_add(1);
        }
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1));
        let longest = rest.max(LONGEST_REST);
        self.rests_until = Some(now + rest.saturating_mul(doubled).min(longest));
    }

    /// What was before says nothing any more. Whether it rested.
    fn is_back(&mut self) -> bool {
        self.failures = 0;
        self.rests_until.take().is_some()
    }
}

/// Whose turn it is, of all calls and all targets.
#[derive(Default)]
pub struct Distributor {
    /// By name, what was told of those who register here, and when. Of whom nothing was told is not
    /// there.
    agents: BTreeMap<String, (AgentState, Instant)>,
    /// Agents who have not been free since their last caller: for which desk that was, and since when.
    served: BTreeMap<String, ((String, String), Instant)>,
    targets: BTreeMap<String, Target>,
    desks: BTreeMap<(String, String), DeskUse>,
    searches: BTreeMap<Seeker, Search>,
    line: BTreeSet<Place>,
    /// When the callers in line have waited long enough.
    ends: BTreeSet<(Instant, Place)>,
    /// What may help those in line and was not looked at yet.
    news: News,
    answers: VecDeque<(Seeker, u32, Answer)>,
    /// When somebody has rested or waited long enough.
    due: Option<Instant>,
}

impl Distributor {
    /// An agent's state is this one from now on.
    pub fn agent_is(&mut self, now: Instant, name: &str, state: AgentState) {
        let before = self.agents.insert(name.to_owned(), (state, now));
        if state == AgentState::Available && before.is_none_or(|(before, _)| is_gone(before)) {
            let targets = self.targets.iter_mut();
            let theirs = targets.filter(|(target, _)| own_user(target) == Some(name));
            theirs.for_each(|(_, target)| _ = target.is_back());
        }
        if !wraps_up(state)
            && let Some((desk, since)) = self.served.remove(name)
        {
            self.count_service(now, desk, since);
        }
        self.news.is_about_all = true;
        self.look_again(now);
    }

    pub fn handle_input(&mut self, now: Instant, seeker: Seeker, request: Request) {
        match request {
            Request::Seek {
                plan,
                since,
                search,
            } => self.seek(now, seeker, (plan, search), since),
            Request::CallerIsThere => self.caller_is_there(now, seeker),
            Request::Failed { target, why } => {
                let freed = self.let_go(now, seeker, &target, why);
                let search = self.searches.get(&seeker);
                if freed && search.is_some_and(|search| search.holds.is_empty()) {
                    self.advance(now, seeker);
                }
            }
            Request::Referred { target } => self.referred(now, seeker, &target),
            Request::Answered { target } => self.answered(seeker, &target),
            Request::WhereAmI => return self.tell_place(seeker),
            Request::HandedOver => self.handed_over(now, seeker),
            Request::Over => self.over(now, seeker),
        }
        self.look_again(now);
    }

    /// For whom, about which of its searches.
    pub fn poll_output(&mut self) -> Option<(Seeker, u32, Answer)> {
        self.answers.pop_front()
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn find_due(&self) -> Option<Instant> {
        let (first, _) = self.ends.first()?;
        let rests = self.targets.values().filter_map(|it| it.rests_until);
        rests.chain([*first]).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        for target in self.targets.values_mut() {
            target.rests_until.take_if(|until| *until <= now);
        }
        self.news.is_about_all = true;
        self.look_again(now);
    }

    /// Whether the target answers OPTIONS.
    pub fn set_health(&mut self, now: Instant, target: &str, is_up: bool) {
        let was_down = std::mem::replace(&mut self.target(target).is_down, !is_up);
        if was_down && is_up && self.target(target).is_back() {
            self.news.back.push(target.to_owned());
        }
        self.look_again(now);
    }

    /// Whether nobody seeks, waits or is rung.
    pub fn is_idle(&self) -> bool {
        self.searches.is_empty() && self.line.is_empty()
    }

    /// How many callers wait.
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    fn seek(&mut self, now: Instant, seeker: Seeker, (plan, number): (Plan, u32), since: Instant) {
        self.over(now, seeker);
        let search = Search {
            tried: vec![false; plan.desks.first().map_or(0, |desk| desk.tries.len())],
            plan,
            number,
            desk: 0,
            since,
            holds: Vec::new(),
            waits: None,
            passed: Passed::default(),
        };
        self.searches.insert(seeker, search);
        self.enter_desk(seeker);
        self.advance(now, seeker);
    }

    /// What is closed before the desk is passed.
    fn enter_desk(&mut self, seeker: Seeker) {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        let at = search.desk;
        let (closed, tries) = match search.plan.desks.get_mut(at) {
            Some(desk) => (std::mem::take(&mut desk.after_closed), desk.tries.len()),
            None => (std::mem::take(&mut search.plan.closed_last), 0),
        };
        search.passed.closed.extend(closed);
        search.tried = vec![false; tries];
    }

    /// The search has no target: it gets the next, waits, or ends.
    fn advance(&mut self, now: Instant, seeker: Seeker) {
        loop {
            let Some(search) = self.searches.get(&seeker) else {
                return;
            };
            let Some(desk) = search.desk() else {
                return self.nobody_is_left(now, seeker);
            };
            let chosen = self.choose(now, search, desk);
            if !chosen.is_empty() {
                return self.ring(now, seeker, &chosen);
            }
            if self.may_wait(now, search, desk) {
                return self.wait(now, seeker);
            }
            self.pass_desk(seeker);
        }
    }

    fn pass_desk(&mut self, seeker: Seeker) {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        if let Some(wait) = search.waits.take() {
            self.line.remove(&wait.place);
            self.ends.remove(&(wait.until, wait.place));
        }
        // Who was rung and did not answer is told as an attempt.
        if !search.tried.contains(&true)
            && let Some(desk) = search.plan.desks.get(search.desk)
        {
            search.passed.none_free.push(desk.handoff.clone());
        }
        search.desk += 1;
        self.enter_desk(seeker);
    }

    fn ring(&mut self, now: Instant, seeker: Seeker, chosen: &[usize]) {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        let Some(desk) = search.plan.desks.get(search.desk) else {
            return;
        };
        let tries: Vec<Try> = chosen.iter().map(|&at| desk.tries[at].clone()).collect();
        for &at in chosen {
            search.tried[at] = true;
        }
        let stage = match search.plan.caller_first {
            true => Stage::Offered,
            false => Stage::Rings,
        };
        search.holds = tries
            .iter()
            .map(|one| Hold {
                target: one.target.clone(),
                since: now,
                stage,
            })
            .collect();
        if let Some(wait) = search.waits {
            self.line.remove(&wait.place);
            self.ends.remove(&(wait.until, wait.place));
        }
        let (passed, number) = (std::mem::take(&mut search.passed), search.number);
        let desk = (search.plan.dialplan.clone(), desk.handoff.clone());
        self.desks.entry(desk).or_default().turn = chosen.last().map_or(0, |at| at + 1);
        for one in &tries {
            let target = self.target(&one.target);
            target.calls += 1;
            match stage {
                // A target without a limit may be rung for the next meanwhile.
                Stage::Offered => target.offered += 1,
                _ => {
                    target.ringing += 1;
                    self.news.is_taken_again(&one.target);
                }
            }
        }
        self.answers
            .push_back((seeker, number, Answer::Ring { tries, passed }));
    }

    fn nobody_is_left(&mut self, now: Instant, seeker: Seeker) {
        let Some(search) = self.searches.get_mut(&seeker) else {
            return;
        };
        let answer = Answer::NobodyLeft {
            reason: search.plan.empty_because,
            passed: std::mem::take(&mut search.passed),
        };
        let number = search.number;
        self.over(now, seeker);
        self.answers.push_back((seeker, number, answer));
    }

    /// Serves those who wait, as far as somebody is free; who has waited too long, or for nobody, goes
    /// on. A long line is not looked through for those whom the news do not concern.
    fn look_again(&mut self, now: Instant) {
        self.news.is_about_all |= self.due.is_some_and(|due| due <= now);
        let mut at = self.line.first().copied();
        while let Some(place) = at
            && self.news.is_any()
        {
            self.look_at(now, place);
            let after = (Bound::Excluded(place), Bound::Unbounded);
            at = self.line.range(after).next().copied();
        }
        self.news = News::default();
        self.due = self.find_due();
    }

    fn look_at(&mut self, now: Instant, place: Place) {
        let Some(search) = self.searches.get(&place.seeker) else {
            return;
        };
        let Some(desk) = search.desk() else { return };
        if !self.news.concern(desk) {
            return;
        }
        let chosen = self.choose(now, search, desk);
        if !chosen.is_empty() {
            self.ring(now, place.seeker, &chosen);
        } else if !self.may_wait(now, search, desk) {
            self.pass_desk(place.seeker);
            self.advance(now, place.seeker);
        }
    }

    fn target(&mut self, target: &str) -> &mut Target {
        if self.targets.len() >= MOST_TARGETS && !self.targets.contains_key(target) {
            self.targets.retain(|_, it| it.calls > 0);
            self.news.is_about_all = true;
        }
        self.targets.entry(target.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests;
