//! Calls over a bad network with applications that do anything at any time, and strangers that write
//! anything: nothing panics, every INVITE has one final response, every leg one end, and nothing is
//! left. A failing seed is printed and reproduces the run.

use super::simulation::{ANSWER, CALLEE, CALLER, Network, OFFER, Weather, sdp};
use crate::sip::flow::Protocol;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::{Event, LegId};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Two applications without manners.
struct Chaos {
    net: Network,
    rng: StdRng,
    /// Events looked at so far.
    seen: [usize; 2],
    begun: [BTreeSet<LegId>; 2],
    /// What is done when.
    plans: BTreeMap<(Instant, u32), (usize, LegId)>,
    planned: u32,
}

impl Chaos {
    fn new(seed: u64, protocol: Protocol, weather: Weather) -> Self {
        let config = |session_expires| Config {
            session_expires,
            ..Config::default()
        };
        let callee = config(seed.is_multiple_of(3).then_some(120));
        let mut net = Network::with(config(Some(90)), callee, protocol, seed);
        net.weather = weather;
        Self {
            net,
            rng: StdRng::seed_from_u64(seed),
            seen: [0, 0],
            begun: [BTreeSet::new(), BTreeSet::new()],
            plans: BTreeMap::new(),
            planned: 0,
        }
    }

    fn run(&mut self) {
        for _ in 0..8 {
            self.call();
            let pause = self.rng.random_range(0..20_000);
            self.run_until(self.net.now + Duration::from_millis(pause));
        }
        self.run_until(self.net.now + Duration::from_secs(200));
        self.plans.clear();
        for side in [CALLER, CALLEE] {
            let now = self.net.now;
            self.net.agents[side].hang_up_all(now, None);
        }
        self.net.run_to_the_end();
        self.net.assert_over();
        for side in [CALLER, CALLEE] {
            let mut begun = std::mem::take(&mut self.begun[side]);
            for event in &self.net.events[side] {
                if let Event::Incoming(incoming) = event {
                    begun.insert(incoming.leg);
                }
            }
            let ended: BTreeSet<LegId> = self.net.events[side]
                .iter()
                .filter_map(Event::ends)
                .collect();
            assert_eq!(begun, ended, "of side {side}");
        }
    }

    fn call(&mut self) {
        let side = self.rng.random_range(0..2);
        let offer = self.rng.random_bool(0.8).then_some(OFFER);
        let mut invite = self.net.an_invite(offer);
        invite.flow = self.net.flow(side);
        invite.timeout = Duration::from_secs(self.rng.random_range(1..60));
        let leg = self.net.agents[side]
            .invite(self.net.now, invite)
            .expect("there is room");
        self.begun[side].insert(leg);
        self.plan(side, leg, 30_000);
    }

    fn plan(&mut self, side: usize, leg: LegId, within_ms: u64) {
        let wait = Duration::from_millis(self.rng.random_range(0..within_ms));
        self.planned += 1;
        self.plans
            .insert((self.net.now + wait, self.planned), (side, leg));
    }

    fn run_until(&mut self, end: Instant) {
        self.net.drain();
        loop {
            self.look();
            let plan = self.plans.keys().next().map(|(at, _)| *at);
            let Some(at) = self
                .net
                .next_step()
                .into_iter()
                .chain(plan)
                .min()
                .filter(|at| *at <= end)
            else {
                break;
            };
            self.net.step(at);
            while let Some(entry) = self.plans.first_entry().filter(|entry| entry.key().0 <= at) {
                let (side, leg) = entry.remove();
                self.act(side, leg);
            }
            self.net.drain();
        }
        self.net.now = end;
    }

    /// Looks at new events and plans what to do about them.
    fn look(&mut self) {
        for side in [CALLER, CALLEE] {
            while let Some(event) = self.net.events[side].get(self.seen[side]).cloned() {
                self.seen[side] += 1;
                let leg = match event {
                    Event::Incoming(incoming) => incoming.leg,
                    Event::Offer { leg, .. } | Event::Answered { leg, .. } => leg,
                    Event::Acked { leg, .. } => {
                        self.plan(side, leg, 60_000);
                        leg
                    }
                    _ => continue,
                };
                for _ in 0..self.rng.random_range(0..5) {
                    self.plan(side, leg, 5_000);
                }
            }
        }
    }

    /// Anything; what is not possible is refused.
    fn act(&mut self, side: usize, leg: LegId) {
        let now = self.net.now;
        let choice = self.rng.random_range(0..13);
        let early = self.rng.random_bool(0.5).then(|| sdp(ANSWER));
        let agent = &mut self.net.agents[side];
        let _ = match choice {
            0 => agent.hang_up(now, leg, None),
            1 => agent.reject(now, leg, 486, &[]),
            2 => agent.provisional(now, leg, 183, early),
            3..=5 => agent.accept(now, leg, sdp(ANSWER)),
            6 => agent.answer_offer(now, leg, Err(488)),
            7 | 8 => agent.answer_offer(now, leg, Ok(sdp(ANSWER))),
            9 => agent.acknowledge(leg, sdp(ANSWER)),
            10 => agent.reinvite(now, leg, sdp(OFFER)),
            11 => agent.send_info(now, leg, "application/dtmf-relay", sdp("Signal=1")),
            _ => agent.refer(now, leg, "sip:agent@192.0.2.9", None),
        };
    }
}

fn run(seeds: std::ops::Range<u64>, protocol: Protocol, weather: Weather) {
    for seed in seeds {
        println!("seed {seed}");
        Chaos::new(seed, protocol, weather).run();
    }
}

#[test]
fn anything_goes_over_a_calm_network() {
    run(0..30, Protocol::Udp, super::simulation::CALM);
}

#[test]
fn anything_goes_over_a_bad_network() {
    let weather = Weather {
        loss: 0.2,
        duplication: 0.2,
        longest_delay: Duration::from_millis(900),
    };
    run(100..150, Protocol::Udp, weather);
}

#[test]
fn anything_goes_over_a_terrible_network() {
    let weather = Weather {
        loss: 0.6,
        duplication: 0.3,
        longest_delay: Duration::from_secs(6),
    };
    run(200..230, Protocol::Udp, weather);
}

#[test]
fn anything_goes_over_a_stream() {
    run(300..330, Protocol::Tcp, super::simulation::CALM);
}

/// Lines that a stranger puts together.
fn line() -> impl Strategy<Value = String> {
    let tag = prop_oneof![Just("ann"), Just(""), Just("0123456789abcdef")];
    let method = prop_oneof![
        Just("INVITE"),
        Just("ACK"),
        Just("BYE"),
        Just("CANCEL"),
        Just("OPTIONS"),
        Just("INFO"),
        Just("PRACK"),
        Just("UPDATE"),
        Just("NOTIFY"),
        Just("REFER"),
        Just("X"),
    ];
    prop_oneof![
        (tag.clone(), any::<bool>()).prop_map(|(tag, from)| {
            format!(
                "{}: <sip:a@192.0.2.9>;tag={tag}",
                if from { "From" } else { "To" }
            )
        }),
        (0..4_u32, method.clone()).prop_map(|(n, method)| format!("CSeq: {n} {method}")),
        (0..4_u32, 0..4_u32).prop_map(|(a, b)| format!("RAck: {a} {b} INVITE")),
        (0..200_u32).prop_map(|n| format!("Session-Expires: {n};refresher=uac")),
        Just("Require: 100rel, timer".to_owned()),
        Just("Event: refer".to_owned()),
        Just("Subscription-State: terminated".to_owned()),
        Just("Record-Route: <sip:x>, <sip:y;lr>".to_owned()),
        Just("Contact: *".to_owned()),
        Just("RSeq: 4294967295".to_owned()),
        Just("Content-Type: application/sdp".to_owned()),
        "[ -~]{0,40}",
    ]
}

fn message() -> impl Strategy<Value = String> {
    let start = prop_oneof![
        Just("INVITE sip:x@192.0.2.1 SIP/2.0"),
        Just("ACK sip:x@192.0.2.1 SIP/2.0"),
        Just("BYE sip:x@192.0.2.1 SIP/2.0"),
        Just("CANCEL sip:x@192.0.2.1 SIP/2.0"),
        Just("PRACK sip:x@192.0.2.1 SIP/2.0"),
        Just("UPDATE sip:x@192.0.2.1 SIP/2.0"),
        Just("NOTIFY sip:x@192.0.2.1 SIP/2.0"),
        Just("INFO tel:1 SIP/2.0"),
        Just("SIP/2.0 200 OK"),
        Just("SIP/2.0 183 X"),
        Just("SIP/2.0 401 X"),
    ];
    (start, 0..3_u32, proptest::collection::vec(line(), 0..12), 0..4_u32).prop_map(
        |(start, branch, lines, cseq)| {
            let method = start.split(' ').next().unwrap_or_default();
            format!(
                "{start}\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{branch}\r\n\
                 From: <sip:a@b>;tag=ann\r\nTo: <sip:c@d>\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n\
                 {}\r\n\r\nv=0\r\n",
                lines.join("\r\n")
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_message_at_any_time_panics(
        seed in any::<u64>(),
        messages in proptest::collection::vec(message(), 1..20),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut net = Network::with(Config::default(), Config::default(), Protocol::Udp, seed);
        let (ours, theirs) = net.established();
        let flow = net.flow(CALLEE);
        let _ = net.agents[CALLER].reinvite(net.now, ours, sdp(OFFER));
        let real = sent(&mut net.agents[CALLER]);
        for (at, text) in messages.into_iter().enumerate() {
            let mut bytes = if at % 3 == 0 { real.clone() } else { text.into_bytes() };
            for (index, byte) in &edits {
                if at % 2 == 0 && !bytes.is_empty() {
                    let at = index.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            net.agents[CALLEE].receive(net.now, flow, &bytes);
            net.now += Duration::from_millis(700);
            net.agents[CALLEE].handle_timeout(net.now);
            let _ = net.agents[CALLEE].answer_offer(net.now, theirs, Ok(sdp(ANSWER)));
        }
        net.agents[CALLEE].hang_up_all(net.now, None);
        let mut steps = 0;
        while let Some(at) = net.agents[CALLEE].next_timeout() {
            net.agents[CALLEE].handle_timeout(at.max(net.now));
            steps += 1;
            prop_assert!(steps < 10_000, "it never ends");
        }
        prop_assert_eq!(net.agents[CALLEE].load(), Default::default());
    }
}

fn sent(agent: &mut UserAgent) -> Vec<u8> {
    let transmit = agent.poll_transmit();
    transmit
        .map(|transmit| transmit.bytes.to_vec())
        .unwrap_or_default()
}
