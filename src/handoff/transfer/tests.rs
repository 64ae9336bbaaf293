use super::*;

fn target(name: &str, way: Way) -> Try {
    Try {
        handoff: "support".into(),
        target: format!("sip:{name}@example.com"),
        timeout: Duration::from_secs(25),
        way,
        then_keys: None,
        allowed: true,
        after_closed: Vec::new(),
    }
}

fn start(now: Instant, tries: Vec<Try>) -> Transfer {
    let plan = Plan {
        handoff: "support".into(),
        tries,
        closed_last: vec!["night".into()],
        empty_because: ReturnReason::OutOfHours,
    };
    Transfer::start(now, plan, 0)
}

/// All outputs but what is logged.
fn outputs(transfer: &mut Transfer) -> Vec<Output> {
    std::iter::from_fn(|| transfer.poll_output())
        .filter(|output| !matches!(output, Output::Log(_)))
        .collect()
}

fn dial(attempt: u32, name: &str) -> Output {
    Output::Dial {
        attempt,
        target: format!("sip:{name}@example.com"),
    }
}

#[test]
fn the_first_target_answers() {
    let now = Instant::now();
    let mut transfer = start(
        now,
        vec![target("a", Way::Default), target("b", Way::Default)],
    );
    assert_eq!(
        outputs(&mut transfer),
        [
            dial(1, "a"),
            Output::Sound(WaitingSound::Comfort),
            Output::Say(Sentence::Connecting)
        ]
    );
    transfer.handle_input(now, Input::Progress { status: 180 });
    assert_eq!(
        outputs(&mut transfer),
        [Output::Sound(WaitingSound::RingBack)]
    );
    transfer.handle_input(now, Input::Answered);
    assert_eq!(
        outputs(&mut transfer),
        [Output::Bridge {
            attempt: 1,
            then_keys: None
        }]
    );
    assert_eq!(transfer.next_timeout(), None);
}

#[test]
fn it_rings_by_180_alone_and_each_status_is_logged_once() {
    let now = Instant::now();
    let mut transfer = start(now, vec![target("a", Way::Default)]);
    outputs(&mut transfer);
    for status in [183, 181, 182] {
        transfer.handle_input(now, Input::Progress { status });
        let event = Event::TargetProgress { attempt: 1, status };
        assert_eq!(transfer.poll_output(), Some(Output::Log(event)));
        assert_eq!(transfer.poll_output(), None, "it does not ring");
    }
    for status in [180, 180, 183] {
        transfer.handle_input(now, Input::Progress { status });
    }
    let (attempt, status) = (1, 180);
    let event = Event::TargetRinging { attempt, status };
    assert_eq!(transfer.poll_output(), Some(Output::Log(event)));
    let rings = Output::Sound(WaitingSound::RingBack);
    assert_eq!(transfer.poll_output(), Some(rings));
    assert_eq!(transfer.poll_output(), None);
    transfer.handle_input(now, Input::Progress { status: 182 });
    let waits = Output::Sound(WaitingSound::Comfort);
    assert_eq!(transfer.poll_output(), Some(waits));
}

#[test]
fn a_target_that_does_not_answer_is_cancelled_and_the_next_rung() {
    let now = Instant::now();
    let mut transfer = start(
        now,
        vec![target("a", Way::Default), target("b", Way::Default)],
    );
    outputs(&mut transfer);
    transfer.handle_timeout(now + Duration::from_secs(24));
    assert_eq!(outputs(&mut transfer), []);
    transfer.handle_timeout(now + Duration::from_secs(25));
    assert_eq!(
        outputs(&mut transfer),
        [
            Output::Cancel { attempt: 1 },
            dial(2, "b"),
            Output::Say(Sentence::StillTrying)
        ]
    );
    transfer.handle_input(now, Input::Failed { status: Some(486) });
    assert_eq!(
        outputs(&mut transfer),
        [Output::Return(ReturnReason::NobodyAnswered)]
    );
    assert_eq!(transfer.attempts(), 2);
}

#[test]
fn a_closed_desk_is_logged_when_it_is_passed_over() {
    let now = Instant::now();
    let mut second = target("b", Way::Default);
    second.after_closed = vec!["day".into()];
    let mut transfer = start(now, vec![target("a", Way::Default), second]);
    let closed = |transfer: &mut Transfer| -> Vec<Event> {
        let logged = std::iter::from_fn(|| transfer.poll_output());
        let logged = logged.filter_map(|output| match output {
            Output::Log(event @ Event::HandoffClosed { .. }) => Some(event),
            _ => None,
        });
        logged.collect()
    };
    let event = |handoff: &str| Event::HandoffClosed {
        handoff: handoff.into(),
    };
    assert_eq!(closed(&mut transfer), []);
    transfer.handle_input(now, Input::Failed { status: Some(486) });
    assert_eq!(closed(&mut transfer), [event("day")]);
    transfer.handle_input(now, Input::Failed { status: Some(486) });
    assert_eq!(closed(&mut transfer), [event("night")]);
    assert_eq!(closed(&mut start(now, vec![])), [event("night")]);
}

#[test]
fn outside_hours_the_caller_is_back_at_once() {
    let mut transfer = start(Instant::now(), vec![]);
    assert_eq!(
        outputs(&mut transfer),
        [Output::Return(ReturnReason::OutOfHours)]
    );
}

#[test]
fn a_target_that_the_config_forbids_is_never_dialled() {
    let mut forbidden = target("premium", Way::Default);
    forbidden.allowed = false;
    let mut transfer = start(Instant::now(), vec![forbidden, target("b", Way::Default)]);
    assert_eq!(outputs(&mut transfer)[0], dial(2, "b"));
}

#[test]
fn a_refused_refer_is_bridged_at_once() {
    let now = Instant::now();
    let mut transfer = start(now, vec![target("a", Way::Refer)]);
    assert_eq!(
        outputs(&mut transfer),
        [
            Output::Sound(WaitingSound::Comfort),
            Output::Say(Sentence::PassingOn)
        ]
    );
    transfer.handle_input(now, Input::PassingOnSaid);
    let refer = Output::Refer {
        attempt: 1,
        target: "sip:a@example.com".into(),
    };
    assert_eq!(outputs(&mut transfer), [refer]);
    transfer.handle_input(now, Input::ReferRefused { status: Some(403) });
    assert_eq!(outputs(&mut transfer)[0], dial(2, "a"));
}

#[test]
fn a_refer_ends_with_its_final_notify() {
    let now = Instant::now();
    let mut transfer = start(
        now,
        vec![target("a", Way::Refer), target("b", Way::Bridged)],
    );
    transfer.handle_input(now, Input::PassingOnSaid);
    transfer.handle_input(now, Input::ReferAccepted);
    outputs(&mut transfer);
    transfer.handle_input(now, Input::ReferEnded { status: 486 });
    assert_eq!(outputs(&mut transfer)[0], dial(2, "b"));

    let mut transfer = start(now, vec![target("a", Way::Refer)]);
    transfer.handle_input(now, Input::PassingOnSaid);
    transfer.handle_input(now, Input::ReferAccepted);
    outputs(&mut transfer);
    transfer.handle_input(now, Input::ReferEnded { status: 200 });
    assert_eq!(outputs(&mut transfer), [Output::HandOver]);
}

#[test]
fn an_abandoned_transfer_leaves_nothing_ringing() {
    let now = Instant::now();
    let mut transfer = start(now, vec![target("a", Way::Default)]);
    outputs(&mut transfer);
    transfer.abandon();
    assert_eq!(outputs(&mut transfer), [Output::Cancel { attempt: 1 }]);
    transfer.handle_input(now, Input::Answered);
    assert_eq!(outputs(&mut transfer), []);
}
