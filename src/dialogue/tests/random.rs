//! Random callers in random dialplans: what holds in each of them. A failure names its seed.

use super::caller::Caller;
use super::plans::*;
use crate::diagnostic::Source;
use crate::dialogue::action::Action;
use crate::dialogue::input::{Input, SpeechHeard};
use crate::dialplan::load::load;
use crate::dialplan::model::{Dialplan, HttpMethod, NodeKind, Target};
use crate::events::{DistressExit, Event, ReturnReason, StepKind};
use crate::speech::raised_voice::Raised;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;

const SEEDS: u64 = 400;

fn target(rng: &mut SmallRng, nodes: u16) -> Target {
    match rng.random_range(0..20) {
        0 => Target::Human,
        1 => Target::Back,
        2 => Target::Repeat,
        3 => Target::Callback,
        4 => Target::Message,
        5 => Target::Hangup,
        _ => node(rng.random_range(0..nodes)),
    }
}

fn random_plan(rng: &mut SmallRng) -> Dialplan {
    let count = rng.random_range(1..9);
    let kinds = (0..count).map(|_| {
        let mut to = || target(rng, count);
        let (first, second, third) = (to(), to(), to());
        match rng.random_range(0..9) {
            0 | 1 => menu("Menu.", &[('1', first), ('2', second), ('3', third)]),
            2 => {
                let words = "Key 1. Key 2. Key 3. Key 4. Key 5. Key 6.";
                let options = [first, second, third, second, third, first];
                menu(words, &Vec::from_iter(('1'..).zip(options)))
            }
            3 => ask(
                rng.random_range(0..2),
                "Number?",
                rng.random_bool(0.5),
                first,
            ),
            4 => say("News.", first),
            5 => answer("Answer.", first, second),
            6 => http(
                HttpMethod::Get,
                "https://x.example.com/",
                "found",
                first,
                second,
            ),
            7 => branch(&[("a is defined", first)], second),
            _ => NodeKind::Transfer { handoff: REFUNDS },
        }
    });
    let mut plan = plan(kinds.collect(), vec![digits("a", 4, 4), digits("b", 2, 9)]);
    plan.slots[1].sensitive = true;
    plan.distress.same_sentence = rng.random_range(2..5);
    plan.distress.no_match = rng.random_range(2..6);
    if rng.random_bool(0.3) {
        plan.distress.then = DistressExit::Transfer;
    }
    plan.elder.key = rng.random_bool(0.5).then(|| key('8'));
    if rng.random_bool(0.3) {
        plan.elder.numbers.push("+44*".to_string());
    }
    plan
}

/// What callers say: options, values, asides, and what means nothing.
const WORDS: [&str; 14] = [
    "one",
    "two",
    "yes",
    "no",
    "track",
    "one two three four five six seven eight nine zero",
    "one two three four",
    "go back",
    "say that again",
    "slower",
    "this is ridiculous",
    "more choices",
    "I spoke to an agent yesterday",
    "what a lovely day",
];

/// One thing that a caller or the world does, if it is possible now.
fn happens(rng: &mut SmallRng, caller: &mut Caller, keys: &str) {
    match rng.random_range(0..15) {
        0..=4 => {
            let at = rng.random_range(0..keys.len());
            caller.press(&keys[at..=at]);
        }
        5 | 6 if caller.playing.is_some() => {
            caller.hears();
        }
        7 if caller.playing.is_some() && rng.random_bool(0.1) => {
            caller.play_fails();
        }
        8 if caller.fetch.is_some() && rng.random_bool(0.3) => {
            caller.lookup_fails();
        }
        8 if caller.fetch.is_some() => {
            let state = serde_json::json!({"state": "DELIVERED"});
            caller.lookup_answers(state);
        }
        8 if caller.recording => {
            caller.recording = false;
            caller.tell(Input::MessageEnded {
                milliseconds: 2000,
                file: "message.wav".to_string(),
            });
        }
        10 if caller.listening.is_some() => {
            let words = WORDS[rng.random_range(0..WORDS.len())];
            let confidence = rng.random_range(0.2..1.0);
            caller.is_heard(&[(words, confidence)]);
        }
        13 => {
            let (decibels, earlier) = (12.0, 3);
            caller.tell(Input::VoiceRaised(Raised { decibels, earlier }));
        }
        11 if caller.listening.is_some() => {
            caller.begins_to_speak();
        }
        14 if rng.random_bool(0.1) => caller.tell(Input::ServerStops { with_person: false }),
        12 if caller.listening.is_some() => {
            let heard = match rng.random_bool(0.5) {
                true => SpeechHeard::Withdrawn,
                false => SpeechHeard::NotRecognized {
                    reason: "too late".to_string(),
                },
            };
            caller.speech_ends(heard);
        }
        _ => {
            caller.waits(rng.random_range(0.0..4.0));
        }
    }
}

fn with_people(caller: &Caller) -> bool {
    let waits = |action: &&Action| {
        let tells = matches!(action, Action::Log(_) | Action::Sensitive(_));
        !tells && !matches!(action, Action::StopListening)
    };
    let last = caller.actions.iter().rev().find(waits);
    matches!(last, Some(Action::Transfer { .. }))
}

/// At any moment something is armed that leads on, and never is anything out of bounds.
fn check_bounds(caller: &Caller, nodes: usize, seed: u64) {
    let waits = caller.dialogue.next_timeout().is_some();
    let done = caller.hung_up || with_people(caller);
    assert!(waits || done, "seed {seed}: a dead end");
    let depth = usize::try_from(caller.dialogue.depth()).expect("a depth is small");
    assert!(depth <= nodes, "seed {seed}: depth {depth}");
}

/// A random caller, until a random moment; then the key.
fn human_key_rings_exactly_once(rng: &mut SmallRng, plan: Dialplan, seed: u64) {
    let (nodes, human) = (plan.nodes.len(), plan.human.handoff);
    let mut caller = Caller::calls(plan);
    for _ in 0..rng.random_range(0..40) {
        happens(rng, &mut caller, "1234567890*#");
        if with_people(&caller) && rng.random_bool(0.5) {
            caller.handoff_returns(ReturnReason::NobodyAnswered);
        }
        check_bounds(&caller, nodes, seed);
    }
    if caller.hung_up {
        return;
    }
    if with_people(&caller) {
        caller.nobody_answers();
    }
    let before = caller.transfers.clone();
    let key = caller.dialogue.human_key_now();
    caller.press(&key.to_char().to_string());
    caller.press("0*0*");
    let rung = &caller.transfers[before.len()..];
    let last = before.last().copied().unwrap_or(human);
    assert!(rung == [human] || rung == [last], "seed {seed}: {rung:?}");
}

#[test]
fn the_human_key_rings_exactly_once_at_any_moment() {
    for seed in 0..SEEDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let plan = random_plan(&mut rng);
        human_key_rings_exactly_once(&mut rng, plan, seed);
    }
}

#[test]
fn so_it_does_in_the_shipped_dialplans() {
    for name in ["parcel", "bank", "government"] {
        let path = format!("{}/dialplans/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect("the dialplan is shipped");
        let plan = load(&Source::new(&path, text)).expect("the shipped dialplan is right");
        for seed in 0..SEEDS {
            let mut rng = SmallRng::seed_from_u64(seed);
            human_key_rings_exactly_once(&mut rng, plan.clone(), seed);
        }
    }
}

/// A caller who says nothing, lookups that never answer and people who never do: the call still
/// comes to an end by itself, and with something left behind unless the dialplan said goodbye.
#[test]
fn silence_comes_to_an_end() {
    for seed in 0..SEEDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let plan = random_plan(&mut rng);
        let nodes = plan.nodes.len();
        let number = ["+442079460000", ""][rng.random_range(0..2)];
        let mut caller = Caller::with_number(plan, number);
        for _ in 0..2_000 {
            if caller.hung_up {
                break;
            }
            if caller.playing.is_some() {
                caller.hears();
            } else if caller.recording && rng.random_bool(0.5) {
                caller.says_nothing_after_the_tone();
            } else if caller.recording {
                let reason = "disk full".to_string();
                caller.recording = false;
                caller.tell(Input::MessageFailed { reason });
            } else if with_people(&caller) {
                caller.nobody_answers();
            } else {
                caller.waits(1.0);
            }
            check_bounds(&caller, nodes, seed);
        }
        assert!(caller.hung_up, "seed {seed}: the call goes on for ever");
    }
}

#[test]
fn a_filled_slot_is_never_asked_again_unless_the_caller_goes_back() {
    for seed in 0..SEEDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut plan = random_plan(&mut rng);
        lead_forward(&mut plan);
        let mut caller = Caller::calls(plan.clone());
        for _ in 0..60 {
            happens(&mut rng, &mut caller, "123456789#");
            if with_people(&caller) && rng.random_bool(0.5) {
                caller.nobody_answers();
            }
        }
        let mut filled = BTreeSet::new();
        for event in &caller.events {
            match event {
                Event::SlotFilled { slot, .. } => {
                    filled.insert(slot.clone());
                }
                Event::SpeechHeard { words, .. } if words.as_deref() == Some("go back") => {
                    filled.clear();
                }
                Event::StepAsked {
                    node,
                    step: StepKind::Question,
                    ..
                } => {
                    let asked = plan.nodes.iter().find(|it| it.name == *node);
                    let Some(NodeKind::Ask(ask)) = asked.map(|it| &it.kind) else {
                        continue;
                    };
                    let slot = &plan.slot(ask.slot).name;
                    assert!(
                        !filled.contains(slot),
                        "seed {seed}: `{slot}` again in {node}"
                    );
                }
                _ => {}
            }
        }
    }
}

/// No option leads back, and no number is asked for that fills no slot.
fn lead_forward(plan: &mut Dialplan) {
    let forward = |to: &mut Target| {
        if *to == Target::Callback {
            *to = Target::Hangup;
        }
    };
    for node in &mut plan.nodes {
        match &mut node.kind {
            NodeKind::Menu(menu) => {
                for option in &mut menu.options {
                    forward(&mut option.to);
                    if option.to == Target::Back {
                        option.to = Target::Hangup;
                    }
                }
            }
            NodeKind::Ask(ask) => {
                ask.confirm = false;
                forward(&mut ask.to);
            }
            NodeKind::Say(say) => {
                say.to.iter_mut().for_each(forward);
                if let Some(it) = &mut say.confirm_resolved {
                    forward(&mut it.yes);
                    forward(&mut it.no);
                }
            }
            NodeKind::Http(http) => [&mut http.to, &mut http.failed]
                .into_iter()
                .for_each(forward),
            NodeKind::Branch(branch) => {
                branch.arms.iter_mut().for_each(|it| forward(&mut it.to));
                forward(&mut branch.otherwise);
            }
            _ => {}
        }
    }
}

/// Nobody is told of a silence while the bot itself speaks.
#[test]
fn silence_counts_only_after_a_question_was_heard() {
    for seed in 0..SEEDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut caller = Caller::calls(random_plan(&mut rng));
        for _ in 0..60 {
            if caller.playing.is_some() {
                caller.log();
                caller.waits(rng.random_range(0.0..4.0));
                let log = caller.log();
                let told = log.iter().any(|it| it.starts_with("no "));
                assert!(!told, "seed {seed}: {log:?}");
            }
            happens(&mut rng, &mut caller, "1234567890*#");
            if with_people(&caller) && rng.random_bool(0.5) {
                caller.nobody_answers();
            }
        }
    }
}

/// Law 4, over any walk: each step counts one, and asking again changes neither place nor depth.
#[test]
fn steps_and_depth_hold_together() {
    for seed in 0..SEEDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut caller = Caller::calls(random_plan(&mut rng));
        for _ in 0..60 {
            happens(&mut rng, &mut caller, "1234567890*#");
            if with_people(&caller) && rng.random_bool(0.5) {
                caller.nobody_answers();
            }
        }
        let mut last = (String::new(), 0, 0);
        for event in &caller.events {
            match event {
                Event::StepAsked {
                    node,
                    reprompt,
                    steps,
                    depth,
                    ..
                } => {
                    assert_eq!(*steps, last.1 + 1, "seed {seed}");
                    assert!(*depth <= last.2 + 1, "seed {seed}: {depth} after {last:?}");
                    let same = (node, *depth) == (&last.0, last.2);
                    assert!(same || !reprompt, "seed {seed}: {node} after {last:?}");
                    last = (node.clone(), *steps, *depth);
                }
                Event::HumanRequested { steps, depth, .. } => {
                    assert_eq!(*steps, last.1, "seed {seed}");
                    assert!(*depth <= last.2, "seed {seed}");
                }
                _ => {}
            }
        }
    }
}
