//! The engine's own sentences, in every language. Dialplans cannot change what they promise, and
//! each says only what is true when it is said (law 6).

use super::choices::{Choice, told};
use crate::key::Key;
use crate::language::Language;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sentence {
    /// "Press 0 at any time to speak to a person."
    HumanOffer {
        key: Key,
    },
    /// Where a recognizer listens: "You can also say what you would like."
    YouMaySpeak,
    /// After the offer of a person: "To be spoken to more slowly, press 8."
    SlowerOffer {
        key: Key,
    },
    /// Elder pacing names a long menu's choices in portions: "For more choices, press the hash key."
    MoreChoices,
    /// Where the greeting, which says so, was not heard to its end: "This call is recorded."
    CallRecorded,
    /// Before our own INVITE: "I am connecting you to a person."
    Connecting,
    /// A later target is tried: "I am still trying to reach somebody. Please stay on the line."
    StillTrying,
    /// Before a REFER: "I am passing your call on."
    PassingOn,
    /// To who waits until somebody is free, and is told so from the real line: "You are number 2 in
    /// line."
    PlaceInLine {
        position: u32,
    },
    /// From how long callers before took: "It will take about 4 minutes."
    WaitAbout {
        minutes: u32,
    },
    /// Nothing is known of how long callers take.
    WaitUnknown,
    /// To a caller who is called back and has answered.
    CallingBack,
    /// To a person who answered and was told whose call it is: "To take the call, press 1."
    AcceptCall,
    /// "I am looking that up."
    LookingUp,
    /// "Sorry, I did not hear anything."
    NoInput,
    /// "Sorry, I did not get that."
    NoMatch,
    /// "That is not one of the choices."
    NotAChoice,
    /// The keyed value has the wrong number of digits, or its checksum is wrong.
    NotValid,
    /// The second time that nothing was understood: "Please use the keys of your telephone."
    UseKeypad,
    /// Before the words that were heard unsurely: "Did you say:"
    DidYouSay,
    /// After them: "For yes, press 1. For no, press 2."
    YesOrNo,
    /// Something like a person was heard: "Would you like to speak to a person? For yes, …"
    WantAPerson,
    /// After a lookup, prompt or the dialogue failed and a person is rung.
    SomethingWentWrong,
    /// "Did that answer your question? For yes, press 1. For no, press 2."
    DidThatAnswer,
    /// Before a value is read back, digit by digit.
    YouKeyed,
    /// Before a value is read back that is no number of digits.
    YouGave,
    /// After a question for a number that may be longer or shorter.
    EndWithHash,
    /// After a question for an amount: the last two digits are hundredths.
    HowToKeyMoney,
    /// After a question for a day. The order is that of the language, see
    /// [`crate::dialplan::slot_values`].
    HowToKeyDate,
    HowToKeyTime,
    /// After a question for a Chinese resident identity number.
    HowToKeyResident,
    /// Before the last digits of a sensitive value, the only ones that are read back.
    EndingIn,
    /// Of a sensitive value too short to tell its end: how many digits, at most four.
    DigitsKeyed(u8),
    /// One digit of a number that is read back: no number is ever sent to be synthesized.
    Digit(u8),
    /// After the value was read back: "If that is right, press 1. To change it, press 2."
    IsThatRight,
    NobodyAnswered,
    OutOfHours,
    AgentLeft,
    /// The person's line is dead; they may think the same of the caller's.
    AgentLost,
    /// The choices after a failed transfer, each with its key; only what can be had.
    Choices(Vec<(Key, Choice)>),
    /// "I will note that you want to be called back on this number:" (the digits follow).
    CallbackNumberIs,
    /// "If that is right, press 1. For another number, press 2."
    IsNumberRight,
    /// "Please key in the number, then press the hash key. For a person, press star."
    AskCallbackNumber,
    CallbackNoted,
    /// "Please leave your message after the tone. Press hash when you are done."
    LeaveMessage,
    MessageKept,
    /// Nothing was said after the tone.
    NoMessageHeard,
    MessageFailed,
    /// The server is stopping, and the call ends.
    ServiceStops,
    Goodbye,
}

impl Sentence {
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::En => self.english(),
            Language::Zh => self.mandarin(),
        }
    }

    /// The name of its recording, `prompts/<language>/<name>.wav`, which is played instead of
    /// synthesized speech where there is one.
    pub fn audio(&self) -> String {
        match self {
            Sentence::HumanOffer { key } => format!("human_offer_{}", key_name(*key)),
            Sentence::SlowerOffer { key } => format!("slower_offer_{}", key_name(*key)),
            Sentence::Digit(digit) => format!("digit_{digit}"),
            Sentence::DigitsKeyed(count) => format!("digits_keyed_{count}"),
            Sentence::PlaceInLine { position } => format!("place_in_line_{position}"),
            Sentence::WaitAbout { minutes } => format!("wait_about_{minutes}"),
            Sentence::Choices(choices) => choices
                .iter()
                .map(|(key, choice)| format!("_{}_{}", key_name(*key), snake_case(choice)))
                .fold("choices".to_string(), |name, choice| name + &choice),
            plain => snake_case(plain),
        }
    }

    /// Every sentence that a call of a dialplan with these keys can need, to be rendered when it is
    /// loaded.
    pub fn fixed(human_key: Key, elder_key: Option<Key>) -> Vec<Sentence> {
        use Sentence::*;
        let mut all = vec![
            HumanOffer { key: human_key },
            HumanOffer { key: Key::STAR },
            YouMaySpeak,
            MoreChoices,
            CallRecorded,
            Connecting,
            StillTrying,
            PassingOn,
            WaitUnknown,
            CallingBack,
            AcceptCall,
            LookingUp,
            NoInput,
            NoMatch,
            NotAChoice,
            NotValid,
            UseKeypad,
            DidYouSay,
            YesOrNo,
            WantAPerson,
            SomethingWentWrong,
            DidThatAnswer,
            YouKeyed,
            YouGave,
            EndWithHash,
            HowToKeyMoney,
            HowToKeyDate,
            HowToKeyTime,
            HowToKeyResident,
            EndingIn,
            IsThatRight,
            NobodyAnswered,
            OutOfHours,
            AgentLeft,
            AgentLost,
            CallbackNumberIs,
            IsNumberRight,
            AskCallbackNumber,
            CallbackNoted,
            LeaveMessage,
            MessageKept,
            NoMessageHeard,
            MessageFailed,
            ServiceStops,
            Goodbye,
        ];
        all.extend(elder_key.map(|key| SlowerOffer { key }));
        all.extend((1..=RENDERED_AHEAD).map(|position| PlaceInLine { position }));
        all.extend((1..=RENDERED_AHEAD).map(|minutes| WaitAbout { minutes }));
        // The other ones are those after a failed transfer.
        for (calls_back, message) in [(false, true), (true, true), (true, false)] {
            all.push(Choices(Choice::in_line(calls_back, message)));
        }
        all.extend((0..10).map(Digit));
        all.extend((1..=4).map(DigitsKeyed));
        for try_again in [true, false] {
            for otherwise in [Choice::Callback, Choice::Message] {
                all.push(Choices(Choice::menu(try_again, otherwise)));
            }
        }
        all
    }

    fn english(&self) -> String {
        use Sentence::*;
        let text = match self {
            HumanOffer { key } => {
                return format!(
                    "Press {} at any time to speak to a person.",
                    english_key(*key)
                );
            }
            SlowerOffer { key } => {
                return format!("To be spoken to more slowly, press {}.", english_key(*key));
            }
            MoreChoices => "For more choices, press the hash key.",
            YouMaySpeak => "You can also say what you would like.",
            CallRecorded => "This call is recorded.",
            Connecting => "I am connecting you to a person. Please stay on the line.",
            StillTrying => "I am still trying to reach somebody. Please stay on the line.",
            PassingOn => "I am passing your call on.",
            PlaceInLine { position: 1 } => "You are next in line.",
            PlaceInLine { position } => return format!("You are number {position} in line."),
            WaitAbout { minutes: 1 } => "It will take about one minute.",
            WaitAbout { minutes } => return format!("It will take about {minutes} minutes."),
            WaitUnknown => "I cannot tell yet how long it will take.",
            CallingBack => "Hello. This is an automatic service. You asked us to call you back.",
            AcceptCall => "To take the call, press 1. If you cannot, press 2.",
            LookingUp => "One moment please, I am looking that up.",
            NoInput => "Sorry, I did not hear anything.",
            NoMatch => "Sorry, I did not get that.",
            NotAChoice => "Sorry, that is not one of the choices.",
            NotValid => "Sorry, that number does not seem to be complete or correct.",
            UseKeypad => "Please use the keys of your telephone.",
            DidYouSay => "Did you say:",
            YesOrNo => "For yes, press 1. For no, press 2.",
            WantAPerson => {
                "Would you like to speak to a person? For yes, press 1. For no, press 2."
            }
            SomethingWentWrong => "I am sorry, something went wrong on our side.",
            DidThatAnswer => "Did that answer your question? For yes, press 1. For no, press 2.",
            YouKeyed => "You keyed in:",
            YouGave => "I have understood:",
            EndWithHash => "If you key it in, end with the hash key.",
            HowToKeyMoney => {
                "If you key it in, leave the point out: the last two digits are the small change. \
                 End with the hash key."
            }
            HowToKeyDate => {
                "If you key it in, two digits for the day, two for the month, four for the year."
            }
            HowToKeyTime => {
                "If you key it in, two digits for the hour, up to twenty-three, and two for the minutes."
            }
            HowToKeyResident => {
                "If you key it in and it ends in X, leave the X out and press the hash key."
            }
            EndingIn => "The number you keyed in ends in:",
            DigitsKeyed(1) => "You keyed in one digit.",
            DigitsKeyed(count) => {
                return format!("You keyed in {} digits.", english_digit(*count));
            }
            Digit(digit) => return english_digit(*digit).to_string(),
            IsThatRight => "If that is right, press 1. To change it, press 2.",
            NobodyAnswered => "I am sorry, I could not reach anybody just now.",
            OutOfHours => "I am sorry, nobody is there at this hour.",
            AgentLeft => "The person you were speaking to has left the call.",
            AgentLost => "I am sorry, the connection to the person was lost.",
            Choices(choices) => return told(choices, Language::En),
            CallbackNumberIs => "I will note that you want to be called back on this number:",
            IsNumberRight => "If that is right, press 1. For another number, press 2.",
            AskCallbackNumber => {
                "Please key in the number to call you back on, then press the hash key. \
                 To speak to a person instead, press star."
            }
            CallbackNoted => "Thank you. I have noted that you want to be called back.",
            LeaveMessage => {
                "Please leave your message after the tone. Press the hash key when you are done."
            }
            MessageKept => "Thank you. Your message has been kept.",
            NoMessageHeard => "Sorry, I did not hear a message.",
            MessageFailed => "I am sorry, your message could not be recorded.",
            ServiceStops => "I am sorry, this service has to stop now, and I must end our call.",
            Goodbye => "Thank you for calling. Goodbye.",
        };
        text.to_string()
    }

    fn mandarin(&self) -> String {
        use Sentence::*;
        let text = match self {
            HumanOffer { key } => return format!("您可以随时按{}转人工服务。", mandarin_key(*key)),
            SlowerOffer { key } => return format!("需要放慢语速请按{}。", mandarin_key(*key)),
            MoreChoices => "更多选项请按井号键。",
            YouMaySpeak => "您也可以直接说出您的需求。",
            CallRecorded => "本次通话会被录音。",
            Connecting => "正在为您转接人工服务，请不要挂机。",
            StillTrying => "仍在为您联系工作人员，请不要挂机。",
            PassingOn => "正在为您转接。",
            PlaceInLine { position: 1 } => "您排在第一位。",
            PlaceInLine { position } => return format!("您排在第{position}位。"),
            WaitAbout { minutes: 1 } => "大约需要等待一分钟。",
            WaitAbout { minutes } => return format!("大约需要等待{minutes}分钟。"),
            WaitUnknown => "目前还无法估计等待时间。",
            CallingBack => "您好，这里是自动语音服务，您曾要求我们给您回电。",
            AcceptCall => "接听请按一，不能接听请按二。",
            LookingUp => "请稍等，正在为您查询。",
            NoInput => "抱歉，没有收到您的输入。",
            NoMatch => "抱歉，我没有听明白。",
            NotAChoice => "抱歉，没有这个选项。",
            NotValid => "抱歉，您输入的号码不完整或者不正确。",
            UseKeypad => "请使用电话按键输入。",
            DidYouSay => "您说的是：",
            YesOrNo => "是请按一，不是请按二。",
            WantAPerson => "您是要转人工服务吗？是请按一，不是请按二。",
            SomethingWentWrong => "非常抱歉，系统出现了问题。",
            DidThatAnswer => "您的问题解决了吗？解决了请按一，没有解决请按二。",
            YouKeyed => "您输入的是：",
            YouGave => "我听到的是：",
            EndWithHash => "如需按键输入，请以井号键结束。",
            HowToKeyMoney => "如需按键输入，请不要输入小数点，最后两位表示角和分，以井号键结束。",
            HowToKeyDate => "如需按键输入，请依次输入四位年份、两位月份和两位日期。",
            HowToKeyTime => "如需按键输入，请按二十四小时制输入两位小时和两位分钟。",
            HowToKeyResident => "如需按键输入，末位是字母的，请输入前十七位数字，以井号键结束。",
            EndingIn => "您输入的号码，尾号是：",
            DigitsKeyed(2) => "您输入了两位数字。",
            DigitsKeyed(1) => "您输入了一位数字。",
            DigitsKeyed(count) => {
                return format!("您输入了{}位数字。", mandarin_digit(*count));
            }
            Digit(digit) => return mandarin_digit(*digit).to_string(),
            IsThatRight => "正确请按一，重新输入请按二。",
            NobodyAnswered => "非常抱歉，暂时没有联系到工作人员。",
            OutOfHours => "非常抱歉，现在不是人工服务时间。",
            AgentLeft => "为您服务的工作人员已经挂机。",
            AgentLost => "非常抱歉，与工作人员的连接已中断。",
            Choices(choices) => return told(choices, Language::Zh),
            CallbackNumberIs => "将为您登记回电，回电号码是：",
            IsNumberRight => "正确请按一，使用其他号码请按二。",
            AskCallbackNumber => "请输入您的回电号码，按井号键结束。转人工服务请按星号键。",
            CallbackNoted => "谢谢，已经为您登记回电。",
            LeaveMessage => "请在提示音后留言，说完请按井号键。",
            MessageKept => "谢谢，您的留言已经保存。",
            NoMessageHeard => "抱歉，没有听到您的留言。",
            MessageFailed => "非常抱歉，您的留言没有录下来。",
            ServiceStops => "非常抱歉，本系统现在需要停止服务，我必须结束本次通话。",
            Goodbye => "感谢您的来电，再见。",
        };
        text.to_string()
    }
}

/// Higher places in line, and longer waits, are rendered when they are said.
const RENDERED_AHEAD: u32 = 10;

/// `NobodyAnswered` → `nobody_answered`, `DigitsKeyed(2)` → `digits_keyed_2`: whatever a variant
/// holds, only what may stand in a file's name is left.
fn snake_case(variant: &impl std::fmt::Debug) -> String {
    let mut name = String::new();
    for letter in format!("{variant:?}").chars() {
        let begins_word = letter.is_uppercase() || !letter.is_alphanumeric();
        if begins_word && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if letter.is_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        }
    }
    name.trim_end_matches('_').to_string()
}

fn key_name(key: Key) -> String {
    match key {
        Key::STAR => "star".to_string(),
        Key::HASH => "hash".to_string(),
        other => other.to_string(),
    }
}

pub(super) fn english_key(key: Key) -> String {
    match key {
        Key::STAR => "star".to_string(),
        Key::HASH => "the hash key".to_string(),
        other => other.digit().map_or_else(
            || other.to_string(),
            |digit| english_digit(digit).to_string(),
        ),
    }
}

pub(super) fn mandarin_key(key: Key) -> String {
    match key {
        Key::STAR => "星号键".to_string(),
        Key::HASH => "井号键".to_string(),
        // A key is named 一, never 幺.
        Key::ONE => "一".to_string(),
        other => other.digit().map_or_else(
            || other.to_string(),
            |digit| mandarin_digit(digit).to_string(),
        ),
    }
}

fn english_digit(digit: u8) -> &'static str {
    const NAMES: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    NAMES.get(usize::from(digit)).copied().unwrap_or_default()
}

/// As digits of a number are read on the telephone: 1 is 幺.
fn mandarin_digit(digit: u8) -> &'static str {
    const NAMES: [&str; 10] = ["零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"];
    NAMES.get(usize::from(digit)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_sentence_has_words_in_every_language() {
        for sentence in Sentence::fixed(Key::ZERO, Key::of_digit(8)) {
            for language in Language::ALL {
                let text = sentence.text(language);
                assert!(!text.trim().is_empty(), "{sentence:?} in {language}");
                let ascii = text.chars().filter(char::is_ascii_alphabetic).count();
                match language {
                    Language::En => assert!(text.is_ascii(), "{text}"),
                    Language::Zh => assert_eq!(ascii, 0, "{text}"),
                }
            }
        }
    }

    #[test]
    fn recordings_have_names_of_their_own() {
        let fixed = Sentence::fixed(Key::ZERO, Key::of_digit(8));
        let names: std::collections::BTreeSet<String> = fixed.iter().map(Sentence::audio).collect();
        assert_eq!(names.len(), fixed.len());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(
            names.iter().all(|name| name.chars().all(plain)),
            "{names:?}"
        );
        for name in [
            "human_offer_0",
            "human_offer_star",
            "digit_7",
            "digits_keyed_2",
            "nobody_answered",
        ] {
            assert!(names.contains(name), "{name}");
        }
        assert!(names.contains("choices_1_try_again_2_callback_3_back_to_bot"));
    }

    #[test]
    fn the_offer_names_its_key() {
        let offer = |symbol, language| {
            let key = Key::from_char(symbol).expect("a telephone key");
            Sentence::HumanOffer { key }.text(language)
        };
        assert_eq!(
            offer('0', Language::En),
            "Press zero at any time to speak to a person."
        );
        assert_eq!(
            offer('*', Language::En),
            "Press star at any time to speak to a person."
        );
        assert_eq!(offer('9', Language::Zh), "您可以随时按九转人工服务。");
        assert_eq!(offer('*', Language::Zh), "您可以随时按星号键转人工服务。");
    }
}
