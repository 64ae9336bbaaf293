//! Every rule that an operator's file can break: its stable id, how grave it is, and why it is there.

use super::Severity::{self, Error, Warning};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Kebab-case; never renamed, never given another meaning.
    pub id: &'static str,
    pub severity: Severity,
    /// Why it matters, in a sentence or two.
    pub why: &'static str,
}

macro_rules! rules {
    ($($name:ident = $severity:ident $id:literal $why:literal;)*) => {
        $(pub const $name: Rule = Rule { id: $id, severity: $severity, why: $why };)*

        /// In the order of the documentation.
        pub const ALL: &[Rule] = &[$($name),*];
    };
}

rules! {
    // The text of the file.
    FILE_UNREADABLE = Error "file-unreadable" "A file that cannot be read cannot be judged.";
    NOT_OURS = Error "neither-dialplan-nor-config" "Only dialplans and configs can be judged; to pass another file would say that it is good.";
    TOO_LARGE = Error "too-large" "Files are bounded, so that a hostile or damaged one cannot hold up a server.";
    YAML_SYNTAX = Error "yaml-syntax" "The text is not YAML, so nothing after this place can be understood.";
    YAML_COMMENT = Error "yaml-comment" "In YAML, ` #` begins a comment: the rest of the sentence would never be spoken.";
    YAML_ALIAS = Error "yaml-alias" "In YAML, `*` at the beginning of a value means an alias of another value; dialplans have none, because they can blow up without bound.";
    YAML_ANCHOR = Error "yaml-anchor" "In YAML, `&` at the beginning of a value names it for aliases; dialplans have none, because they can blow up without bound.";
    YAML_TAG = Error "yaml-tag" "In YAML, `!` at the beginning of a value gives it a type; here every value is read as text, and its place gives the type.";
    YAML_BRACES = Error "yaml-braces" "In YAML, `{` at the beginning of a value opens a mapping, so a template there has to be quoted.";
    YAML_COLON = Error "yaml-colon" "In YAML, a colon and a space inside an unquoted value read as another key.";
    YAML_QUOTE = Error "yaml-quote" "In YAML, the next quote of the same kind ends a quoted text, and between double quotes a backslash begins a code.";
    YAML_COMMA = Error "yaml-comma" "Between `{` and `}` a comma ends the value: the rest of the sentence would never be spoken.";
    YAML_INDICATOR = Error "yaml-indicator" "This character has a meaning of its own at the beginning of a YAML value, so the value has to be quoted.";
    YAML_TAB = Error "yaml-tab" "Tabs, and spaces of other kinds, have no fixed width: only plain spaces show what belongs to what.";
    YAML_BOOLEAN = Warning "yaml-boolean" "Zeroline reads every value as text, but editors and other tools read a bare yes, no, on or off as true or false.";
    YAML_OCTAL = Warning "yaml-octal" "Zeroline reads every value as text, but editors and other tools read a bare number with a leading zero as another number.";
    DUPLICATE_KEY = Error "duplicate-key" "Only one of two equal keys could count, and nobody could tell which.";

    // The shape of the file.
    UNKNOWN_FIELD = Error "unknown-field" "A field that nobody reads is a promise that nobody keeps: most often it is misspelt.";
    MISSING_FIELD = Error "missing-field" "Without it, this part cannot work.";
    WRONG_TYPE = Error "wrong-type" "Another kind of value is needed here.";
    BAD_VALUE = Error "bad-value" "The value has a form that cannot be used here.";
    OUT_OF_RANGE = Error "out-of-range" "The value is outside the limits within which callers are served well.";
    NODE_KIND = Error "node-kind" "Each node does exactly one thing, so that a call's path can be told.";
    BAD_NAME = Error "bad-name" "Names are used in templates, records and addresses: they are of small letters, digits and underscores, and begin with a letter.";
    RESERVED_NAME = Error "reserved-name" "The engine itself gives this name a meaning.";
    TOO_MANY = Error "too-many" "Dialplans are bounded, so that a call's work is.";

    // What the file refers to.
    UNKNOWN_NODE = Error "unknown-node" "A caller who takes this way would fall into nothing.";
    UNKNOWN_SLOT = Error "unknown-slot" "The question would have nothing to fill.";
    UNKNOWN_HANDOFF = Error "unknown-handoff" "The caller would be passed on to nobody.";
    UNKNOWN_HOLIDAYS = Error "unknown-holidays" "On these days callers would be passed on to people who are not there.";
    UNKNOWN_LANGUAGE = Error "unknown-language" "The engine's own sentences, the human offer first of all, exist only in the languages it knows.";

    // Law 1 and 2: a person by one key, and no dead end.
    HUMAN_KEY = Error "human-key" "Callers know 0, and 9 where 0 is taken, as the way to a person; it has to be the same key everywhere.";
    HUMAN_KEY_REBOUND = Error "human-key-rebound" "The human key means a person in every node, and 0 never means anything else.";
    HUMAN_KEY_MISNAMED = Error "human-key-misnamed" "While digits are keyed that may contain it, that key is a digit: the person is at `*`, and the engine says so.";
    RESERVED_KEY = Error "reserved-key" "`*` goes back (or to a person while digits are keyed) and `#` ends input, in every node.";
    ELDER_KEY = Error "elder-key" "The key for slower speech is told once and means the same wherever one key answers: so it is none to which the engine or a question gives another meaning.";
    AGENTS_WITHOUT_SKILLS = Warning "agents-without-skills" "Only the handoff's other targets are ever rung.";
    ACCEPT_BY_REFER = Warning "accept-by-refer" "A voicemail that answers would have the call.";
    TALKS_UNSEEN = Warning "talks-unseen" "Once a call is passed on by REFER, nobody here sees how long they talk: who talks counts as free, and how long others wait cannot be told.";
    AGENTS_ARE_BRIDGED = Warning "agents-are-bridged" "An exchange does not know the addresses of those who register here, so it cannot pass a caller on to them.";
    LIMIT_OF_AGENT = Warning "limit-of-agent" "Who registers here is one person, and is rung only while they have no call.";
    HANDOFF_WITHOUT_TARGET = Error "handoff-without-target" "The human key would ring nobody.";
    TARGET_NOT_ALLOWED = Error "target-not-allowed" "Calls are passed on only to targets that the config allows, so that nobody can make the server call at the operator's cost.";
    BAD_TARGET = Error "bad-target" "It is no address that can be rung.";
    HANDOFF_CYCLE = Error "handoff-cycle" "When nobody answers, the caller would be sent round in a circle.";
    HANDOFF_DEAD_END = Error "handoff-dead-end" "When nobody answers or it is out of hours, there must be a callback or a message: \"busy\" is not an answer.";
    HANGUP_WITHOUT_OFFER = Error "hangup-without-offer" "The call would end before the caller has been told how to reach a person.";
    HUMAN_ONLY_ANSWERED = Error "human-only-answered" "What was marked as business for people only would be ended by the bot.";
    HANDOFF_UNUSED = Warning "handoff-unused" "No caller can ever reach these people.";
    HOLIDAY_OVER = Warning "holiday-over" "A date that is past closes nothing any more, and this year's may be missing: callers would wait for people who are not there.";

    // The paths.
    UNREACHABLE_NODE = Warning "unreachable-node" "No caller can ever come here.";
    DEAD_END = Error "dead-end" "The caller would be left in silence.";
    ENDLESS_LOOP = Error "endless-loop" "The bot would go round without ever listening to the caller.";
    NO_WAY_ON = Error "no-way-on" "Whatever the caller presses, the call stands still: only the human key leads out.";
    NO_WAY_BACK = Warning "nothing-to-go-back-to" "Where no menu came before, `back` rings a person.";

    // The limits of what people can follow.
    ANSWER_EXPIRED = Warning "answer-expired" "An answer that may be wrong by now is not told: callers get a person.";
    ANSWER_EXPIRES_SOON = Warning "answer-expires-soon" "From its last day on, callers get a person instead of the answer.";
    MENU_TOO_DEEP = Error "menu-too-deep" "Callers get lost in deep menus.";
    TOO_MANY_OPTIONS = Error "too-many-options" "People cannot keep more choices in mind.";
    NO_OPTIONS = Error "no-options" "A menu without choices is a dead end.";
    PROMPT_TOO_LONG = Error "prompt-too-long" "Callers wait for all of it before they hear that they can have a person.";

    // What is said.
    MISSING_LANGUAGE = Error "missing-language" "Callers in that language would hear nothing.";
    MISSING_PROMPT = Error "missing-prompt" "There is neither a text nor a recording: callers would hear nothing.";
    MISSING_RECORDING = Warning "missing-recording" "The text is synthesized instead, in another voice than the recordings around it.";
    MISSING_MUSIC = Warning "missing-music" "Music has no words that could be said instead: who waits hears the engine's own.";
    BROKEN_RECORDING = Error "broken-recording" "Callers would hear nothing, so a server does not start with it.";
    NO_VOICE = Error "no-voice" "There is no recording and no synthesizer for this language: callers would hear nothing.";
    GREETING_NOT_AUTOMATIC = Error "greeting-not-automatic" "Callers have a right to know that a machine answers.";
    GREETING_NOT_RECORDED = Error "greeting-not-recorded" "Callers must be told that they are recorded before they are.";
    PROMISE_OF_A_PERSON = Warning "promise-of-a-person" "The engine tells callers that they are connected, and how long they wait, when it is so; a prompt that says it may be wrong.";
    TEXT_NOT_HEARD = Warning "text-not-heard" "Words cannot be keyed: where no recognizer takes them down, the question leads to a person each time.";
    MENU_WITHOUT_KEY = Warning "menu-without-key" "Callers can only press what they have heard.";

    // Templates, conditions, lookups.
    BAD_TEMPLATE = Error "bad-template" "It would fail in the middle of a call.";
    BAD_CONDITION = Error "bad-condition" "It would fail in the middle of a call.";
    UNKNOWN_VARIABLE = Error "unknown-variable" "Nothing in this dialplan gives it a value.";
    UNKNOWN_FILTER = Error "unknown-filter" "It would fail in the middle of a call.";
    UNKNOWN_SAY_AS = Error "unknown-say-as" "It would fail in the middle of a call.";
    SENSITIVE_SPOKEN = Error "sensitive-spoken" "What is sensitive is never said aloud, nor kept in a text to be spoken.";
    SENSITIVE_SENT = Warning "sensitive-sent" "What is sensitive ends up in the logs of every server that an address or header passes; a POST body does not.";
    HTTP_NOT_SECURE = Error "http-not-secure" "Callers' data would cross the network in clear text.";

    // The config file.
    LISTEN_EXPOSED = Warning "listen-exposed" "The whole internet could send calls here: scanners find such a server within minutes.";
    CONSOLE_EXPOSED = Warning "console-exposed" "What callers said in their messages is heard there; and agents who are sent away are not rung, so that callers wait for nobody.";
    CALLBACKS_TO_ANYBODY = Warning "callbacks-to-anybody" "A caller may say that they call from any number, also one that costs a lot: it would be called at the operator's cost (toll fraud).";
    NO_DIALPLAN = Error "no-dialplan" "Without a dialplan there is nothing to say to callers, so a server does not start.";
    MISSING_FOLDER = Warning "missing-folder" "No recording in it can be played: texts are synthesized instead.";
    NO_FOLDER = Error "not-a-folder" "Files can only be read and kept in a folder.";
    SERVICE_UNUSED = Warning "service-unused" "A service elsewhere that is described and never chosen is never asked.";
    PASSWORD_UNKNOWN = Warning "password-unknown" "A server starts without it, and then what needs it does not work.";
    PASSWORD_IN_CONFIG = Warning "password-in-config" "Whoever reads, copies or backs up the config has the password too.";
    CONFIG_CONFLICT = Error "config-conflict" "These two settings cannot both hold.";
}

/// The rule of that id.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_kebab_case_and_say_why() {
        for (at, rule) in ALL.iter().enumerate() {
            assert!(
                rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{}",
                rule.id
            );
            assert!(rule.why.ends_with('.'), "{}", rule.id);
            assert!(
                ALL[..at].iter().all(|other| other.id != rule.id),
                "{}",
                rule.id
            );
        }
    }
}
