//! A lookup in somebody else's system. The caller hears that it goes on, and can always leave it.

use crate::dialogue::action::{Action, Fetch};
use crate::dialogue::input::{FetchFailure, FetchId, Fetched};
use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::{Lookup, Next, State};
use crate::dialogue::timers::Timer;
use crate::dialplan::model::{Http, HttpMethod, NodeKind, Target};
use crate::dialplan::template;
use crate::events::{Event, LookupResult};
use crate::speech::grammar::Meaning;
use crate::speech::sentences::Sentence;
use std::time::Duration;

/// After so much silence in a lookup something is said. The caller is to hear it within 1.5 s: a
/// packet's time, a sentence's soft onset and their own jitter buffer come on top.
const SPEAK_AFTER: Duration = Duration::from_millis(1250);
/// From the end of one "I am looking that up" to the next.
const BETWEEN_FILLERS: Duration = Duration::from_secs(6);
/// How much later than its time-out a fetch may still report its end.
const FETCH_GRACE: Duration = Duration::from_secs(2);

impl Dialogue {
    pub(in crate::dialogue) fn enter_http(&mut self, http: &Http) -> Option<Next> {
        self.last_fetch = FetchId(self.last_fetch.0 + 1);
        let node = self.node_name().to_string();
        self.log(Event::LookupStarted { node });
        self.state = State::LookingUp(Lookup {
            fetch: self.last_fetch,
            started: self.now,
            method: http.method,
            perhaps_human: false,
        });
        match self.fetch_of(http) {
            Ok(fetch) => {
                // From a lookup to the next the silence goes on, and so does its timer; but the music
                // between two fillers has ended with the lookup before.
                if !self.speaker.is_playing() {
                    self.timers
                        .arm_at_the_latest(Timer::LookingUp, self.now, SPEAK_AFTER);
                }
                let deadline = self.now + http.timeout + FETCH_GRACE;
                self.timers.arm(Timer::Fetch, deadline);
                self.act(Action::Fetch(fetch));
                None
            }
            Err(reason) => {
                let status = None;
                self.lookup_ended(Err(FetchFailure { status, reason }))
            }
        }
    }

    fn fetch_of(&self, http: &Http) -> Result<Fetch, String> {
        let values = self.all_values();
        let templates = &self.program.templates;
        let mut headers = Vec::with_capacity(http.headers.len());
        for (name, source) in &http.headers {
            let value = templates.text(source, &values)?;
            if value.chars().any(char::is_control) {
                return Err(format!(
                    "the header `{name}` would hold a control character"
                ));
            }
            headers.push((name.clone(), value));
        }
        let body = http.body.as_ref();
        let body = body.map(|body| templates.json(body, &values)).transpose()?;
        // One fetch a visit, so its number names the visit.
        let key = || {
            format!(
                "{}-{}-{}",
                self.context.call_ref,
                self.node_name(),
                self.last_fetch.0
            )
        };
        Ok(Fetch {
            id: self.last_fetch,
            method: http.method,
            url: templates.url(&http.url, &values)?,
            headers,
            body,
            idempotency_key: (http.method == HttpMethod::Post).then(key),
            timeout: http.timeout,
        })
    }

    pub(in crate::dialogue) fn fetched(
        &mut self,
        fetch: FetchId,
        result: Result<Fetched, FetchFailure>,
    ) -> Option<Next> {
        match &self.state {
            State::LookingUp(lookup) if lookup.fetch == fetch => self.lookup_ended(result),
            _ => None,
        }
    }

    pub(in crate::dialogue) fn fetch_timed_out(&mut self) -> Option<Next> {
        self.act(Action::CancelFetch(self.last_fetch));
        let (status, reason) = (None, "no answer in time".to_string());
        self.lookup_ended(Err(FetchFailure { status, reason }))
    }

    fn lookup_ended(&mut self, result: Result<Fetched, FetchFailure>) -> Option<Next> {
        let (save, to, failed) = match &self.node().kind {
            NodeKind::Http(http) => (http.save.clone(), http.to, http.failed),
            _ => (None, Target::Human, Target::Human),
        };
        let (logged, next) = match result {
            Ok(Fetched { status, body }) => {
                if let Some(name) = save {
                    self.saved.insert(name, template::from_json(&body));
                }
                (LookupResult::Ok { status }, Next::To(to))
            }
            Err(FetchFailure { status, reason }) => (
                LookupResult::Failed { status, reason },
                Next::Failed(failed),
            ),
        };
        self.log_lookup_ended(logged);
        self.listening.lookup_ended();
        self.timers.stop(Timer::Fetch);
        let ask = matches!(&self.state, State::LookingUp(lookup) if lookup.perhaps_human);
        // It is over: leaving the node has nothing to cancel.
        if ask {
            self.state = State::LookedUp(next);
            return self.put_perhaps(Meaning::Human, String::new());
        }
        self.state = State::Passing;
        Some(next)
    }

    pub(in crate::dialogue) fn log_lookup_ended(&mut self, result: LookupResult) {
        let State::LookingUp(lookup) = &self.state else {
            return;
        };
        let elapsed = self.now.saturating_duration_since(lookup.started);
        self.log(Event::LookupEnded {
            node: self.node_name().to_string(),
            milliseconds: u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX),
            result,
        });
    }

    pub(in crate::dialogue) fn say_looking_up(&mut self) {
        let filler = match &self.node().kind {
            NodeKind::Http(http) => http.filler.as_ref(),
            _ => None,
        };
        // The engine's own words serve where the dialplan's have failed.
        let parts = filler.and_then(|filler| self.prompt(filler).ok());
        let parts = parts.unwrap_or_else(|| vec![self.sentence(Sentence::LookingUp)]);
        self.play(parts);
    }

    pub(in crate::dialogue) fn keep_lookup_audible(&mut self) {
        self.timers
            .arm(Timer::LookingUp, self.now + BETWEEN_FILLERS);
    }
}
