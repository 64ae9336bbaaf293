//! What agents dial to say whether they take calls, and what they hear then.

use super::announcement::Script;
use crate::dialogue::action::Content;
use crate::handoff::agents::AgentState;
use crate::language::Language;
use std::time::Duration;

/// A number that only agents can dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentCode {
    /// `*1`: back from away, or done with wrapping up.
    Available,
    /// `*2`
    Away,
}

/// What an agent is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Available,
    Away,
    AwayLater,
    AvailableLater,
    NotRegistered,
}

impl AgentCode {
    pub fn of(called: &str) -> Option<AgentCode> {
        match called {
            "*1" => Some(AgentCode::Available),
            "*2" => Some(AgentCode::Away),
            _ => None,
        }
    }
}

/// What is said to who dialled the code and is in this state by it: only what is true.
pub fn script(code: AgentCode, state: AgentState, language: Language) -> Script {
    let told = match (code, state) {
        (AgentCode::Available, AgentState::Offline | AgentState::Reconnecting) => {
            Told::NotRegistered
        }
        (AgentCode::Available, AgentState::Busy) => Told::AvailableLater,
        (AgentCode::Available, _) => Told::Available,
        (AgentCode::Away, AgentState::Busy) => Told::AwayLater,
        (AgentCode::Away, _) => Told::Away,
    };
    Script {
        rings: Duration::ZERO,
        says: vec![(language, told.content(language))],
        stays: false,
    }
}

/// All that can be said, to be made into sound beforehand.
pub fn confirmations() -> impl Iterator<Item = (Language, Content)> {
    let all = [
        Told::Available,
        Told::Away,
        Told::AwayLater,
        Told::AvailableLater,
        Told::NotRegistered,
    ];
    let of = move |language| all.map(|told| (language, told.content(language)));
    Language::ALL.into_iter().flat_map(of)
}

impl Told {
    fn content(self, language: Language) -> Content {
        use Language::{En, Zh};
        let text = match (self, language) {
            (Told::Available, En) => "You are available. Calls will ring here.",
            (Told::Available, Zh) => "您现在可以接听来电。",
            (Told::Away, En) => "You are away. No calls will ring here.",
            (Told::Away, Zh) => "您已离开，来电不会转到这里。",
            (Told::AwayLater, En) => "You will be away when your call ends.",
            (Told::AwayLater, Zh) => "通话结束后，您将处于离开状态。",
            (Told::AvailableLater, En) => "You will take calls again when your call ends.",
            (Told::AvailableLater, Zh) => "通话结束后，您将继续接听来电。",
            (Told::NotRegistered, En) => {
                "Your telephone is not registered just now. Calls will ring here when it is."
            }
            (Told::NotRegistered, Zh) => "您的话机目前没有注册，注册后来电会转到这里。",
        };
        Content::Text {
            text: text.to_owned(),
            audio: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(code: AgentCode, state: AgentState, language: Language) -> String {
        match script(code, state, language).says.remove(0) {
            (spoken_in, Content::Text { text, .. }) if spoken_in == language => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_agent_hears_what_is_true_and_it_is_known_beforehand() {
        let known: Vec<(Language, Content)> = confirmations().collect();
        for language in Language::ALL {
            for (code, state) in [
                (AgentCode::Available, AgentState::Available),
                (AgentCode::Available, AgentState::Busy),
                (AgentCode::Available, AgentState::Offline),
                (AgentCode::Away, AgentState::Away),
                (AgentCode::Away, AgentState::Busy),
            ] {
                let said = script(code, state, language).says.remove(0);
                assert!(known.contains(&said), "{said:?}");
                assert_eq!(Language::of_text(&text(code, state, language)), language);
            }
        }
        let away = |state| text(AgentCode::Away, state, Language::En);
        assert!(away(AgentState::Away).starts_with("You are away"));
        assert!(away(AgentState::Offline).starts_with("You are away"));
        assert!(away(AgentState::Busy).starts_with("You will be away"));
        let back = |state| text(AgentCode::Available, state, Language::En);
        assert!(back(AgentState::Busy).starts_with("You will take calls again"));
        for away in [AgentState::Offline, AgentState::Reconnecting] {
            assert!(back(away).starts_with("Your telephone is not registered"));
        }
    }
}
