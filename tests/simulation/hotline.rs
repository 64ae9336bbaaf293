//! The hotline that is called: a dialplan with every kind of node, short tones for words.

use std::sync::Arc;
use std::time::Duration;
use zeroline::audio::prompt::Prompt;
use zeroline::audio::tones;
use zeroline::call::services::{PromptSource, Services, Sounds};
use zeroline::config::trunk::TrunkKeys;
use zeroline::diagnostic::Source;
use zeroline::dialogue::action::Content;
use zeroline::dialogue::program::Program;
use zeroline::dialplan::load;
use zeroline::dialplan::model::{Dialplan, Way};
use zeroline::events::Pace;
use zeroline::handoff::targets::TargetPolicy;
use zeroline::language::{ByLanguage, Language};

/// `~` in a text: its sound is not there and must be rendered during the call.
const DIALPLAN: &str = r#"
dialplan: simulated
languages: [en, zh]
timezone: Europe/London
record: true
greeting: { en: "Welcome. This is an automatic service, and calls are recorded.", zh: "自动语音服务，通话将被录音。" }
human: { key: "0", handoff: support }
start: choose_language
nodes:
  choose_language:
    language: { "1": en, "2": zh }
    prompt: { en: "For English, press 1.", zh: 普通话请按2。 }
    to: main
  main:
    menu: { en: "Track 1. Card 2. Report 3. Hours 4. Refund 5. Message 6.", zh: "查询1。卡2。报告3。时间4。退款5。留言6。" }
    options:
      "1": { hear: [track], to: track }
      "2": { hear: [card], to: card }
      "3": { hear: [report], to: report }
      "4": { hear: [hours], to: hours }
      "5": { hear: [refund], to: refund }
      "6": { hear: [message], to: message }
      "7": { hear: [callback], to: callback }
  track:
    ask: tracking_number
    prompt: { en: "Please key in your six digit number.", zh: 请输入六位单号。 }
    confirm: true
    to: lookup
  lookup:
    http: { get: "https://parcels.example.com/{{ tracking_number }}", timeout: 12s, save: parcel }
    to: which
    failed: human
  which:
    branch:
      - { when: 'parcel.state == "OUT"', to: note }
    else: status
  note:
    set: { place: "{{ parcel.place }}" }
    to: status
  status:
    say: { en: "~Your parcel is {{ parcel.state }} {{ place }}.", zh: "~您的包裹{{ parcel.state }}。" }
    answers: true
    confirm_resolved: { "yes": goodbye, "no": human }
  card:
    ask: card_number
    prompt: { en: "Please key in your card number.", zh: 请输入卡号。 }
    to: report
  report:
    http: { post: "https://parcels.example.com/report", body: { number: "{{ card_number }}" }, timeout: 3s, save: report }
    to: hours
    failed: main
  hours:
    say: { en: "We are always open.", zh: 我们全天开放。 }
    to: to_mandarin
  to_mandarin:
    language: zh
    to: main
  refund:
    transfer: refunds
  goodbye:
    hangup: { en: Thank you., zh: 谢谢。 }
slots:
  tracking_number: { type: digits, length: 6 }
  card_number: { type: digits, length: { min: 8, max: 12 }, sensitive: true, share: last4 }
handoffs:
  support: { ring: ["sip:desk@people.example", "sip:second@people.example"], timeout: 8s, else: callback }
  refunds: { ring: ["sip:nobody@elsewhere.example", "sip:refunds@people.example"], timeout: 6s, way: refer, else: overflow }
  overflow: { ring: ["sip:third@nowhere.example", "sip:third@people.example"], timeout: 5s, then_keys: "1w2", else: message }
"#;

pub fn dialplan() -> Dialplan {
    let source = Source::new("simulated.yaml", DIALPLAN);
    load::load(&source).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub fn services(
    program: Arc<Program>,
    prompts: Arc<dyn PromptSource>,
    hears: bool,
) -> Arc<Services> {
    let mut languages = ByLanguage::default();
    for language in Language::ALL {
        languages.set(language, hears);
    }
    Arc::new(Services {
        hears: languages,
        program,
        prompts,
        policy: Arc::new(Policy),
        sounds: Arc::new(Sounds {
            ring_back: Arc::new(Prompt::from_samples(tones::ring_back())),
            comfort: Arc::new(Prompt::from_samples(tones::waiting_music())),
            beep: Arc::new(Prompt::from_samples(tones::record_beep())),
        }),
    })
}

/// Everybody may be called but those elsewhere.
struct Policy;

impl TargetPolicy for Policy {
    fn is_allowed(&self, target: &str) -> bool {
        !target.ends_with("@elsewhere.example")
    }

    fn way(&self, _: &str) -> Way {
        Way::Bridged
    }

    fn keys(&self, _: &str) -> TrunkKeys {
        TrunkKeys::Rfc4733
    }

    fn calls_back(&self, _: &str) -> bool {
        false
    }

    fn agents(&self, _: &[String]) -> Vec<(String, Vec<Language>)> {
        Vec::new()
    }

    fn is_agent(&self, _: &str) -> bool {
        false
    }
}

/// A tone for each text, the longer the more is said.
pub struct Tones;

impl PromptSource for Tones {
    fn lookup(&self, _: Language, content: &Content, _: Pace) -> Option<Arc<Prompt>> {
        match content {
            Content::Text { text, .. } if text.contains('~') => None,
            Content::Text { text, .. } => Some(tone(text.chars().count())),
            Content::Sentence(sentence) => Some(tone(sentence.text(Language::En).len())),
            Content::Pause(_) => None,
        }
    }
}

/// The same without any sound that is there already.
pub struct NoTones;

impl PromptSource for NoTones {
    fn lookup(&self, _: Language, _: &Content, _: Pace) -> Option<Arc<Prompt>> {
        None
    }
}

/// 20 ms a letter, 300 Hz.
pub fn tone(letters: usize) -> Arc<Prompt> {
    let length = Duration::from_millis(20 * letters.clamp(5, 80) as u64);
    let samples = (length.as_millis() * 8) as usize;
    Arc::new(Prompt::from_samples(tones::chord(
        &[(300.0, -12.0)],
        samples,
    )))
}
