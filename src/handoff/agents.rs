//! The agents who register here, and who of them is free.
//!
//! ```text
//!  Offline ── registered ──► Available ── call_began ──► Busy ── call_ended ──► WrapUp ──► Available
//!     ▲                        │    ▲                      │         (answered)   (time, or wish)
//!     └── from everywhere      ▼    │ wishes               └─ wished away ──► Away
//!         but Busy            Away ─┘
//! ```
//!
//! Who is in a call is there, registered or not. A connection that breaks makes who was Available
//! Reconnecting, for as long as a telephone takes to come back.

use crate::config::agent::AgentConfig;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Within so long a telephone whose connection is broken connects anew and registers again.
const RECONNECTS_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AgentState {
    /// No telephone of theirs is registered, and none is in a call.
    Offline,
    /// Their telephone's connection broke just now: they cannot be rung, and are soon back.
    Reconnecting,
    Available,
    /// A call rings at theirs, or they are in one.
    Busy,
    /// After a call, for as long as the config gives them.
    WrapUp,
    /// By their own wish, until they wish otherwise: over calls and registrations too.
    Away,
}

impl AgentState {
    pub const ALL: [AgentState; 6] = [
        AgentState::Offline,
        AgentState::Reconnecting,
        AgentState::Available,
        AgentState::Busy,
        AgentState::WrapUp,
        AgentState::Away,
    ];

    /// As it stands in the HTTP API and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            AgentState::Offline => "offline",
            AgentState::Reconnecting => "reconnecting",
            AgentState::Available => "available",
            AgentState::Busy => "busy",
            AgentState::WrapUp => "wrap-up",
            AgentState::Away => "away",
        }
    }
}

/// Nobody of that name registers here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the config has no agent of that name")]
pub struct NoSuchAgent;

/// Everybody who registers here, in the order of their names. What is told of a name that is nobody's
/// changes nothing.
#[derive(Debug)]
pub struct Agents(BTreeMap<String, Agent>);

#[derive(Debug)]
struct Agent {
    config: AgentConfig,
    /// Their registration's end.
    registered_until: Option<Instant>,
    /// Until that end they are not reached, unless they register again.
    is_cut_off: bool,
    /// Calls that ring there or go on: one, but for what nobody foresaw.
    calls: u32,
    wants_away: bool,
    wrap_up_until: Option<Instant>,
    state: AgentState,
    /// Since when that is their state.
    since: Instant,
    /// The state that [`Agents::poll_change`] told last.
    told: AgentState,
}

impl Agents {
    /// All are offline.
    pub fn new(now: Instant, configs: impl IntoIterator<Item = AgentConfig>) -> Agents {
        let agent = |config: AgentConfig| Agent {
            config,
            registered_until: None,
            is_cut_off: false,
            calls: 0,
            wants_away: false,
            wrap_up_until: None,
            state: AgentState::Offline,
            since: now,
            told: AgentState::Offline,
        };
        let named = |config: AgentConfig| (config.name.clone(), agent(config));
        Agents(configs.into_iter().map(named).collect())
    }

    /// A telephone of theirs registered, or did so again; it stays until then.
    pub fn registered(&mut self, now: Instant, name: &str, until: Instant) {
        self.change(now, name, |agent| {
            agent.registered_until = Some(until);
            agent.is_cut_off = false;
        });
    }

    /// The connection to their last telephone broke, without a word of its own.
    pub fn connection_lost(&mut self, now: Instant, name: &str) {
        self.change(now, name, |agent| {
            let until = agent.registered_until;
            agent.registered_until = until.map(|until| until.min(now + RECONNECTS_WITHIN));
            agent.is_cut_off = true;
        });
    }

    /// The last telephone of theirs is gone, by its own wish or as its time is over.
    pub fn unregistered(&mut self, now: Instant, name: &str) {
        self.change(now, name, |agent| agent.registered_until = None);
    }

    /// By their own wish. While they are in a call it holds from its end on.
    pub fn set_away(&mut self, now: Instant, name: &str) -> Result<AgentState, NoSuchAgent> {
        self.wish(now, name, true)
    }

    /// By their own wish: back from away, or done with wrapping up.
    pub fn set_available(&mut self, now: Instant, name: &str) -> Result<AgentState, NoSuchAgent> {
        self.wish(now, name, false)
    }

    fn wish(&mut self, now: Instant, name: &str, away: bool) -> Result<AgentState, NoSuchAgent> {
        self.change(now, name, |agent| {
            agent.wants_away = away;
            agent.wrap_up_until = None;
        });
        self.state(name).ok_or(NoSuchAgent)
    }

    /// From its ringing on: a telephone that rings is not free.
    pub fn call_began(&mut self, now: Instant, name: &str) {
        self.change(now, name, |agent| agent.calls += 1);
    }

    /// Whatever its end. Only what was `answered` is wrapped up.
    pub fn call_ended(&mut self, now: Instant, name: &str, answered: bool) {
        self.change(now, name, |agent| {
            agent.calls = agent.calls.saturating_sub(1);
            if answered {
                agent.wrap_up_until = Some(now + agent.config.wrap_up);
            }
        });
    }

    pub fn state(&self, name: &str) -> Option<AgentState> {
        self.0.get(name).map(|agent| agent.state)
    }

    /// Whether they can be rung now.
    pub fn is_free(&self, name: &str) -> bool {
        self.state(name) == Some(AgentState::Available)
    }

    /// Since when they can be rung; `None` while they cannot.
    pub fn idle_since(&self, name: &str) -> Option<Instant> {
        let agent = self.0.get(name)?;
        (agent.state == AgentState::Available).then_some(agent.since)
    }

    pub fn config(&self, name: &str) -> Option<&AgentConfig> {
        self.0.get(name).map(|agent| &agent.config)
    }

    /// Everybody by name, with their state and since when it is theirs.
    pub fn iter(&self) -> impl Iterator<Item = (&AgentConfig, AgentState, Instant)> {
        self.0
            .values()
            .map(|agent| (&agent.config, agent.state, agent.since))
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let times = |agent: &Agent| [agent.registered_until, agent.wrap_up_until];
        self.0.values().flat_map(times).flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.0.values_mut().for_each(|agent| agent.settle(now));
    }

    /// The next whose state is another than was told last. Of several changes between two questions
    /// the last one is told, so nothing heaps up.
    pub fn poll_change(&mut self) -> Option<(String, AgentState)> {
        let mut agents = self.0.iter_mut();
        let (name, agent) = agents.find(|(_, agent)| agent.told != agent.state)?;
        agent.told = agent.state;
        Some((name.clone(), agent.state))
    }

    fn change(&mut self, now: Instant, name: &str, change: impl FnOnce(&mut Agent)) {
        if let Some(agent) = self.0.get_mut(name) {
            change(agent);
            agent.settle(now);
        }
    }
}

impl Agent {
    /// Forgets what is over, and finds the state that follows.
    fn settle(&mut self, now: Instant) {
        self.registered_until = self.registered_until.filter(|until| now < *until);
        self.wrap_up_until = self.wrap_up_until.filter(|until| now < *until);
        let state = match self {
            // A call that goes on shows that there is somebody.
            _ if self.calls > 0 => AgentState::Busy,
            _ if self.registered_until.is_none() => AgentState::Offline,
            _ if self.wants_away => AgentState::Away,
            _ if self.is_cut_off => AgentState::Reconnecting,
            _ if self.wrap_up_until.is_some() => AgentState::WrapUp,
            _ => AgentState::Available,
        };
        if state != self.state {
            self.state = state;
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests;
