//! Who hears callers, and who speaks to them.

use super::*;

#[test]
fn who_hears_is_chosen_by_language_or_for_all_or_not_at_all() {
    use speech::{Hearing, RecognizerKind, Speech};
    let speech = |text: &str| -> Speech {
        let (config, found) = checked(text);
        assert_eq!(found, []);
        config.expect("nothing is wrong").speech
    };
    let lists = |speech: &Speech| match &speech.recognizers {
        Hearing::WhatIsHere => panic!("it was chosen"),
        Hearing::Chosen(lists) => Language::ALL.map(|language| lists.get(language).cloned()),
    };
    let full = speech(FULL);
    let english = vec![RecognizerKind::Whisper, RecognizerKind::Remote];
    assert_eq!(lists(&full), [Some(english), Some(Vec::new())]);
    assert_eq!(full.models, Path::new("/var/lib/models"));
    let model = Path::new("/etc/zeroline/models/own.bin");
    assert_eq!(full.whisper_model.as_deref(), Some(model));
    let remote = full.remote.expect("it is in the file");
    assert_eq!(
        (remote.url.as_str(), remote.model.as_str(), remote.timeout),
        (
            "https://speech.example.com/v1",
            "whisper-1",
            Duration::from_millis(800)
        )
    );
    let everywhere = speech("speech: { recognizers: builtin }");
    let builtin = Some(vec![RecognizerKind::BuiltIn]);
    assert_eq!(lists(&everywhere), [builtin.clone(), builtin]);
    assert_eq!(lists(&speech("speech: off")), [None, None]);
    assert_eq!(speech("speech: { }").recognizers, Hearing::WhatIsHere);
}

#[test]
fn who_speaks_and_how_is_chosen_by_language() {
    use speech::SynthesizerKind::{EspeakNg, Flite, Remote};
    let (config, found) = checked(FULL);
    assert_eq!(found, []);
    let speech = config.expect("nothing is wrong").speech;
    let english = speech.voices.get(Language::En).expect("it is chosen");
    assert_eq!(english.engines, Some(vec![EspeakNg, Flite]));
    assert_eq!((english.rate, english.volume), (1.0, 0.0));
    let mandarin = speech.voices.get(Language::Zh).expect("it is chosen");
    assert_eq!(mandarin.engines, Some(vec![Remote]));
    assert_eq!((mandarin.rate, mandarin.volume), (0.9, -3.0));
    assert_eq!(mandarin.voice.as_deref(), Some("nova"));
    let remote = speech.remote_voice.expect("it is in the file");
    assert_eq!(
        (remote.voice.as_str(), remote.service.model.as_str()),
        ("echo", "tts-1")
    );
    let key = Some(Password::File("/etc/zeroline/voice.key".into()));
    assert_eq!(remote.service.key, key);
}

#[test]
fn a_service_that_speaks_needs_an_address() {
    let (_, found) = checked("speech: { voices: { en: [remote, flite] } }");
    let told: Vec<_> = found.iter().map(|d| (d.rule, d.text.as_str())).collect();
    assert_eq!(told, [("missing-field", "{ en: [remote, flite] }")]);
}

#[test]
fn a_service_that_hears_needs_an_address() {
    let (config, found) = checked("speech: { recognizers: [remote, builtin] }");
    assert!(config.is_none());
    let told: Vec<_> = found.iter().map(|d| (d.rule, d.text.as_str())).collect();
    assert_eq!(told, [("missing-field", "[remote, builtin]")]);
}

#[test]
fn a_service_that_nobody_chose_is_told() {
    let service = "{ url: \"https://speech.example.com/v1\" }";
    for (speech, unused) in [
        (format!("remote: {service}"), true),
        (format!("recognizers: [builtin], remote: {service}"), true),
        (
            format!("recognizers: [builtin, remote], remote: {service}"),
            false,
        ),
        (
            format!("voices: {{ en: [flite], zh: [espeak-ng] }}, remote_voice: {service}"),
            true,
        ),
        (
            format!("voices: {{ en: [flite] }}, remote_voice: {service}"),
            false,
        ),
        (format!("remote_voice: {service}"), false),
    ] {
        let (_, found) = checked(&format!("speech: {{ {speech} }}"));
        let told: Vec<_> = found.iter().map(|d| (d.rule, d.text.as_str())).collect();
        let expected = unused.then_some(("service-unused", service));
        assert_eq!(told, Vec::from_iter(expected), "{speech}");
    }
}
