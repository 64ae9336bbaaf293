//! The agents who register with this server, as signalling knows them: where their telephones are,
//! whether they can be rung, and the calls that ring at theirs.

use super::guesses::Guesses;
use super::targets::Prepared;
use crate::config::Config;
use crate::config::agent::{AgentConfig, OUR_HOST};
use crate::console::agents::{AgentRequest, AgentView};
use crate::handoff::agents::{AgentState, Agents};
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::registrar::{Account, Binding, Lines, Refusal, Registrar};
use crate::sip::user_agent::event::{Event, LegId};
use metrics::gauge;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime};
use tokio::sync::{mpsc, watch};

pub struct Roster {
    registrar: Registrar,
    pub agents: Agents,
    /// That ring at an agent's, or are theirs.
    legs: FxHashMap<LegId, AgentLeg>,
    guesses: Guesses,
    requests: mpsc::Receiver<AgentRequest>,
    /// Who is away by their own wish.
    away: watch::Sender<BTreeSet<String>>,
    /// What was not told yet: at most one an agent.
    changes: BTreeMap<String, AgentState>,
}

struct AgentLeg {
    name: String,
    /// That rings, as it registered last.
    telephone: Binding,
    answered: bool,
}

impl Roster {
    /// `away`: who was so when the server ended, and where it is told who is; `secret` must be one
    /// that nobody guesses.
    pub fn new(
        now: Instant,
        config: &Config,
        requests: mpsc::Receiver<AgentRequest>,
        away: watch::Sender<BTreeSet<String>>,
        secret: [u8; 32],
    ) -> Roster {
        let configs = config.agents.values();
        let mut roster = Roster {
            registrar: Registrar::new(now, OUR_HOST, configs.clone().filter_map(login), secret),
            agents: Agents::new(now, configs.cloned()),
            legs: FxHashMap::default(),
            guesses: Guesses::default(),
            requests,
            away,
            changes: BTreeMap::new(),
        };
        for name in roster.away.borrow().iter() {
            // Who is in the config no more is nobody.
            let _ = roster.agents.set_away(now, name);
        }
        roster.count_states();
        roster
    }

    /// Whether the config has agents at all.
    pub fn is_staffed(&self) -> bool {
        self.agents.iter().next().is_some()
    }

    /// `None`: who guesses passwords is not listened to.
    pub fn register(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Request,
    ) -> Option<Result<Lines, Refusal>> {
        if self.is_barred(now, flow, request) {
            return None;
        }
        let done = self.registrar.register(now, flow, request);
        self.count_guess(now, flow, done.as_ref().err());
        self.settle(now);
        Some(done)
    }

    /// The agent who sent the request. `None` as for [`Roster::register`].
    pub fn authenticate(
        &mut self,
        now: Instant,
        flow: Flow,
        request: &Request,
    ) -> Option<Result<String, Refusal>> {
        if self.is_barred(now, flow, request) {
            return None;
        }
        let source = flow.remote.ip();
        let proven = self.registrar.authenticate(now, source, request);
        self.count_guess(now, flow, proven.as_ref().err());
        Some(proven)
    }

    /// From there passwords are guessed. A telephone that is registered stays so beside a guesser.
    fn is_barred(&self, now: Instant, flow: Flow, request: &Request) -> bool {
        self.guesses.are_too_many(now, flow.remote.ip())
            && !self.registrar.knows_sender(flow, request)
    }

    fn count_guess(&mut self, now: Instant, flow: Flow, refusal: Option<&Refusal>) {
        if refusal.is_some_and(|refusal| refusal.is_guess) {
            self.guesses.count(now, flow.remote.ip());
        }
    }

    /// Whether an agent registered by this way.
    pub fn knows(&self, flow: Flow) -> bool {
        self.registrar.knows(flow)
    }

    /// The connection is closed. A telephone that only lost it is soon back.
    pub fn flow_lost(&mut self, now: Instant, flow: Flow) {
        self.settle(now);
        self.registrar.flow_lost(flow);
        while let Some((name, until)) = self.registrar.poll_change() {
            match until {
                Some(until) => self.agents.registered(now, &name, until),
                None => self.agents.connection_lost(now, &name),
            }
        }
        self.settle(now);
    }

    /// How an agent is rung; why not, where they are not there or wish to be left alone. Who is busy is
    /// rung: whoever sends a call there knows.
    pub fn prepare(&self, name: &str) -> Result<Prepared, String> {
        let state = self.agents.state(name);
        match state {
            Some(AgentState::Available | AgentState::Busy) => {}
            Some(state) => return Err(format!("the agent {name} is {}", state.name())),
            None => return Err(format!("no agent is called {name}")),
        }
        let binding = self.registrar.binding(name);
        let binding = binding.ok_or_else(|| format!("the agent {name} is not registered"))?;
        Ok(Prepared {
            flow: binding.flow,
            fallbacks: Vec::new(),
            uri: binding.contact.to_string(),
            from: None,
            credentials: None,
            agent: Some((name.to_owned(), binding.clone())),
        })
    }

    /// A call of ours rings at an agent's from now on.
    pub fn rings(&mut self, now: Instant, leg: LegId, (name, telephone): (String, Binding)) {
        self.agents.call_began(now, &name);
        let rung = AgentLeg {
            name,
            telephone,
            answered: false,
        };
        self.legs.insert(leg, rung);
        self.settle(now);
    }

    /// The calls of the telephones that are registered by this way, which are reached by it now.
    pub fn move_legs(&mut self, flow: Flow) -> Vec<LegId> {
        let mut moved = Vec::new();
        for (id, leg) in &mut self.legs {
            let now_there = self.registrar.telephone(&leg.name, &leg.telephone, flow);
            if let Some(telephone) = now_there {
                leg.telephone = telephone.clone();
                moved.push(*id);
            }
        }
        moved
    }

    pub fn handle_event(&mut self, now: Instant, event: &Event) {
        if let Event::Answered { leg, .. } = event
            && let Some(leg) = self.legs.get_mut(leg)
        {
            leg.answered = true;
        }
        if let Some(leg) = event.ends().and_then(|leg| self.legs.remove(&leg)) {
            self.agents.call_ended(now, &leg.name, leg.answered);
            self.settle(now);
        }
    }

    /// An agent's own wish; the state that they are in by it.
    pub fn wish(&mut self, now: Instant, name: &str, away: bool) -> Option<AgentState> {
        let state = match away {
            true => self.agents.set_away(now, name),
            false => self.agents.set_available(now, name),
        };
        self.settle(now);
        let state = state.ok()?;
        self.away.send_if_modified(|all| match away {
            true => all.insert(name.to_owned()),
            false => all.remove(name),
        });
        Some(state)
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let timeouts = [self.registrar.next_timeout(), self.agents.next_timeout()];
        timeouts.into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_timeout().is_some_and(|due| due <= now) {
            self.registrar.handle_timeout(now);
            self.agents.handle_timeout(now);
            self.settle(now);
        }
    }

    /// The next that is asked over HTTP.
    pub async fn asked(&mut self) -> AgentRequest {
        match self.requests.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }

    pub fn answer(&mut self, now: Instant, request: AgentRequest) {
        // Who does not wait for the answer any more needs none.
        match request {
            AgentRequest::List(reply) => {
                let agents = self.agents.iter();
                let views = agents.map(|(config, state, since)| view(now, config, state, since));
                let _ = reply.send(views.collect());
            }
            AgentRequest::Set { name, away, reply } => {
                self.wish(now, &name, away);
                let _ = reply.send(self.view(now, &name));
            }
        }
    }

    fn view(&self, now: Instant, name: &str) -> Option<AgentView> {
        let mut agents = self.agents.iter();
        let (config, state, since) = agents.find(|(config, ..)| config.name == name)?;
        Some(view(now, config, state, since))
    }

    /// What the registrar knows becomes the agents' states, and what changes by it is told.
    fn settle(&mut self, now: Instant) {
        while let Some((name, until)) = self.registrar.poll_change() {
            match until {
                Some(until) => self.agents.registered(now, &name, until),
                None => self.agents.unregistered(now, &name),
            }
        }
        let mut has_changed = false;
        while let Some((agent, state)) = self.agents.poll_change() {
            tracing::info!(agent, state = state.name(), "an agent's state");
            self.changes.insert(agent, state);
            has_changed = true;
        }
        if has_changed {
            self.count_states();
        }
    }

    /// The next agent whose state is another than was told last.
    pub fn poll_change(&mut self) -> Option<(String, AgentState)> {
        self.changes.pop_first()
    }

    fn count_states(&self) {
        for state in AgentState::ALL {
            let count = self.agents.iter().filter(|(_, of, _)| *of == state).count();
            gauge!("zeroline_agents", "state" => state.name()).set(count as f64);
        }
    }
}

/// Without a password, nobody can register as them.
fn login(agent: &AgentConfig) -> Option<Account> {
    let password = agent.password.as_ref()?.reveal();
    let password = password.and_then(|password| match password.expose() {
        "" => Err("it is empty".to_owned()),
        text => Ok(text.to_owned()),
    });
    match password {
        Ok(password) => Some(Account {
            name: agent.name.clone(),
            password,
            hash: agent.digest,
        }),
        Err(reason) => {
            tracing::warn!(
                agent = agent.name,
                reason,
                "an agent has no password, and cannot register"
            );
            None
        }
    }
}

fn view(now: Instant, agent: &AgentConfig, state: AgentState, since: Instant) -> AgentView {
    let since = SystemTime::now() - now.saturating_duration_since(since);
    let since = jiff::Timestamp::try_from(since).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let milliseconds = jiff::Timestamp::from_millisecond(since.as_millisecond());
    AgentView {
        name: agent.name.clone(),
        state: state.name(),
        since: milliseconds.unwrap_or(since).to_string(),
        skills: agent.skills.clone(),
        languages: agent.languages.iter().map(|spoken| spoken.tag()).collect(),
    }
}
