//! What callers are asked for: slots, and the kinds of their values.

use crate::diagnostic::Span;
use crate::key::Key;
use crate::language::ByLanguage;
use crate::speech::telephone_number::Country;
use crate::speech::verbaliser::money::Currency;
use jiff::civil::Time;

#[derive(Debug, Clone)]
pub struct Slot {
    pub name: String,
    pub span: Span,
    pub kind: SlotKind,
    /// Kept as count and timing only (law 8).
    pub sensitive: bool,
    /// Hand the last four digits of a sensitive slot to the agent.
    pub share_last4: bool,
    /// What to call it when it is read back, offered or handed over.
    pub label: ByLanguage<String>,
}

/// What is asked for. The canonical forms of the values are in [`crate::speech::understanding`]; what
/// each kind takes, and how it is keyed, in [`super::slot_values`].
#[derive(Debug, Clone)]
pub enum SlotKind {
    Digits(Digits),
    Number(Bounds),
    Money {
        currency: Currency,
        bounds: Bounds,
    },
    Date(Option<When>),
    /// From the first to the second, both inclusive; past midnight where the second is earlier.
    Time {
        from: Time,
        until: Time,
    },
    YesNo,
    /// Never empty.
    Choice(Vec<SlotOption>),
    Phone(Option<Country>),
    IdNumber(IdNumber),
    /// Anything that is said. It cannot be keyed: who cannot say it gets a person.
    Text,
}

/// In billionths, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub min: i128,
    pub max: i128,
}

/// Today is neither past nor future, and in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Past,
    Future,
}

/// One of the answers to a question of the kind `choice`.
#[derive(Debug, Clone)]
pub struct SlotOption {
    pub key: Key,
    pub hear: Vec<String>,
    /// What the slot holds then.
    pub value: String,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdNumber {
    /// GB 11643: eighteen digits, the last of which may be an X.
    ChineseResident,
    /// So many digits with a check digit.
    Checked {
        checksum: Checksum,
        min: u8,
        max: u8,
    },
}

#[derive(Debug, Clone)]
pub struct Digits {
    /// Both inclusive; equal for `length: 10`.
    pub min: u8,
    pub max: u8,
    pub checksum: Option<Checksum>,
    /// Ends the input before `max` digits are in; `#` by default.
    pub terminator: Key,
    /// The digits that may be keyed; the checker and the human key's rule look at whether 0 is in.
    pub alphabet: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// ISO/IEC 7812: payment cards, IMEI.
    Luhn,
    /// ISO/IEC 7064 MOD 97-10.
    Mod97,
}
