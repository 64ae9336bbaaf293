//! The demo's person: a leg that rings, answers, greets and stays until the caller hangs up, so
//! that the demo hotline needs no PBX. It is reached by a real INVITE to this server itself.

use super::announcement::Script;
use crate::dialogue::action::Content;
use crate::language::Language;
use std::time::Duration;

/// Long enough to hear that it rings.
const RINGS: Duration = Duration::from_millis(2500);

/// It says the same in one language after the other: it cannot know which one the caller speaks.
pub fn script() -> Script {
    Script {
        rings: RINGS,
        says: greeting().to_vec(),
        stays: true,
    }
}

pub fn greeting() -> [(Language, Content); 2] {
    let text = |text: &str| Content::Text {
        text: text.to_string(),
        audio: None,
    };
    [
        (
            Language::En,
            text(
                "Hello. You have reached the demo agent, which stands in for a person. \
                 Your call was connected. Hang up whenever you like.",
            ),
        ),
        (
            Language::Zh,
            text("您好，这里是演示坐席，代替真人接听。您的电话已经接通，随时可以挂断。"),
        ),
    ]
}
