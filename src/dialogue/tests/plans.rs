//! Dialplans made in code, for tests.

use crate::diagnostic::Span;
use crate::dialogue::program::Program;
use crate::dialplan::model::*;
use crate::dialplan::opening::Opening;
use crate::dialplan::slot::{Digits, Slot, SlotKind};
use crate::key::Key;
use crate::language::{ByLanguage, Language};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub const NO_INPUT: Duration = Duration::from_secs(5);
pub const INTER_DIGIT: Duration = Duration::from_secs(3);
pub const SUPPORT: HandoffId = HandoffId(0);
pub const REFUNDS: HandoffId = HandoffId(1);

pub fn key(symbol: char) -> Key {
    Key::from_char(symbol).expect("a telephone key")
}

pub fn node(index: u16) -> Target {
    Target::Node(NodeId(index))
}

/// One wording for both languages, the Mandarin one marked.
pub fn words(text: &str) -> Prompt {
    let mut by_language = ByLanguage::default();
    by_language.set(Language::En, text.to_string());
    by_language.set(Language::Zh, format!("zh:{text}"));
    Prompt {
        text: by_language,
        audio: None,
        span: Span::default(),
    }
}

pub fn menu(text: &str, options: &[(char, Target)]) -> NodeKind {
    let options = options.iter().map(|&(symbol, to)| MenuOption {
        key: key(symbol),
        hear: Vec::new(),
        to,
        span: Span::default(),
    });
    NodeKind::Menu(Menu {
        prompt: words(text),
        reprompt: None,
        options: options.collect(),
        no_input_timeout: NO_INPUT,
    })
}

pub fn ask(slot: u16, text: &str, confirm: bool, to: Target) -> NodeKind {
    NodeKind::Ask(Ask {
        slot: SlotId(slot),
        prompt: words(text),
        reprompt: None,
        confirm,
        to,
        no_input_timeout: NO_INPUT,
        inter_digit_timeout: INTER_DIGIT,
    })
}

pub fn say(text: &str, to: Target) -> NodeKind {
    NodeKind::Say(Say {
        prompt: words(text),
        answers: false,
        confirm_resolved: None,
        to: Some(to),
    })
}

pub fn answer(text: &str, yes: Target, no: Target) -> NodeKind {
    NodeKind::Say(Say {
        prompt: words(text),
        answers: true,
        confirm_resolved: Some(ConfirmResolved { yes, no }),
        to: None,
    })
}

pub fn http(method: HttpMethod, url: &str, save: &str, to: Target, failed: Target) -> NodeKind {
    NodeKind::Http(Http {
        method,
        url: url.to_string(),
        headers: BTreeMap::new(),
        body: None,
        timeout: Duration::from_secs(10),
        save: Some(save.to_string()),
        filler: None,
        to,
        failed,
    })
}

pub fn branch(arms: &[(&str, Target)], otherwise: Target) -> NodeKind {
    let arms = arms.iter().map(|&(when, to)| Arm {
        when: when.to_string(),
        to,
        span: Span::default(),
    });
    NodeKind::Branch(Branch {
        arms: arms.collect(),
        otherwise,
    })
}

/// Named in itself, each language.
pub fn language_menu(options: &[(char, Language)], to: Target) -> NodeKind {
    let options = options
        .iter()
        .map(|&(symbol, language)| (key(symbol), language));
    NodeKind::LanguageMenu(LanguageMenu {
        prompt: words("Choose."),
        options: options.collect(),
        to,
        no_input_timeout: NO_INPUT,
    })
}

pub fn digits(name: &str, min: u8, max: u8) -> Slot {
    Slot {
        name: name.to_string(),
        span: Span::default(),
        kind: SlotKind::Digits(Digits {
            min,
            max,
            checksum: None,
            terminator: Key::HASH,
            alphabet: None,
        }),
        sensitive: false,
        share_last4: false,
        label: ByLanguage::default(),
    }
}

fn handoff(name: &str, otherwise: Otherwise) -> Handoff {
    Handoff {
        name: name.to_string(),
        span: Span::default(),
        ring: vec![Ring::Target {
            uri: format!("sip:{name}@pbx.example.com"),
            limit: None,
            languages: Vec::new(),
        }],
        order: Order::InOrder,
        skills: Vec::new(),
        rest: Duration::from_secs(10),
        queue: None,
        accept: false,
        timeout: Duration::from_secs(25),
        opening: Opening::always(),
        otherwise,
        way: Way::Default,
        then_keys: None,
    }
}

pub fn recorded(dialplan: Dialplan) -> Dialplan {
    Dialplan {
        record: true,
        ..dialplan
    }
}

/// Nodes are named by their index: `n0`, `n1`…
pub fn plan(nodes: Vec<NodeKind>, slots: Vec<Slot>) -> Dialplan {
    let nodes = nodes.into_iter().enumerate().map(|(index, kind)| Node {
        name: format!("n{index}"),
        span: Span::default(),
        kind,
        human_only: false,
    });
    Dialplan {
        name: "test".to_string(),
        version: "000000000000".to_string(),
        languages: vec![Language::En, Language::Zh],
        timezone: jiff::tz::TimeZone::UTC,
        greeting: words("Welcome."),
        record: false,
        human: Human {
            key: Key::ZERO,
            hear: Vec::new(),
            handoff: SUPPORT,
            span: Span::default(),
        },
        elder: Elder::default(),
        distress: Distress::default(),
        start: NodeId(0),
        nodes: nodes.collect(),
        slots,
        vocabulary: BTreeMap::new(),
        handoffs: vec![
            handoff("support", Otherwise::Callback),
            handoff("refunds", Otherwise::Message),
        ],
        blocked: vec!["buy one get one free".to_string()],
        timing: Timing {
            no_input_timeout: NO_INPUT,
            inter_digit_timeout: INTER_DIGIT,
        },
        limits: Limits {
            depth: 3,
            options: 5,
            prompt: Duration::from_secs(20),
        },
    }
}

pub fn compile(plan: Dialplan) -> Arc<Program> {
    Program::compile(plan).expect("a test's templates are right")
}

/// 0 menu → 1 question → 2 lookup → 3 answer with "did that answer it?"; from the menu also
/// 4 a transfer to refunds, 5 a message, 6 a callback and 7 the end.
pub fn parcel() -> Dialplan {
    plan(
        vec![
            menu(
                "Main menu.",
                &[
                    ('1', node(1)),
                    ('2', node(4)),
                    ('3', Target::Message),
                    ('4', Target::Callback),
                    ('5', node(5)),
                ],
            ),
            ask(0, "Your number?", false, node(2)),
            http(
                HttpMethod::Get,
                "https://parcels.example.com/{{ number }}",
                "parcel",
                node(3),
                Target::Human,
            ),
            answer("It is {{ parcel.state }}.", Target::Hangup, Target::Human),
            NodeKind::Transfer { handoff: REFUNDS },
            NodeKind::Hangup { goodbye: None },
        ],
        vec![digits("number", 4, 4)],
    )
}
