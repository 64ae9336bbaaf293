//! Law 6, held against runs that are made by chance: what a caller hears of a transfer is so.

use super::*;
use proptest::prelude::*;

/// What may happen next, in a run that is made by chance.
#[derive(Debug, Clone)]
enum Step {
    Offer {
        how_many: usize,
        way: Way,
        accept: bool,
    },
    Waiting(u32),
    NobodyLeft,
    Progress(usize, u16),
    Answered(usize),
    Accepted(usize),
    Declined(usize),
    Failed(usize, Option<u16>),
    PassingOnSaid,
    ReferAccepted,
    ReferRefused,
    ReferEnded(u16),
    Seconds(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let ways = prop_oneof![Just(Way::Bridged), Just(Way::Refer), Just(Way::Attended)];
    let statuses = prop_oneof![Just(180_u16), Just(181), Just(183)];
    prop_oneof![
        4 => (1..4_usize, ways, any::<bool>())
            .prop_map(|(how_many, way, accept)| Step::Offer { how_many, way, accept }),
        2 => (1..9_u32).prop_map(Step::Waiting),
        1 => Just(Step::NobodyLeft),
        6 => (0..3_usize, statuses).prop_map(|(who, status)| Step::Progress(who, status)),
        2 => (0..3_usize).prop_map(Step::Answered),
        2 => (0..3_usize).prop_map(Step::Accepted),
        1 => (0..3_usize).prop_map(Step::Declined),
        3 => (0..3_usize, proptest::option::of(400..604_u16))
            .prop_map(|(who, status)| Step::Failed(who, status)),
        2 => Just(Step::PassingOnSaid),
        1 => Just(Step::ReferAccepted),
        1 => Just(Step::ReferRefused),
        1 => prop_oneof![Just(200_u16), Just(486)].prop_map(Step::ReferEnded),
        2 => (1..30_u64).prop_map(Step::Seconds),
    ]
}

/// What is really so, told by nothing but what went out and came in.
#[derive(Debug, Default)]
struct Truth {
    /// Our legs that are neither answered for good, failed nor given up; whether each rings.
    legs: std::collections::BTreeMap<u32, bool>,
    referring: bool,
    in_line: Option<u32>,
    over: bool,
}

impl Truth {
    fn sees(&mut self, output: &Output) {
        match output {
            Output::Dial { attempt, .. } => _ = self.legs.insert(*attempt, false),
            Output::Cancel { attempt } => _ = self.legs.remove(attempt),
            Output::Refer { .. } => self.referring = true,
            Output::NextInLine => self.in_line = None,
            Output::InLine { position, .. } => {
                assert_eq!(self.in_line, Some(*position), "the place is the real one");
            }
            Output::Bridge { attempt, .. } => {
                assert!(self.legs.contains_key(attempt), "nobody is there");
                assert_eq!(self.legs.len(), 1, "others are left ringing");
                self.over = true;
            }
            Output::HandOver => self.over = true,
            Output::Return(_) => {
                assert!(self.legs.is_empty(), "somebody is left ringing");
                self.over = true;
            }
            _ => {}
        }
    }

    /// Law 6, at the moment when it is heard.
    fn holds(&self, sentence: Option<&Sentence>, sound: Option<WaitingSound>) {
        match sentence {
            // A person whose own telephone is being rung by us.
            Some(Sentence::Connecting | Sentence::StillTrying) => {
                assert!(!self.legs.is_empty() || self.over, "{sentence:?} to nobody");
            }
            // The REFER comes after it, and none of our legs rings beside it.
            Some(Sentence::PassingOn) => assert!(self.legs.is_empty() && !self.referring),
            Some(other) => panic!("a transfer does not say {other:?}"),
            None => {}
        }
        let rings = self.legs.values().any(|rings| *rings);
        match sound {
            Some(WaitingSound::RingBack) => assert!(rings, "it rings nowhere"),
            Some(WaitingSound::Music) => assert!(self.in_line.is_some(), "who waits for what?"),
            Some(WaitingSound::Comfort) | None => {}
        }
    }
}

proptest! {
    /// Whatever targets, networks and callers do, no sentence and no sound tells what is not so.
    #[test]
    fn what_the_caller_hears_of_the_transfer_is_true(steps in proptest::collection::vec(step(), 1..60)) {
        let mut now = Instant::now();
        let mut transfer = start(now);
        let (mut truth, mut sound) = (Truth::default(), None);
        for step in steps {
            let live: Vec<u32> = truth.legs.keys().copied().collect();
            let who = |at: usize| live.get(at % live.len().max(1)).copied().unwrap_or(0);
            let input = match step {
                Step::Offer { how_many, way, accept } => {
                    // The distributor names somebody only to who seeks or waits.
                    if !live.is_empty() || truth.referring || truth.over {
                        continue;
                    }
                    let how_many = if way == Way::Refer { 1 } else { how_many };
                    let tries = (0..how_many).map(|at| Try { accept, ..target(&format!("t{at}"), way) });
                    let passed = Passed::default();
                    Input::Distributor(Answer::Ring { tries: tries.collect(), passed })
                }
                Step::Waiting(place) => {
                    if !live.is_empty() || truth.referring || truth.over {
                        continue;
                    }
                    truth.in_line = Some(place);
                    Input::Distributor(waiting(place))
                }
                Step::NobodyLeft => {
                    if !live.is_empty() || truth.referring {
                        continue;
                    }
                    let reason = ReturnReason::NobodyAnswered;
                    Input::Distributor(Answer::NobodyLeft { reason, passed: Passed::default() })
                }
                Step::Progress(at, status) => {
                    let attempt = who(at);
                    if let Some(rings) = truth.legs.get_mut(&attempt) {
                        *rings = match status { 180 => true, 181 | 182 => false, _ => *rings };
                    }
                    Input::Progress { attempt, status }
                }
                Step::Answered(at) => {
                    let attempt = who(at);
                    if let Some(rings) = truth.legs.get_mut(&attempt) {
                        *rings = false;
                    }
                    Input::Answered { attempt }
                }
                Step::Accepted(at) => Input::Accepted { attempt: who(at) },
                Step::Declined(at) => Input::Declined { attempt: who(at) },
                Step::Failed(at, status) => {
                    let attempt = who(at);
                    truth.legs.remove(&attempt);
                    Input::Failed { attempt, status }
                }
                Step::PassingOnSaid => Input::PassingOnSaid,
                Step::ReferAccepted => Input::ReferAccepted,
                Step::ReferRefused => {
                    truth.referring = false;
                    Input::ReferRefused { status: Some(403) }
                }
                Step::ReferEnded(status) => {
                    truth.referring = false;
                    Input::ReferEnded { status }
                }
                Step::Seconds(seconds) => {
                    now += Duration::from_secs(seconds);
                    if transfer.next_timeout().is_some_and(|due| due <= now) {
                        truth.referring = false;
                    }
                    transfer.handle_timeout(now);
                    Input::Accepted { attempt: 0 }
                }
            };
            transfer.handle_input(now, input);
            let mut said = None;
            while let Some(output) = transfer.poll_output() {
                truth.sees(&output);
                match output {
                    Output::Say(sentence) => said = Some(sentence),
                    Output::Sound(new) => sound = Some(new),
                    _ => {}
                }
            }
            if truth.over {
                break;
            }
            truth.holds(said.as_ref(), sound);
        }
        transfer.abandon();
        while let Some(output) = transfer.poll_output() {
            truth.sees(&output);
        }
        prop_assert!(truth.over || truth.legs.is_empty(), "{:?} is left", truth.legs);
    }
}
