//! Bugs of ours in the middle of a call.

use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::handset::is_level;
use crate::helpers::{Mood, Moods};
use crate::hotline::{Tones, dialplan};
use crate::human_key::calm_scene;
use crate::random::key;
use crate::world::{AGENT_LEVEL, World};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroline::audio::prompt::Prompt;
use zeroline::call::services::PromptSource;
use zeroline::dialogue::action::Content;
use zeroline::dialogue::grammars::Grammars;
use zeroline::dialogue::program::Program;
use zeroline::dialplan::model::{NodeId, NodeKind, Target};
use zeroline::dialplan::template::Templates;
use zeroline::events::{EndedBy, Event, Pace, RequestedBy};
use zeroline::language::Language;
use zeroline::speech::blocked::Blocked;

/// A program whose option 4 leads to a node that is not there: the dialogue panics on it.
fn broken() -> Arc<Program> {
    let mut dialplan = dialplan();
    let templates = Templates::compile(&dialplan).expect("its templates are right");
    for node in &mut dialplan.nodes {
        if let NodeKind::Menu(menu) = &mut node.kind {
            menu.options[3].to = Target::Node(NodeId(9_999));
        }
    }
    Arc::new(Program {
        grammars: Grammars::of(&dialplan),
        blocked: Blocked::with(&[]),
        dialplan,
        templates,
    })
}

/// Chooses the language, then the option that panics.
fn break_it(world: &mut World) {
    world.caller.dial(world.now, false);
    world.until_answered();
    world.run_for(Duration::from_secs(1));
    world.caller.press(world.now, [key('1')]);
    world.run_for(Duration::from_secs(1));
    world.caller.press(world.now, [key('4')]);
    world.run_for(Duration::from_secs(1));
    assert_eq!(failed_people(world), 1, "no person is rung");
}

fn is_step(event: &Event) -> bool {
    matches!(event, Event::StepAsked { .. })
}

/// How often a person was wanted because something failed.
fn failed_people(world: &World) -> usize {
    let by_failure = |event: &&Event| {
        matches!(
            event,
            Event::HumanRequested {
                by: RequestedBy::Failure,
                ..
            }
        )
    };
    world.events().filter(by_failure).count()
}

#[test]
fn a_dialogue_that_panics_leads_to_a_person() {
    for_each_seed(0..1, |seed, world| {
        let world = world.insert(World::new(calm_scene(seed, Moods::WELL, broken())));
        break_it(world);
        world.run_for(Duration::from_secs(4));
        let level = world.caller.handset.heard.level;
        assert!(level.is_some_and(|level| is_level(level, AGENT_LEVEL)));
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}

#[test]
fn if_nobody_can_be_had_after_a_panic_the_caller_has_choices_all_the_same() {
    for_each_seed(0..1, |seed, world| {
        let mut scene = calm_scene(seed, Moods::WELL, broken());
        scene.habits = BTreeMap::new();
        let world = world.insert(World::new(scene));
        break_it(world);
        world.run_for(Duration::from_secs(3));
        assert!(world.has(|event| matches!(event, Event::HandoffStepAsked { .. })));
        let asked = world.agents.rung.len();
        let human = world.human_key();
        world.caller.press(world.now, [human]);
        world.run_for(Duration::from_secs(1));
        assert!(world.agents.rung.len() > asked, "the human key is dead");
        // Back to the bot, whose steps are counted on (`assert_whole` looks at each).
        world.run_for(Duration::from_secs(3));
        let steps = world.events().filter(|it| is_step(it)).count();
        world.caller.press(world.now, [key('3')]);
        world.run_for(Duration::from_secs(1));
        assert!(world.events().filter(|it| is_step(it)).count() > steps);
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics with it").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_log_line_of_a_call_names_it_and_no_line_has_what_is_sensitive() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, what another test's thread logs first is off for good in all threads.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    tracing::subscriber::with_default(subscriber, || {
        for_each_seed(0..1, |seed, world| {
            let world = world.insert(World::new(calm_scene(seed, Moods::WELL, broken())));
            world.caller.dial(world.now, false);
            world.until_answered();
            world.run_for(Duration::from_secs(1));
            world
                .caller
                .press(world.now, "124111111111#".chars().map(key));
            world.run_for(Duration::from_secs(15));
            world.caller.press(world.now, [key('4')]);
            world.run_for(Duration::from_secs(1));
            assert_eq!(failed_people(world), 1, "it does not panic");
            world.caller.hang_up(world.now);
            world.run_to_the_end();
        });
    });
    let lines = lines.0.lock().expect("nobody panics with it").clone();
    let lines = String::from_utf8(lines).expect("text");
    assert!(lines.contains("panicked"), "nothing is logged: {lines}");
    for line in lines.lines() {
        assert!(line.contains("call{call=01"), "{line}");
        assert!(!line.contains("4111111111"), "{line}");
    }
}

/// From the last question on: a text is to be synthesized, and that hangs.
#[test]
fn a_text_whose_synthesis_hangs_leads_to_a_person_without_dead_air() {
    for_each_seed(0..1, |seed, world| {
        let program = Program::compile(dialplan()).expect("its templates are right");
        let moods = Moods {
            synthesizer: Mood::Hangs,
            ..Moods::WELL
        };
        let world = world.insert(World::new(calm_scene(seed, moods, program)));
        world.caller.dial(world.now, false);
        world.until_answered();
        world.caller.press(world.now, "111234561".chars().map(key));
        let is_status =
            |event: &Event| matches!(event, Event::NodeEntered { node } if node == "status");
        let entered = world.run_until(world.now + Duration::from_secs(20), |it| it.has(is_status));
        assert!(entered, "the answer is not reached");
        let began = world.now;
        let mut silence = Duration::ZERO;
        let end = began + Duration::from_secs(4);
        let rung = world.run_until(end, |world| {
            let sound = world.caller.handset.heard.sound;
            silence = silence.max(world.now - sound.map_or(began, |sound| sound.max(began)));
            !world.agents.rung.is_empty()
        });
        assert!(rung, "nobody is rung");
        assert!(silence < Duration::from_secs(2), "{silence:?} of silence");
        assert!(world.has(|event| matches!(event, Event::PromptFailed { .. })));
        assert_eq!(failed_people(world), 1);
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}

/// Sound whose source panics for one text.
struct Panics;

impl PromptSource for Panics {
    fn lookup(&self, language: Language, content: &Content, pace: Pace) -> Option<Arc<Prompt>> {
        if let Content::Text { text, .. } = content {
            assert!(!text.contains("always open"), "a bug in the prompt source");
        }
        Tones.lookup(language, content, pace)
    }
}

#[test]
fn a_panic_outside_of_the_dialogue_ends_that_call_truthfully() {
    for_each_seed(0..1, |seed, world| {
        let program = Program::compile(dialplan()).expect("its templates are right");
        let mut scene = calm_scene(seed, Moods::WELL, program);
        scene.prompts = Arc::new(Panics);
        let world = world.insert(World::new(scene));
        world.caller.dial(world.now, false);
        world.until_answered();
        world.caller.press(world.now, [key('1'), key('4')]);
        world.run_to_the_end();
        assert!(world.caller.ended, "the caller is left in silence");
        assert_whole(&world.server.journal);
        let end = world.events().last();
        let by_server = Some(EndedBy::Server);
        assert!(matches!(end, Some(Event::CallEnded { by, .. }) if Some(*by) == by_server));
    });
}
