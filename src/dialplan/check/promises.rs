//! Law 6: what is told of transferring and waiting is the engine's to tell, since only it knows.

use super::Judge;
use crate::diagnostic::rules;
use crate::dialplan::template::sources::prompts;

/// In small letters.
const PROMISES: [&str; 22] = [
    "connecting you",
    "connect you now",
    "transferring you",
    "transfer you now",
    "putting you through",
    "put you through",
    "please hold",
    "stay on the line",
    "agents are busy",
    "agents are currently busy",
    "lines are busy",
    "place in the queue",
    "minutes wait",
    "will be with you shortly",
    "正在为您转接",
    "正在转接",
    "马上为您转接",
    "请不要挂机",
    "坐席忙",
    "线路忙",
    "正在排队",
    "前面还有",
];

impl Judge<'_, '_, '_> {
    pub(super) fn promises(&mut self) {
        for prompt in prompts(self.dialplan) {
            for (language, text) in prompt.text.iter() {
                let text = text.to_lowercase();
                let Some(promise) = PROMISES.iter().find(|it| text.contains(*it)) else {
                    continue;
                };
                self.report.add(
                    &rules::PROMISE_OF_A_PERSON,
                    prompt.span,
                    format!("A prompt in `{language}` says \"{promise}\", which may not be so."),
                    "Remove it: callers are told by the engine, when it is so and in their language.",
                );
            }
        }
    }
}
