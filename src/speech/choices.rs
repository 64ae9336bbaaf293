//! What callers can choose where nobody could be had, or while they wait, and how it is told.

use super::sentences::{english_key, mandarin_key};
use crate::key::Key;
use crate::language::Language;

/// What a caller can choose after nobody could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    TryAgain,
    Callback,
    /// To who waits in line: the place is kept.
    CallbackInTurn,
    Message,
    BackToBot,
}

impl Choice {
    /// What can be chosen by who waits in line.
    pub fn in_line(calls_back: bool, message: bool) -> Vec<(Key, Choice)> {
        let choices = [
            Some(match calls_back {
                true => Choice::CallbackInTurn,
                false => Choice::Callback,
            }),
            message.then_some(Choice::Message),
            Some(Choice::BackToBot),
        ];
        (1..)
            .filter_map(Key::of_digit)
            .zip(choices.into_iter().flatten())
            .collect()
    }

    /// What can be chosen after a failed transfer, with the keys 1, 2, 3 in this order. Leaving
    /// something behind and going back are always possible.
    pub fn menu(try_again: bool, otherwise: Choice) -> Vec<(Key, Choice)> {
        let choices = [
            try_again.then_some(Choice::TryAgain),
            Some(otherwise),
            Some(Choice::BackToBot),
        ];
        (1..)
            .filter_map(Key::of_digit)
            .zip(choices.into_iter().flatten())
            .collect()
    }
}

/// The choices' sentences, in their order.
pub(super) fn told(choices: &[(Key, Choice)], language: Language) -> String {
    let (between, sentence): (_, fn(Key, Choice) -> String) = match language {
        Language::En => (" ", english_choice),
        Language::Zh => ("", mandarin_choice),
    };
    let all: Vec<String> = choices
        .iter()
        .map(|&(key, choice)| sentence(key, choice))
        .collect();
    all.join(between)
}

fn english_choice(key: Key, choice: Choice) -> String {
    let key = english_key(key);
    match choice {
        Choice::TryAgain => format!("To try again, press {key}."),
        Choice::Callback => format!("To be called back, press {key}."),
        Choice::CallbackInTurn => {
            format!("To be called back when it is your turn, press {key}.")
        }
        Choice::Message => format!("To leave a message, press {key}."),
        Choice::BackToBot => format!("To go back to the menu, press {key}."),
    }
}

fn mandarin_choice(key: Key, choice: Choice) -> String {
    let key = mandarin_key(key);
    match choice {
        Choice::TryAgain => format!("再试一次请按{key}。"),
        Choice::Callback => format!("需要我们给您回电请按{key}。"),
        Choice::CallbackInTurn => format!("轮到您时由我们给您回电请按{key}。"),
        Choice::Message => format!("留言请按{key}。"),
        Choice::BackToBot => format!("返回菜单请按{key}。"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::sentences::Sentence;

    #[test]
    fn choices_name_their_keys_in_order() {
        let choices = Sentence::Choices(Choice::menu(true, Choice::Message));
        assert_eq!(
            choices.text(Language::En),
            "To try again, press one. To leave a message, press two. \
             To go back to the menu, press three."
        );
        let choices = Sentence::Choices(Choice::menu(false, Choice::Callback));
        assert_eq!(
            choices.text(Language::Zh),
            "需要我们给您回电请按一。返回菜单请按二。"
        );
    }
}
