//! How a call went, as one of a closed list (law 5).

use serde::{Deserialize, Serialize};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    ResolvedConfirmed,
    ResolvedUnconfirmed,
    TransferredConfirmed,
    TransferredAnswered,
    TransferredUnconfirmed,
    GaveUpBeforeAnswer,
    GaveUpInMenu,
    GaveUpWhileRinging,
    GaveUpInQueue,
    CallbackBooked,
    MessageLeft,
    EndedByDialplan,
    /// Until something better is known of a call.
    #[default]
    Dropped,
    Rejected,
}

impl Outcome {
    pub const ALL: [Outcome; 14] = [
        Outcome::ResolvedConfirmed,
        Outcome::ResolvedUnconfirmed,
        Outcome::TransferredConfirmed,
        Outcome::TransferredAnswered,
        Outcome::TransferredUnconfirmed,
        Outcome::GaveUpBeforeAnswer,
        Outcome::GaveUpInMenu,
        Outcome::GaveUpWhileRinging,
        Outcome::GaveUpInQueue,
        Outcome::CallbackBooked,
        Outcome::MessageLeft,
        Outcome::EndedByDialplan,
        Outcome::Dropped,
        Outcome::Rejected,
    ];

    /// The name in records, filters and exports.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::ResolvedConfirmed => "resolved_confirmed",
            Outcome::ResolvedUnconfirmed => "resolved_unconfirmed",
            Outcome::TransferredConfirmed => "transferred_confirmed",
            Outcome::TransferredAnswered => "transferred_answered",
            Outcome::TransferredUnconfirmed => "transferred_unconfirmed",
            Outcome::GaveUpBeforeAnswer => "gave_up_before_answer",
            Outcome::GaveUpInMenu => "gave_up_in_menu",
            Outcome::GaveUpWhileRinging => "gave_up_while_ringing",
            Outcome::GaveUpInQueue => "gave_up_in_queue",
            Outcome::CallbackBooked => "callback_booked",
            Outcome::MessageLeft => "message_left",
            Outcome::EndedByDialplan => "ended_by_dialplan",
            Outcome::Dropped => "dropped",
            Outcome::Rejected => "rejected",
        }
    }

    pub fn from_name(name: &str) -> Option<Outcome> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// What it says, and what it does not.
    pub fn meaning(self) -> &'static str {
        match self {
            Outcome::ResolvedConfirmed => "the caller said that the question was answered",
            Outcome::ResolvedUnconfirmed => {
                "an answer was played to its end and nothing failed since; the caller did not say \
                 whether it helped"
            }
            Outcome::TransferredConfirmed => "the caller reached a person, which is certain",
            Outcome::TransferredAnswered => {
                "a target answered: perhaps a person, perhaps a voicemail"
            }
            Outcome::TransferredUnconfirmed => {
                "the call was passed on by REFER and we never learned how it ended"
            }
            Outcome::GaveUpBeforeAnswer => "the caller hung up before we answered",
            Outcome::GaveUpInMenu => "the caller hung up in a menu, question or prompt",
            Outcome::GaveUpWhileRinging => {
                "the caller wanted a person and hung up while one was being rung"
            }
            Outcome::GaveUpInQueue => {
                "the caller wanted a person and hung up while waiting, or at the choices after \
                 nobody could be had"
            }
            Outcome::CallbackBooked => {
                "the number is noted to be called back: the caller asked for it, or nobody could be \
                 had and they chose nothing else"
            }
            Outcome::MessageLeft => "the caller left a message",
            Outcome::EndedByDialplan => {
                "the dialplan ended the call, and no answer stood when it did"
            }
            Outcome::Dropped => "the call was lost by the network or by this server",
            Outcome::Rejected => "the call was refused before it was answered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_name() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
            let json = serde_json::to_string(&outcome).expect("serializes");
            assert_eq!(json, format!("\"{}\"", outcome.name()));
        }
        assert_eq!(Outcome::from_name("resolved"), None);
    }
}
