//! One call and everybody in it: caller, server, people, and the network between, in virtual time.

use crate::agents::{Agents, Habit};
use crate::caller::{Caller, KeysBy};
use crate::checks::{Ear, Watch};
use crate::helpers::{Helpers, Moods};
use crate::hotline;
use crate::network::{Network, Weather};
use crate::server::Server;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::call::services::PromptSource;
use zeroline::dialogue::program::Program;
use zeroline::events::Event;
use zeroline::key::Key;

/// 2026-01-05, a Monday, at noon UTC, since 1970.
pub const UNIX: Duration = Duration::from_secs(1_767_614_400);
/// What caller and agents say, and what the caller says while something sensitive is keyed.
pub const CALLER_LEVEL: i16 = 6_000;
pub const AGENT_LEVEL: i16 = -6_000;
pub const SECRET_LEVEL: i16 = 20_000;

/// A key counts after some 40 ms of its tone, and the finger stays on it.
const TAIL_OF_A_KEY: Duration = Duration::from_millis(150);

pub fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5060))
}

pub fn caller_address() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], 5060))
}

pub fn agents_address() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], 5060))
}

/// What a world is made of.
pub struct Scene {
    pub seed: u64,
    pub weather: Weather,
    pub moods: Moods,
    pub keys_by: KeysBy,
    pub caller_codecs: Vec<Codec>,
    pub agents_codec: Codec,
    pub habits: BTreeMap<String, Habit>,
    pub prompts: Arc<dyn PromptSource>,
    pub program: Arc<Program>,
    /// Callers are listened to.
    pub hears: bool,
}

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub network: Network,
    pub server: Server,
    pub caller: Caller,
    pub agents: Agents,
    pub watch: Watch,
    /// What the caller says while nothing is sensitive.
    pub caller_level: i16,
    secret_until: Option<Instant>,
}

impl World {
    pub fn new(scene: Scene) -> World {
        let now = Instant::now();
        let Scene { seed, weather, .. } = scene;
        let services = hotline::services(scene.program, scene.prompts, scene.hears);
        let helpers = Helpers::new(scene.moods, seed ^ 1);
        World {
            now,
            start: now,
            network: Network::new(weather, seed ^ 2),
            server: Server::new(services, helpers, seed ^ 3),
            caller: Caller::new(now, scene.keys_by, &scene.caller_codecs, seed ^ 4),
            agents: Agents::new(scene.habits, scene.agents_codec, seed ^ 5),
            watch: Watch::default(),
            caller_level: CALLER_LEVEL,
            secret_until: None,
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end, |_| false);
        self.now = end;
    }

    pub fn stop_server(&mut self) {
        self.watch.stops = true;
        self.server.stop(self.now);
    }

    /// Until the caller is in the call.
    pub fn until_answered(&mut self) {
        let end = self.now + Duration::from_secs(40);
        self.run_until(end, |world| world.caller.answered || world.caller.ended);
    }

    /// Until `done`, or until `end`; whether it is done.
    pub fn run_until(&mut self, end: Instant, mut done: impl FnMut(&World) -> bool) -> bool {
        self.work();
        while !done(self) {
            match self.next_step().filter(|at| *at <= end) {
                Some(at) => self.step(at),
                None => return false,
            }
        }
        true
    }

    /// Goes on until nothing will ever happen again, and looks at what is left.
    pub fn run_to_the_end(&mut self) {
        let end = self.now + Duration::from_secs(4_000);
        self.run_until(end, |_| false);
        assert_eq!(self.next_step(), None, "it never ends");
        self.server.assert_over();
        assert_eq!(self.caller.ua.load(), Default::default());
        assert_eq!(self.agents.ua.load(), Default::default());
        self.network.sip.assert_all_answered();
    }

    fn next_step(&self) -> Option<Instant> {
        [
            self.network.next_arrival(),
            self.server.next_timeout(),
            self.caller.next_timeout(),
            self.agents.next_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn step(&mut self, at: Instant) {
        self.now = self.now.max(at);
        while let Some(datagram) = self.network.receive(self.now) {
            let to = datagram.to.ip();
            if to == server_address().ip() {
                self.server.receive(self.now, datagram, &mut self.network);
            } else if to == caller_address().ip() {
                self.caller.receive(self.now, datagram);
            } else {
                self.agents.receive(self.now, datagram);
            }
        }
        self.work();
    }

    fn work(&mut self) {
        self.server.work(self.now, &mut self.network);
        if self.is_sensitive() {
            self.secret_until = Some(self.now + TAIL_OF_A_KEY);
        }
        let secret = self.secret_until.is_some_and(|until| self.now < until);
        self.caller.handset.level = if secret {
            SECRET_LEVEL
        } else {
            self.caller_level
        };
        self.caller.work(self.now, &mut self.network);
        self.agents.work(self.now, &mut self.network);
        let ear = Ear {
            sound: self.caller.handset.heard.sound,
            // Who speaks waits for nobody, and of a dead line nothing is heard.
            held: self.caller.held || self.caller.handset.is_speaking() || self.agents.are_dead,
            delay: self.network.weather.longest_delay,
        };
        self.watch.look(self.now, &self.server.journal, ear);
    }

    fn is_sensitive(&self) -> bool {
        let call = self.server.call.as_ref();
        call.is_some_and(|call| call.dialogue().is_sensitive())
    }

    /// The key that means a person at this moment.
    pub fn human_key(&self) -> Key {
        let call = self.server.call.as_ref();
        call.map_or(Key::ZERO, |call| call.dialogue().human_key_now())
    }

    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.server.journal.iter().map(|entry| &entry.event)
    }

    pub fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events().any(wanted)
    }

    /// The call's story, for a failure's report.
    pub fn story(&self) -> String {
        let first = self.server.journal.first().map_or(0, |entry| entry.at_ms);
        let lines = self.server.journal.iter();
        let lines = lines.map(|it| format!("{:>8} {:?}\n", it.at_ms - first, it.event));
        lines.collect()
    }
}
