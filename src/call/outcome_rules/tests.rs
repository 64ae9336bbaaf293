use super::*;
use crate::events::{KeySource, StepKind, TransferWay};

/// A call told in words, one event each; the last word is who ended it, or `died`.
fn outcome_of(story: &str) -> Outcome {
    let mut rules = OutcomeRules::default();
    let mut by = None;
    for word in story.split_whitespace() {
        match word {
            "by-caller" => by = Some(EndedBy::Caller),
            "by-agent" => by = Some(EndedBy::Agent),
            "by-dialplan" => by = Some(EndedBy::Dialplan),
            "by-transfer" => by = Some(EndedBy::Transfer),
            "by-network" => by = Some(EndedBy::Network),
            "by-server" => by = Some(EndedBy::Server),
            "died" => by = None,
            word => rules.apply(&event(word)),
        }
    }
    rules.finish(by)
}

fn event(word: &str) -> Event {
    let node = || "n".to_string();
    let human = |by| Event::HumanRequested {
        by,
        node: node(),
        steps: 1,
        depth: 1,
    };
    let failed = |reason| Event::TargetFailed {
        attempt: 1,
        status: None,
        reason,
    };
    let returned = |reason| Event::TransferReturned { reason };
    match word {
        "rejected" => Event::CallRejected {
            status: 403,
            reason: String::new(),
        },
        "answered" => Event::CallAnswered {
            codec: "PCMA".into(),
            keys_by: KeySource::Info,
        },
        "menu" => Event::StepAsked {
            node: node(),
            step: StepKind::Menu,
            reprompt: false,
            steps: 1,
            depth: 1,
        },
        "no-input" => Event::NoInput {
            node: node(),
            count: 1,
        },
        "no-match" => Event::NoMatch {
            node: node(),
            count: 1,
        },
        "lookup-failed" => Event::LookupEnded {
            node: node(),
            milliseconds: 1,
            result: LookupResult::Failed {
                status: None,
                reason: String::new(),
            },
        },
        "lookup-ok" => Event::LookupEnded {
            node: node(),
            milliseconds: 1,
            result: LookupResult::Ok { status: 200 },
        },
        "answer" => Event::AnswerPlayed { node: node() },
        "yes" => Event::ResolutionConfirmed { resolved: true },
        "no" => Event::ResolutionConfirmed { resolved: false },
        "human-key" => human(RequestedBy::Key),
        "human-option" => human(RequestedBy::Dialplan),
        "queued" => Event::Queued {
            handoff: "h".into(),
            position: 1,
            estimate_s: None,
        },
        "line-left" => Event::LineLeft,
        "cancelled" => failed(TargetFailure::Cancelled),
        "tried" => Event::TargetTried {
            attempt: 1,
            handoff: "h".into(),
            target: "sip:a@b".into(),
            way: TransferWay::Bridged,
        },
        "person-answered" => Event::TargetAnswered {
            attempt: 1,
            briefed: false,
        },
        "briefed" => Event::TargetAnswered {
            attempt: 1,
            briefed: true,
        },
        "person-confirmed" => Event::TargetConfirmed { attempt: 1 },
        "refer-accepted" => Event::ReferAccepted { attempt: 1 },
        "busy" => failed(TargetFailure::Busy),
        "nobody" => returned(ReturnReason::NobodyAnswered),
        "closed" => returned(ReturnReason::OutOfHours),
        "agent-left" => returned(ReturnReason::AgentLeft),
        "choices" => Event::HandoffStepAsked {
            step: None,
            handoff_steps: 1,
        },
        "callback-begun" => Event::CallbackBegun {
            of: ulid::Ulid::nil(),
            attempt: 1,
            wish: None,
        },
        "callback" => Event::CallbackBooked {
            own_number: true,
            since_ms: None,
            number: "1".into(),
            handoff: "h".into(),
            wish: String::new(),
        },
        "message-started" => Event::MessageStarted {
            handoff: "h".into(),
            wish: None,
            file: None,
        },
        "message" => Event::MessageLeft {
            handoff: "h".into(),
            file: "f".into(),
            milliseconds: 1,
        },
        other => panic!("no event is called {other}"),
    }
}

fn check(expected: Outcome, stories: &[&str]) {
    for story in stories {
        assert_eq!(outcome_of(story), expected, "{story}");
    }
}

#[test]
fn a_callback_that_reached_nobody_is_no_transfer() {
    check(
        Outcome::Dropped,
        &["callback-begun tried person-confirmed died"],
    );
}

#[test]
fn refused_is_rejected() {
    check(Outcome::Rejected, &["rejected died"]);
}

#[test]
fn hung_up_before_our_answer() {
    check(Outcome::GaveUpBeforeAnswer, &["by-caller"]);
}

#[test]
fn a_hang_up_is_not_a_resolution() {
    check(
        Outcome::GaveUpInMenu,
        &[
            "answered by-caller",
            "answered menu by-caller",
            "answered menu answer no by-caller",
            "answered menu answer lookup-failed by-caller",
            "answered menu answer no-input by-caller",
            "answered menu answer menu no-match by-caller",
            "answered human-key nobody menu answer by-caller",
            "answered human-key nobody choices menu by-caller",
            "answered menu message-started by-caller",
            "answered menu message-started choices by-caller",
            "answered menu message-started choices message-started choices by-caller",
            "answered human-key nobody choices menu message-started choices by-caller",
        ],
    );
}

#[test]
fn an_answer_that_stands_resolves_without_being_confirmed() {
    check(
        Outcome::ResolvedUnconfirmed,
        &[
            "answered menu answer by-caller",
            "answered menu no-input menu lookup-ok answer by-caller",
            "answered menu answer by-dialplan",
            "answered menu answer menu by-caller",
            "answered lookup-failed answer by-caller",
        ],
    );
}

#[test]
fn only_the_caller_confirms() {
    check(
        Outcome::ResolvedConfirmed,
        &[
            "answered menu answer yes by-caller",
            "answered menu answer yes by-dialplan",
            "answered menu answer yes by-network",
            "answered human-key person-answered agent-left menu answer yes by-caller",
        ],
    );
}

#[test]
fn a_person_reached_is_a_transfer_whoever_hangs_up() {
    check(
        Outcome::TransferredConfirmed,
        &[
            "answered human-key tried person-answered person-confirmed by-caller",
            "answered human-key tried person-confirmed person-answered by-agent",
            "answered human-key tried person-confirmed by-network",
            "answered human-key tried person-confirmed died",
            "answered human-key tried person-confirmed agent-left choices by-caller",
            "answered human-key nobody human-key tried person-confirmed by-agent",
            "answered human-key tried briefed person-confirmed died",
        ],
    );
    check(
        Outcome::TransferredAnswered,
        &[
            "answered human-key tried person-answered by-agent",
            "answered human-key tried person-answered died",
            "answered human-key tried refer-accepted person-answered by-transfer",
            "answered message human-key tried person-answered by-caller",
        ],
    );
}

#[test]
fn a_refer_whose_end_we_never_learn() {
    check(
        Outcome::TransferredUnconfirmed,
        &[
            "answered human-key tried refer-accepted by-transfer",
            "answered human-key tried refer-accepted by-caller",
            "answered human-key tried refer-accepted died",
            "answered human-option tried by-transfer",
        ],
    );
}

#[test]
fn gave_up_where() {
    check(
        Outcome::GaveUpWhileRinging,
        &[
            "answered human-key by-caller",
            "answered menu human-option tried by-caller",
            "answered human-key tried busy tried by-caller",
            "answered human-key tried refer-accepted busy by-caller",
            "answered human-key queued tried by-caller",
            "answered human-key queued tried cancelled by-caller",
            "answered menu answer yes human-key by-caller",
            "answered human-key person-answered agent-left human-key by-caller",
            "answered message-started message human-key tried by-caller",
        ],
    );
    check(
        Outcome::GaveUpInQueue,
        &[
            "answered message-started message human-key nobody by-caller",
            "answered human-key tried busy nobody by-caller",
            "answered human-key closed choices by-caller",
            "answered human-key nobody choices message-started by-caller",
            "answered human-key queued tried cancelled line-left by-caller",
            "answered human-key queued tried person-answered cancelled line-left by-caller",
            "answered human-key queued tried cancelled line-left message-started by-caller",
            "answered human-key nobody choices message-started choices by-caller",
            "answered menu message-started choices human-key nobody choices by-caller",
            "answered human-key tried choices by-caller",
        ],
    );
}

#[test]
fn a_promise_holds_whatever_comes_after_it_but_a_person() {
    check(
        Outcome::CallbackBooked,
        &[
            "answered human-key nobody callback by-caller",
            "answered human-key nobody callback menu by-caller",
            "answered human-key closed callback human-key nobody by-network",
            "answered human-key person-answered agent-left callback by-caller",
        ],
    );
    check(
        Outcome::MessageLeft,
        &[
            "answered human-key nobody message by-dialplan",
            "answered human-key nobody callback message died",
        ],
    );
}

#[test]
fn the_dialplans_hang_up_is_no_resolution_either() {
    check(
        Outcome::EndedByDialplan,
        &[
            "answered menu by-dialplan",
            "answered answer human-option nobody by-dialplan",
        ],
    );
}

#[test]
fn what_is_our_fault_is_dropped() {
    check(
        Outcome::Dropped,
        &[
            "answered menu by-network",
            "answered menu answer by-server",
            "answered human-key tried by-network",
            "answered human-key tried briefed died",
            "answered human-key tried briefed by-server",
            "answered callback-begun tried briefed died",
            "answered menu died",
            "answered menu answer died",
            "died",
            "answered by-agent",
        ],
    );
}
