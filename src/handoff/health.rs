//! Whether targets live: which address is asked by OPTIONS (RFC 3261, 11), and when.
//!
//! Each is asked once in a while, as long as nothing else shows that it lives. What does not answer twice
//! in a row is down: its targets are rung last. It is asked more often then, until it answers.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Addresses that are asked; of further ones nothing is known, and they are rung as if they lived.
pub const MOST: usize = 1000;
/// Who has not answered by then is silent: four datagrams were sent.
pub const WAIT: Duration = Duration::from_secs(4);
/// After a first silence: a datagram more may have been lost.
const SURE: Duration = Duration::from_secs(1);
/// One that is down, or sooner where that is how often all are asked.
const DOWN: Duration = Duration::from_secs(10);
/// At the start, so that they are not asked at once.
const START: Duration = Duration::from_secs(5);
const SILENCES: u8 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To be told by [`Health::answered`], whatever comes of it.
    Ask {
        address: String,
    },
    Changed {
        address: String,
        is_up: bool,
    },
}

pub struct Health {
    every: Duration,
    rng: StdRng,
    watched: BTreeMap<String, Watched>,
    outputs: VecDeque<Output>,
    due: Option<Instant>,
}

struct Watched {
    is_up: bool,
    /// In a row.
    silences: u8,
    is_asked: bool,
    due: Instant,
}

impl Health {
    /// The addresses are taken to live until they are known not to.
    pub fn new(
        now: Instant,
        addresses: impl IntoIterator<Item = String>,
        every: Duration,
        seed: u64,
    ) -> Health {
        let mut watched = BTreeMap::new();
        for address in addresses {
            if watched.len() < MOST || watched.contains_key(&address) {
                let one = Watched {
                    is_up: true,
                    silences: 0,
                    is_asked: false,
                    due: now,
                };
                watched.insert(address, one);
            }
        }
        let step = START / watched.len().max(1) as u32;
        for (at, one) in watched.values_mut().enumerate() {
            one.due = now + step * at as u32;
        }
        let mut health = Health {
            every,
            rng: StdRng::seed_from_u64(seed),
            watched,
            outputs: VecDeque::new(),
            due: None,
        };
        health.find_due();
        health
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.due
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        for (address, one) in &mut self.watched {
            if !one.is_asked && one.due <= now {
                one.is_asked = true;
                let address = address.clone();
                self.outputs.push_back(Output::Ask { address });
            }
        }
        self.find_due();
    }

    /// At most two an address: drained after each mutation.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What came of asking. `None`: nothing, in time. A 408 comes from a proxy to which nothing came, and
    /// with a 503 nobody can be rung; whoever refuses in another way lives.
    pub fn answered(&mut self, now: Instant, address: &str, status: Option<u16>) {
        if let Some(one) = self.watched.get_mut(address) {
            one.is_asked = false;
        }
        match status {
            None | Some(408 | 503) => self.is_silent(now, address),
            Some(_) => self.lives(now, address),
        }
    }

    /// It could not be asked, for want of room here: nothing is known of it.
    pub fn not_asked(&mut self, now: Instant, address: &str) {
        if let Some(one) = self.watched.get_mut(address) {
            one.is_asked = false;
            one.due = now + self.every;
            self.find_due();
        }
    }

    /// It has answered something else.
    pub fn lives(&mut self, now: Instant, address: &str) {
        let spread = self.rng.random_range(0.9..1.1);
        let Some(one) = self.watched.get_mut(address) else {
            return;
        };
        one.silences = 0;
        one.due = now + self.every.mul_f32(spread);
        self.turn(address, true);
    }

    /// It did not take a call, and may not live: it is asked now.
    pub fn doubt(&mut self, now: Instant, address: &str) {
        if let Some(one) = self.watched.get_mut(address).filter(|one| one.is_up) {
            one.due = now;
            self.find_due();
        }
    }

    fn is_silent(&mut self, now: Instant, address: &str) {
        let spread = self.rng.random_range(0.9..1.1);
        let Some(one) = self.watched.get_mut(address) else {
            return;
        };
        one.silences = one.silences.saturating_add(1);
        let is_down = one.silences >= SILENCES;
        one.due = match is_down {
            true => now + self.every.min(DOWN).mul_f32(spread),
            false => now + SURE,
        };
        match is_down {
            true => self.turn(address, false),
            false => self.find_due(),
        }
    }

    fn turn(&mut self, address: &str, is_up: bool) {
        if let Some(one) = self.watched.get_mut(address)
            && std::mem::replace(&mut one.is_up, is_up) != is_up
        {
            let address = address.to_owned();
            self.outputs.push_back(Output::Changed { address, is_up });
        }
        self.find_due();
    }

    fn find_due(&mut self) {
        let waiting = self.watched.values().filter(|one| !one.is_asked);
        self.due = waiting.map(|one| one.due).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);
    const A: &str = "sip:a@pbx.example.com";

    /// What is answered to the OPTIONS of an address at a time since the start.
    type Peer = fn(&str, Duration) -> Option<u16>;

    struct Clock {
        health: Health,
        start: Instant,
        now: Instant,
        /// Seconds, rounded down, and what happened.
        told: Vec<(u64, String)>,
    }

    impl Clock {
        fn new(addresses: &[&str], every: Duration) -> Clock {
            let start = Instant::now();
            let addresses = addresses.iter().map(|it| it.to_string());
            Clock {
                health: Health::new(start, addresses, every, 7),
                start,
                now: start,
                told: Vec::new(),
            }
        }

        /// A peer that answers does so at once; silence takes [`WAIT`].
        fn run(&mut self, seconds: u64, peer: Peer) -> Vec<(u64, String)> {
            let until = self.start + Duration::from_secs(seconds);
            let mut silent: VecDeque<(Instant, String)> = VecDeque::new();
            loop {
                let given_up = silent.front().map(|it| it.0);
                let next = given_up.into_iter().chain(self.health.next_timeout()).min();
                let Some(next) = next.filter(|next| *next < until) else {
                    break;
                };
                self.now = next;
                if given_up.is_some_and(|at| at <= next)
                    && let Some((_, address)) = silent.pop_front()
                {
                    self.health.answered(next, &address, None);
                }
                self.health.handle_timeout(next);
                while let Some(output) = self.health.poll_output() {
                    let at = next.duration_since(self.start);
                    match output {
                        Output::Ask { address } => {
                            self.told.push((at.as_secs(), format!("ask {address}")));
                            match peer(&address, at) {
                                Some(status) => self.health.answered(next, &address, Some(status)),
                                None => silent.push_back((next + WAIT, address)),
                            }
                        }
                        Output::Changed { address, is_up } => {
                            let word = if is_up { "up" } else { "down" };
                            self.told.push((at.as_secs(), format!("{word} {address}")));
                        }
                    }
                }
            }
            self.now = until;
            std::mem::take(&mut self.told)
        }

        fn asks(&mut self, seconds: u64, peer: Peer) -> Vec<u64> {
            let told = self.run(seconds, peer).into_iter();
            told.filter(|it| it.1.starts_with("ask"))
                .map(|it| it.0)
                .collect()
        }

        fn changes(&mut self, seconds: u64, peer: Peer) -> Vec<(u64, String)> {
            let told = self.run(seconds, peer).into_iter();
            told.filter(|it| !it.1.starts_with("ask")).collect()
        }
    }

    #[test]
    fn a_refusal_is_an_answer_and_silence_twice_is_none() {
        for status in [200, 401, 404, 405, 480, 486, 500, 603] {
            let peer: Peer = match status {
                200 => |_, _| Some(200),
                401 => |_, _| Some(401),
                404 => |_, _| Some(404),
                405 => |_, _| Some(405),
                480 => |_, _| Some(480),
                486 => |_, _| Some(486),
                500 => |_, _| Some(500),
                _ => |_, _| Some(603),
            };
            assert_eq!(Clock::new(&[A], EVERY).changes(600, peer), [], "{status}");
        }
        let down = |at| [(at, format!("down {A}"))];
        // Asked at 0 s and, after 4 s of silence and 1 s more, at 5 s.
        assert_eq!(Clock::new(&[A], EVERY).changes(60, |_, _| None), down(9));
        for peer in [|_: &str, _| Some(503), |_: &str, _| Some(408)] {
            assert_eq!(Clock::new(&[A], EVERY).changes(60, peer), down(1));
        }
    }

    #[test]
    fn one_lost_answer_is_no_end() {
        let mut clock = Clock::new(&[A], EVERY);
        let each_second_time: Peer = |_, at| (at.as_secs() % 2 == 1).then_some(200);
        let told = clock.run(10, each_second_time);
        assert_eq!(told, [(0, format!("ask {A}")), (5, format!("ask {A}"))]);
    }

    #[test]
    fn who_is_down_is_asked_more_often_and_is_up_with_the_first_answer() {
        let back_after_a_minute: Peer = |_, at| (at.as_secs() >= 60).then_some(200);
        let mut clock = Clock::new(&[A], EVERY);
        let told = clock.run(130, back_after_a_minute);
        let asked: Vec<u64> = told
            .iter()
            .filter(|it| it.1.starts_with("ask"))
            .map(|it| it.0)
            .collect();
        let gaps = asked.windows(2).map(|pair| (pair[0], pair[1] - pair[0]));
        let (down, up): (Vec<_>, Vec<_>) = gaps.partition(|(from, _)| *from < 60);
        assert_eq!(down[0], (0, 5));
        // After each silence of 4 s.
        let often = down[1..].iter().all(|(_, gap)| (12..=16).contains(gap));
        assert!(down.len() >= 4 && often, "{down:?}");
        let seldom = up.iter().all(|(_, gap)| (26..=34).contains(gap));
        assert!(!up.is_empty() && seldom, "{up:?}");
        let changes: Vec<_> = told.iter().filter(|it| !it.1.starts_with("ask")).collect();
        let [(9, down), (60..76, up)] = &changes[..] else {
            panic!("{changes:?}");
        };
        assert_eq!((down, up), (&format!("down {A}"), &format!("up {A}")));
    }

    #[test]
    fn who_takes_a_call_is_not_asked_and_who_does_not_is_asked_at_once() {
        let lives: Peer = |_, _| Some(200);
        let mut clock = Clock::new(&[A], EVERY);
        assert_eq!(clock.asks(20, lives), [0]);
        clock.health.lives(clock.now, A);
        assert!(clock.asks(46, lives).is_empty());
        let next = clock.asks(54, lives);
        assert!(matches!(next[..], [46..54]), "{next:?}");
        clock.health.doubt(clock.now, A);
        assert_eq!(clock.asks(55, lives), [54]);
        // And a call that it takes shows that it is back.
        let mut clock = Clock::new(&[A], EVERY);
        clock.run(12, |_, _| None);
        clock.health.lives(clock.now, A);
        let (address, is_up) = (A.to_owned(), true);
        let back = Output::Changed { address, is_up };
        assert_eq!(clock.health.poll_output(), Some(back));
    }

    #[test]
    fn many_are_not_asked_at_once_at_any_time() {
        let names: Vec<String> = (0..100)
            .map(|n| format!("sip:{n}@pbx.example.com"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut clock = Clock::new(&names, EVERY);
        let mut by_second = BTreeMap::new();
        for second in clock.asks(600, |_, _| Some(200)) {
            *by_second.entry(second).or_insert(0) += 1;
        }
        let most = by_second.values().copied().max();
        assert!(most.is_some_and(|most| most <= 25), "{by_second:?}");
        let asked: u32 = by_second.values().sum();
        assert!((1900..=2200).contains(&asked), "{asked}");
    }

    #[test]
    fn the_number_is_bounded() {
        let now = Instant::now();
        let names = (0..MOST + 5).map(|n| format!("sip:{n}@pbx.example.com"));
        let mut health = Health::new(now, names, EVERY, 1);
        assert_eq!(health.watched.len(), MOST);
        health.handle_timeout(now + START);
        assert_eq!(std::iter::from_fn(|| health.poll_output()).count(), MOST);
        assert_eq!(health.next_timeout(), None);
        // An address that nobody watches is nobody's.
        health.answered(now, "sip:x@h", None);
        health.lives(now, "sip:x@h");
        assert_eq!(health.poll_output(), None);
    }
}
