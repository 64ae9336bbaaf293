use super::*;
use crate::speech::grammar::{Meaning, Phrase};
use made::{BASE, SMALL, Script, Shape, TINY, write_model};
use std::path::PathBuf;
use std::time::Instant;
use tempfile::TempDir;

#[path = "../../../tests/common/whisper_model.rs"]
mod made;

const WORDS: [&str; 12] = [
    " track",
    " my",
    " parcel",
    " trunk",
    " refund",
    " for",
    " four",
    " two",
    ".",
    " person",
    " too",
    "查快递",
];

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);
const PATIENT: Patience = Patience {
    words: LONG,
    text: LONG,
};

struct Model {
    folder: TempDir,
    engine: Whisper,
}

fn file_of(folder: &TempDir) -> PathBuf {
    folder.path().join("ggml-made-q8_0.bin")
}

fn written(shape: &Shape, script: &Script) -> TempDir {
    let folder = tempfile::tempdir().expect("the machine has room for a model");
    write_model(&file_of(&folder), shape, script).expect("the folder is ours");
    folder
}

fn model(shape: &Shape, script: &Script) -> Model {
    let folder = written(shape, script);
    let speech = Speech {
        models: folder.path().into(),
        ..Speech::default()
    };
    let engine = Whisper::open_with(&speech, PATIENT).unwrap_or_else(|error| panic!("{error}"));
    Model { folder, engine }
}

fn saying(says: &[&[(f32, &str)]]) -> Model {
    let script = Script {
        words: &WORDS,
        says,
        is_silent: false,
    };
    model(&SMALL, &script)
}

fn grammar(phrases: &[&str], value: Option<ValueKind>) -> Arc<Grammar> {
    let phrases = phrases.iter().map(|words| Phrase {
        words: (*words).to_owned(),
        meaning: Meaning::Human,
    });
    Arc::new(Grammar {
        language: Language::En,
        phrases: phrases.collect(),
        value,
    })
}

/// Some sound: these models do not care which.
fn sound(seconds: f32) -> Vec<i16> {
    let samples = (seconds * SAMPLE_RATE as f32) as usize;
    (0..samples)
        .map(|n| ((n * 7_919) % 2_000) as i16 - 1_000)
        .collect()
}

fn hear(engine: &Whisper, grammar: &Arc<Grammar>, seconds: f32) -> Vec<Hypothesis> {
    let mut utterance = engine.start(grammar);
    for second in sound(seconds).chunks(SAMPLE_RATE as usize) {
        utterance.push(second).expect("it only keeps them");
    }
    utterance
        .hypotheses()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn texts(heard: &[Hypothesis]) -> Vec<&str> {
    heard.iter().map(|it| it.text.as_str()).collect()
}

#[test]
fn dictation_is_what_was_said_and_sure() {
    let model = saying(&[
        &[(1.0, " track")],
        &[(1.0, " my")],
        &[(1.0, " parcel")],
        &[(1.0, "")],
    ]);
    let heard = hear(&model.engine, &grammar(&[], Some(ValueKind::FreeText)), 1.5);
    assert_eq!(texts(&heard), ["track my parcel"]);
    assert!(heard[0].confidence > 0.95, "{heard:?}");
    let id = model.engine.id();
    assert!(
        id.starts_with("whisper.cpp/1.") && id.ends_with("/ggml-made-q8_0"),
        "{id}"
    );
    // Again, with a state that was used, and after hearing more.
    let mut utterance = model.engine.start(&grammar(&[], Some(ValueKind::FreeText)));
    for _ in 0..2 {
        utterance.push(&sound(0.7)).expect("it only keeps them");
        assert_eq!(utterance.hypotheses().expect("as before"), heard);
    }
}

#[test]
fn a_phrase_is_told_beside_what_sounds_a_little_likelier() {
    let model = saying(&[
        &[(1.0, " trunk"), (0.97, " track")],
        &[(1.0, ".")],
        &[(1.0, "")],
    ]);
    let heard = hear(&model.engine, &grammar(&["track", "refund"], None), 1.0);
    assert_eq!(texts(&heard), ["trunk.", "track"]);
    assert!(
        heard[0].confidence > heard[1].confidence && heard[1].confidence > 0.1,
        "{heard:?}"
    );
    let other = hear(&model.engine, &grammar(&["refund"], None), 1.0);
    assert_eq!(texts(&other), ["trunk."], "no phrase is made up");
}

#[test]
fn digits_are_told_beside_the_words_that_sound_like_them() {
    let model = saying(&[
        &[(1.0, " for"), (0.995, " four")],
        &[(1.0, " too"), (0.995, " two")],
        &[(1.0, "")],
    ]);
    let digits = ValueKind::Digits { min: 1, max: 4 };
    let heard = hear(&model.engine, &grammar(&[], Some(digits)), 1.0);
    assert!(texts(&heard).contains(&"four two"), "{heard:?}");
    let heard = hear(&model.engine, &grammar(&[], None), 1.0);
    assert!(!texts(&heard).contains(&"four two"), "{heard:?}");
}

#[test]
fn the_model_says_whether_anybody_speaks() {
    for is_silent in [true, false] {
        let script = Script {
            words: &WORDS,
            says: &[&[(1.0, " track")], &[(1.0, "")]],
            is_silent,
        };
        let model = model(&SMALL, &script);
        let inside = &model.engine.inside;
        let mut state = inside.take_state().expect("there is memory");
        let sound = sound(1.0);
        let found = inside.listen(&mut state, &sound, &grammar(&["track"], None));
        let no_speech = found.expect("it has all the time").no_speech;
        assert_eq!(no_speech > 0.9, is_silent, "{no_speech}");
        assert_eq!(no_speech < 0.1, !is_silent, "{no_speech}");
    }
}

#[test]
fn what_is_too_short_is_nothing() {
    let model = saying(&[&[(1.0, " track")], &[(1.0, "")]]);
    let any = grammar(&["track"], None);
    assert_eq!(hear(&model.engine, &any, 0.05), []);
    assert_eq!(texts(&hear(&model.engine, &any, 0.15)), ["track"]);
}

#[test]
fn a_model_that_has_lost_its_way_says_nothing() {
    let looping: Vec<&[(f32, &str)]> = vec![&[(1.0, " my")]; 300];
    let model = saying(&looping);
    let heard = hear(&model.engine, &grammar(&["refund"], None), 2.0);
    assert_eq!(heard, []);
}

#[test]
fn the_longest_utterance_is_heard_and_what_follows_is_not_kept() {
    let model = saying(&[&[(1.0, " refund")], &[(1.0, "")]]);
    let mut utterance = model.engine.start(&grammar(&["refund"], None));
    for _ in 0..40 {
        utterance.push(&sound(1.0)).expect("it only keeps them");
    }
    let heard = utterance
        .hypotheses()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(texts(&heard), ["refund"]);
}

#[test]
fn threads_hear_at_the_same_time_and_states_are_used_again() {
    let model = saying(&[&[(1.0, " refund")], &[(1.0, "")]]);
    let menu = grammar(&["refund"], None);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..4 {
                    assert_eq!(texts(&hear(&model.engine, &menu, 0.5)), ["refund"]);
                }
            });
        }
    });
    let states = model.engine.inside.lock().len();
    assert!((1..=3).contains(&states), "{states}");
}

#[test]
fn an_answer_that_would_come_too_late_is_given_up() {
    let model = saying(&[&[(1.0, " refund")], &[(1.0, "")]]);
    let inside = &model.engine.inside;
    let mut state = inside.take_state().expect("there is memory");
    let sound = super::sound(&sound(1.0)).expect("it is sound");
    let late = Deadline::in_time(Duration::ZERO);
    let error = encode(&mut state, &sound, 256, late).unwrap_err();
    assert!(
        matches!(error, RecognitionError::TimedOut { .. }),
        "{error}"
    );
    encode(&mut state, &sound, 256, Deadline::in_time(LONG)).expect("there is time");
    let error = inside.read(&mut state, 8_000, &grammar(&["refund"], None), late);
    assert!(matches!(error, Err(RecognitionError::TimedOut { .. })));
}

#[test]
fn an_english_model_hears_english_only_and_mandarin_is_asked_for_in_mandarin() {
    let english = Shape {
        vocabulary: 51_864,
        ..SMALL
    };
    let says: &[&[(f32, &str)]] = &[&[(1.0, " refund")], &[(1.0, "")]];
    let script = Script {
        words: &WORDS,
        says,
        is_silent: false,
    };
    let model = model(&english, &script);
    assert!(model.engine.hears(Language::En) && !model.engine.hears(Language::Zh));
    assert_eq!(
        texts(&hear(&model.engine, &grammar(&["refund"], None), 1.0)),
        ["refund"]
    );
    let both = saying(says);
    assert!(both.engine.hears(Language::Zh));
    let [english, mandarin] = &both.engine.inside.prompts;
    assert_eq!(english.len(), 4);
    let language = whisper_rs::get_lang_id("zh").expect("whisper knows it");
    let token = both.engine.inside.context.token_lang(language);
    assert!(mandarin.len() > 8 && mandarin.contains(&token));
}

fn opened(folder: &Path) -> String {
    let speech = Speech {
        models: folder.into(),
        ..Speech::default()
    };
    match Whisper::open(&speech) {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn without_a_model_the_command_that_fetches_one_is_told() {
    let folder = tempfile::tempdir().expect("the machine has room for a folder");
    let told = opened(folder.path());
    let command = format!(
        "`zeroline models get base-q8_0 --folder {}`",
        folder.path().display()
    );
    assert!(
        told.contains("there is no model") && told.contains(&command),
        "{told}"
    );
}

/// whisper.cpp itself would take the cut ones, and end the process over some of the damaged ones.
#[test]
fn a_broken_model_is_told_with_what_mends_it() {
    let script = Script {
        words: &WORDS,
        says: &[],
        is_silent: false,
    };
    let folder = written(&SMALL, &script);
    let whole = std::fs::read(file_of(&folder)).expect("it was written");
    let file = folder.path().join("ggml-tiny-q8_0.bin");
    std::fs::remove_file(file_of(&folder)).expect("the folder is ours");
    let told = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("the folder is ours");
        opened(folder.path())
    };
    for length in [0, 3, 30, 60, 1_000, 70_000, 1_000_000, whole.len() - 1] {
        let told = told(&whole[..length]);
        assert!(told.contains("cut off"), "{length}: {told}");
        assert!(told.contains("`zeroline models get tiny-q8_0"), "{told}");
    }
    for (text, kind) in [
        ("<!DOCTYPE html>", "page of the web"),
        ("version https://git-lfs", "LFS"),
        ("GGUF....", "GGUF"),
    ] {
        let told = told(text.as_bytes());
        assert!(told.contains(kind), "{text}: {told}");
    }
    let mut longer = whole.clone();
    longer.extend([9; 40]);
    for at in [4, 12, 24, 44, 48] {
        let mut damaged = whole.clone();
        damaged[at + 2] = 0x7f;
        assert!(told(&damaged).contains("damaged"), "byte {at}");
    }
    assert!(told(&longer).contains("damaged"));
    std::fs::write(&file, &whole).expect("the folder is ours");
    assert!(
        Whisper::open(&Speech {
            models: folder.path().into(),
            ..Speech::default()
        })
        .is_ok()
    );
}

/// The whole graph with whisper's own vocabulary, and no weights at all.
#[test]
fn the_empty_model_of_whisper_cpps_tests_hears_nothing() {
    let Some(assets) = std::env::var_os("ZEROLINE_ASSETS").map(PathBuf::from) else {
        return println!("skipped: ZEROLINE_ASSETS is not set");
    };
    let file = assets.join("whisper/for-tests-ggml-tiny.bin");
    let header = examine(&file).expect("it is sound");
    assert_eq!((header.tensors, header.audio_layers), (0, 4));
    let engine = Whisper::load(&file, header, PATIENT).expect("it loads");
    let menu = grammar(&["track my parcel", "refund"], None);
    assert_eq!(hear(&engine, &menu, 1.0), []);
    let vocabulary = &engine.inside.vocabulary;
    let automaton = Automaton::of_phrases(["track my parcel", "查快递"]);
    let first: Vec<String> = vocabulary
        .allowed(&automaton, &automaton.start())
        .iter()
        .map(|(token, _)| vocabulary.text(&[*token]))
        .collect();
    for spelling in ["track", "Track", "tr", "查"] {
        assert!(
            first.iter().any(|text| text == spelling),
            "{spelling}: {first:?}"
        );
    }
    let speech = Speech {
        whisper_model: Some(file),
        ..Speech::default()
    };
    let told = Whisper::open(&speech).err().map(|error| error.to_string());
    assert!(told.is_some_and(|told| told.contains("no weights")));
}

/// What it costs on this machine, with weights that mean nothing and a text of forced length:
/// `cargo test --release --lib whisper::tests::timing -- --ignored --nocapture`.
#[test]
#[ignore = "takes a minute, and tells figures rather than right from wrong"]
fn timing() {
    let says: Vec<&[(f32, &str)]> = vec![&[(1.0, " track")], &[(1.0, " my")], &[(1.0, " parcel")]];
    let mut sentence: Vec<&[(f32, &str)]> = says.iter().copied().cycle().take(9).collect();
    sentence.push(&[(1.0, "")]);
    let menu = grammar(
        &[
            "track",
            "track my parcel",
            "refund",
            "opening hours",
            "a person",
        ],
        None,
    );
    let dictation = grammar(&[], Some(ValueKind::FreeText));
    println!("text of 9 tokens; best of 5");
    for (name, shape) in [("tiny", TINY), ("base", BASE)] {
        let script = Script {
            words: &WORDS,
            says: &sentence,
            is_silent: false,
        };
        let model = model(&shape, &script);
        for (kind, grammar) in [("menu", &menu), ("dictation", &dictation)] {
            for seconds in [1.0, 3.0, 8.0, 30.0] {
                let times = (0..5).map(|_| {
                    let begin = Instant::now();
                    let heard = hear(&model.engine, grammar, seconds);
                    assert_eq!(heard.len(), 1, "{heard:?}");
                    begin.elapsed()
                });
                let best = times.min().expect("five");
                println!("{name} q8_0, {kind}, {seconds} s: {} ms", best.as_millis());
            }
        }
        drop(model.folder);
    }
}
