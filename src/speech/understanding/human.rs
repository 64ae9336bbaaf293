//! Law 1, spoken. A word for a person acts at once where it is all that was said, or what was asked
//! for; within a sentence about something else it is asked about, and never passed over.

use super::align::{Alignment, align};
use super::phrases::WHOLE;
use super::tokens::{self, Form, Role, Token};
use super::{Candidate, Heard, Sense};
use crate::speech::grammar::{Grammar, Meaning};

/// Below this likeness a word is not taken for one that means a person.
const LIKENESS: f32 = 0.80;
/// Below this one it is asked about, even where it stands alone.
const SURE: f32 = 0.90;
/// Asked for, with reasons around it.
const ASKED_FOR: f32 = 0.95;
/// Only mentioned.
const MENTIONED: f32 = 0.62;

/// Beside a word for a person these add nothing.
const ENGLISH_BESIDE: &str = "speak talk transfer connect put through real live actual human person being operator agent \
     representative rep customer service services support someone somebody anyone right away \
     immediately directly instead another assistance care team department desk staff today \
     rather back straight line";
const MANDARIN_BESIDE: &str =
    "转接找叫换人工服务客员真坐席台线真实活立刻现在电话联系连沟通讲谈聊小姐姐";

/// What asks, before the word: "I want to speak to".
const ENGLISH_ASKING: &str = "want need like can could may let get give transfer connect put speak talk please prefer \
     rather through";
const MANDARIN_ASKING: &str = "要想找转接请给帮叫换能";

/// What tells of another time.
const ENGLISH_PAST: &str = "spoke spoken talked told yesterday already last said was were ago before earlier asked \
     called became";
const MANDARIN_PAST: &str = "昨天 前天 刚才 刚刚 上次 已经 过了 以前 之前 说过 曾经";

pub(super) fn candidate(grammar: &Grammar, said: &[Token]) -> Option<Candidate> {
    let phrases = grammar.phrases.iter().enumerate();
    let people = phrases.filter(|(_, phrase)| phrase.meaning == Meaning::Human);
    let found = people.filter_map(|(at, phrase)| {
        let alignment = align(&tokens::of(&phrase.words, grammar.language), said)?;
        let near = alignment.similarity >= LIKENESS;
        near.then(|| judge(at, &alignment, said))
    });
    found.max_by(|a, b| a.heard.score.total_cmp(&b.heard.score))
}

fn judge(phrase: usize, alignment: &Alignment, said: &[Token]) -> Candidate {
    let alone = said
        .iter()
        .zip(&alignment.covered)
        .all(|(token, covered)| *covered || adds_nothing(token));
    let elsewhere = is_denied(said, alignment) || is_past(said) || asks_who_it_is(said);
    let (share, ask) = if alone && !elsewhere {
        (1.0, false)
    } else if is_asked_for(alignment, said) && !elsewhere {
        (ASKED_FOR, false)
    } else {
        (MENTIONED, true)
    };
    Candidate {
        heard: Heard {
            sense: Sense::Meaning(Meaning::Human),
            score: alignment.similarity * share,
            words: String::new(),
            phrase: Some(phrase),
        },
        whole: alone && !elsewhere && alignment.similarity >= WHOLE,
        exact: alignment.similarity >= WHOLE && alignment.covered.iter().all(|it| *it),
        ask: ask || alignment.similarity < SURE,
    }
}

fn adds_nothing(token: &Token) -> bool {
    matches!(token.role, Role::Filler | Role::Carrier) || is_beside(token)
}

fn is_beside(token: &Token) -> bool {
    match &token.form {
        Form::Word { text, .. } => is_among(ENGLISH_BESIDE, text),
        Form::Han { character, .. } => MANDARIN_BESIDE.contains(*character),
    }
}

/// A wish leads up to the word, and what follows is not the rest of a longer one (人工智能).
fn is_asked_for(alignment: &Alignment, said: &[Token]) -> bool {
    let covered = &alignment.covered;
    let start = covered.iter().position(|it| *it).unwrap_or(0);
    let end = covered.iter().rposition(|it| *it).map_or(0, |at| at + 1);
    if said.get(end).is_some_and(|next| !adds_nothing(next)) {
        return false;
    }
    let before = said[..end].iter().zip(covered);
    let leading = before
        .rev()
        .take_while(|(token, covered)| **covered || adds_nothing(token));
    let mut leading = leading.map(|(token, _)| token);
    start < end && leading.any(asks)
}

fn asks(token: &Token) -> bool {
    match &token.form {
        Form::Word { text, .. } => is_among(ENGLISH_ASKING, text),
        Form::Han { character, .. } => MANDARIN_ASKING.contains(*character),
    }
}

fn is_denied(said: &[Token], alignment: &Alignment) -> bool {
    let mut tokens = said.iter().zip(&alignment.covered);
    tokens.any(|(token, covered)| !covered && token.role == Role::Negation)
}

fn is_past(said: &[Token]) -> bool {
    let mut characters = String::new();
    for token in said {
        match &token.form {
            Form::Word { text, .. } if is_among(ENGLISH_PAST, text) => return true,
            Form::Word { .. } => characters.push(' '),
            Form::Han { character, .. } => characters.push(*character),
        }
    }
    MANDARIN_PAST
        .split_whitespace()
        .any(|word| characters.contains(word))
}

/// "Are you a real person?", 你是真人吗: whether, and not for whom.
fn asks_who_it_is(said: &[Token]) -> bool {
    let words: Vec<&str> = said
        .iter()
        .map(|token| match &token.form {
            Form::Word { text, .. } => text.as_str(),
            Form::Han { .. } => "",
        })
        .collect();
    let characters: String = said.iter().filter_map(Token::character).collect();
    let english = |two: &[&str]| matches!(two, ["are", "you"] | ["is", "this"] | ["am", "i"]);
    words.windows(2).any(english)
        || ["你是", "您是", "是不是"]
            .iter()
            .any(|it| characters.contains(it))
}

fn is_among(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|it| it == word)
}
