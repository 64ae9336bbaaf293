//! The engine's own sentences, in every language. Dialplans cannot change what they promise, and
//! each says only what is true when it is said (law 6).

use crate::key::Key;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sentence {
    /// "Press 0 at any time to speak to a person."
    HumanOffer {
        key: Key,
    },
    /// Before our own INVITE: "I am connecting you to a person."
    Connecting,
    /// A later target is tried: "I am still trying to reach somebody. Please stay on the line."
    StillTrying,
    /// Before a REFER: "I am passing your call on."
    PassingOn,
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
    /// After a lookup, prompt or the dialogue failed and a person is rung.
    SomethingWentWrong,
    /// "Did that answer your question? For yes, press 1. For no, press 2."
    DidThatAnswer,
    /// After the value was read back: "If that is right, press 1. To change it, press 2."
    IsThatRight,
    NobodyAnswered,
    OutOfHours,
    AgentLeft,
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
    MessageFailed,
    Goodbye,
}

/// What a caller can choose after nobody could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    TryAgain,
    Callback,
    Message,
    BackToBot,
}
