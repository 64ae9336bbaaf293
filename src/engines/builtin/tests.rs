//! The decoder on a network that hears perfectly, and the whole engine on what Debian's engines say.

use super::decoder::{Decoder, Evidence};
use super::graph::Graph;
use super::*;
use crate::key::Key;
use crate::speech::grammar::{Meaning, Phrase, ValueKind};
use crate::speech::understanding::{ACCEPT, CONFIRM};

fn grammar(language: Language, phrases: &[&str], value: Option<ValueKind>) -> Arc<Grammar> {
    let phrase = |words: &&str| Phrase {
        words: (*words).to_owned(),
        meaning: Meaning::Key(Key::ONE),
    };
    Arc::new(Grammar {
        language,
        phrases: phrases.iter().map(phrase).collect(),
        value,
    })
}

fn units(engine: &Builtin, language: Language) -> Vec<String> {
    let head = engine.words.head(language).expect("both are heard");
    engine.words.heads[head].units.clone()
}

/// What is read when the network is sure of these units, each followed by a blank.
fn readings(grammar: &Grammar, said: &str) -> Vec<Evidence> {
    let units = units(&Builtin::new(), grammar.language);
    let graph = Graph::new(grammar, &units);
    let mut decoder = Decoder::new(&graph);
    for name in said.split_whitespace() {
        let unit = units.iter().position(|unit| unit == name).expect("a unit");
        for likeliest in [unit, 0] {
            let mut logits = vec![0.0; units.len()];
            logits[likeliest] = 12.0;
            decoder.push(&graph, &logits);
        }
    }
    decoder.readings(&graph, 4)
}

fn confidence_of(grammar: &Grammar, said: &str, text: &str) -> f32 {
    let readings = readings(grammar, said);
    let reading = readings.iter().find(|reading| reading.text == text);
    let reading = reading.unwrap_or_else(|| panic!("no {text} among {readings:?}"));
    confidence::of(reading, &readings)
}

const TRACK: &str = "T R AE K";
const REFUND: &str = "R IY F AH N D";

#[test]
fn a_phrase_is_read_whole_and_surely() {
    let menu = grammar(Language::En, &["track", "refund"], None);
    for (said, text) in [(TRACK, "track"), (REFUND, "refund")] {
        let best = &readings(&menu, said)[0];
        assert_eq!((best.text.as_str(), best.anything), (text, 0));
        assert!(confidence_of(&menu, said, text) > 0.8);
    }
}

#[test]
fn a_wish_around_a_phrase_is_read_and_other_words_make_it_unsure() {
    let menu = grammar(Language::En, &["agent", "refund"], None);
    let agent = "EY JH AH N T";
    let wish = readings(&menu, &format!("AY W AA N T AH N {agent} P L IY Z"));
    assert_eq!(wish[0].text, "i want an agent please");
    let story = "SH IY S EH D HH ER K AH Z AH N IH Z";
    let alone = confidence_of(&menu, agent, "agent");
    let within = readings(&menu, &format!("{story} {agent} {story}"));
    let within = within.iter().find(|it| it.wish == "agent").expect("agent");
    assert!(within.anything + within.around > 5, "{within:?}");
    assert!(confidence::of(within, std::slice::from_ref(within)) < alone * 0.8);
}

#[test]
fn other_speech_and_silence_are_no_phrase() {
    let menu = grammar(Language::En, &["track", "where is my parcel"], None);
    let other = "DH AH W EH DH ER W AA Z L AH V L IY";
    for reading in readings(&menu, other) {
        assert!(
            confidence::of(&reading, std::slice::from_ref(&reading)) < LEAST_CONFIDENCE,
            "{reading:?}"
        );
    }
    let units = units(&Builtin::new(), Language::En);
    let graph = Graph::new(&menu, &units);
    let mut decoder = Decoder::new(&graph);
    for _ in 0..50 {
        let mut logits = vec![0.0; units.len()];
        logits[0] = 12.0;
        decoder.push(&graph, &logits);
    }
    for reading in decoder.readings(&graph, 4) {
        assert!(
            confidence::of(&reading, std::slice::from_ref(&reading)) < LEAST_CONFIDENCE,
            "{reading:?}"
        );
    }
}

#[test]
fn digits_are_read_one_by_one_and_doubled() {
    let number = grammar(
        Language::En,
        &[],
        Some(ValueKind::Digits { min: 4, max: 4 }),
    );
    let text = |said: &str| readings(&number, said)[0].text.clone();
    assert_eq!(text("F AO R OW S EH V AH N W AH N"), "four oh seven one");
    assert_eq!(text("D AH B AH L F AY V T UW T UW"), "double five two two");
    // Shorter than asked for, and told as it was said.
    assert_eq!(text("N AY N N AY N"), "nine nine");
}

/// But a wish for a person is acted upon, whatever is asked for.
#[test]
fn digits_are_never_believed_enough_to_be_acted_upon_at_once() {
    let engine = Builtin::new();
    let confidence = |value, meaning| {
        let asked = grammar(Language::En, &["operator"], value);
        let reading = Evidence {
            meaning,
            ..readings(&asked, "F AO R OW S EH V AH N W AH N")[0].clone()
        };
        let listening = engine.listen(&asked);
        listening.confidence(&reading, std::slice::from_ref(&reading))
    };
    let digits = Some(ValueKind::Digits { min: 4, max: 4 });
    for value in [digits, Some(ValueKind::Phone), Some(ValueKind::Money)] {
        let believed = confidence(value, None);
        let score = believed.sqrt();
        assert!((CONFIRM..ACCEPT).contains(&score));
        assert!(confidence(value, Some(Meaning::Human)) > 0.9);
    }
}

#[test]
fn mandarin_is_read_by_its_syllables() {
    let menu = grammar(Language::Zh, &["转人工", "查快递", "银行"], None);
    assert_eq!(readings(&menu, "zh uan r en g ong")[0].text, "转人工");
    assert_eq!(readings(&menu, "i ao ch a k uai d i")[0].text, "查快递");
    assert_eq!(readings(&menu, "in h ang")[0].text, "银行");
    let number = grammar(
        Language::Zh,
        &[],
        Some(ValueKind::Digits { min: 3, max: 3 }),
    );
    assert_eq!(readings(&number, "iao s an er")[0].text.chars().count(), 3);
}

/// 五月底 is not 五月一.
#[test]
fn the_end_of_a_month_is_read_as_one() {
    let date = |language| grammar(language, &[], Some(ValueKind::Date));
    let mandarin = readings(&date(Language::Zh), "u ve d i");
    assert_eq!(mandarin[0].text, "五月底");
    let english = "DH AH EH N D AH V N EH K S T M AH N TH";
    let english = readings(&date(Language::En), english);
    assert_eq!(english[0].text, "the end of next month");
}

#[test]
fn a_phrase_that_nobody_can_pronounce_is_not_listened_for() {
    let menu = grammar(Language::En, &["人工", "press 12", "!?"], None);
    let graph = Graph::new(&menu, &units(&Builtin::new(), Language::En));
    assert!(graph.words.contains(&"twelve".to_owned()));
    assert!(!graph.words.contains(&"人".to_owned()));
}

#[test]
fn the_same_sound_is_heard_the_same_in_any_packets() {
    let engine = Builtin::new();
    let menu = grammar(Language::En, &["yes", "no"], None);
    let sample = |i: usize| ((i * i / 7) % 6000) as i16 - 3000;
    let sound: Vec<i16> = (0..6000).map(sample).collect();
    let hear = |packet: usize| {
        let mut listening = engine.listen(&menu);
        for packet in sound.chunks(packet) {
            listening.push(packet).expect("it cannot fail");
        }
        listening.evidence()
    };
    let (whole, packets) = (hear(6000), hear(160));
    assert_eq!(whole.len(), packets.len());
    for (whole, packets) in whole.iter().zip(&packets) {
        assert_eq!(whole.text, packets.text);
        assert!((whole.score - packets.score).abs() < 0.01);
    }
}
