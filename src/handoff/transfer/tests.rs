use super::*;
use crate::language::Language;

mod truth;

fn target(name: &str, way: Way) -> Try {
    Try {
        handoff: "support".into(),
        target: format!("sip:{name}@example.com"),
        timeout: Duration::from_secs(25),
        way,
        accept: false,
        then_keys: None,
        allowed: true,
        limit: None,
        languages: Vec::new(),
        is_agent: false,
    }
}

/// A transfer that the distributor has not answered yet.
fn start(now: Instant) -> Transfer {
    Transfer::start(now, plan(), (now, 1), 0)
}

fn callback() -> Plan {
    let mut plan = plan();
    plan.for_callback(false);
    plan
}

fn plan() -> Plan {
    Plan {
        dialplan: "parcel".into(),
        handoff: "support".into(),
        language: Language::En,
        calls_back: false,
        caller_first: false,
        desks: Vec::new(),
        closed_last: Vec::new(),
        empty_because: ReturnReason::OutOfHours,
    }
}

/// One that rings these.
fn ringing(now: Instant, tries: Vec<Try>) -> Transfer {
    let mut transfer = start(now);
    offer(&mut transfer, now, tries);
    transfer
}

fn offer(transfer: &mut Transfer, now: Instant, tries: Vec<Try>) {
    let passed = Passed::default();
    tell(transfer, now, Answer::Ring { tries, passed });
}

fn tell(transfer: &mut Transfer, now: Instant, answer: Answer) {
    transfer.handle_input(now, Input::Distributor(answer));
}

fn waiting(position: u32) -> Answer {
    Answer::Waiting {
        handoff: "support".into(),
        position,
        estimate: None,
        passed: Passed::default(),
    }
}

/// All outputs but what is logged.
fn outputs(transfer: &mut Transfer) -> Vec<Output> {
    std::iter::from_fn(|| transfer.poll_output())
        .filter(|output| !matches!(output, Output::Log(_)))
        .collect()
}

fn logged(transfer: &mut Transfer) -> Vec<Event> {
    let logged = std::iter::from_fn(|| transfer.poll_output());
    let logged = logged.filter_map(|output| match output {
        Output::Log(event) => Some(event),
        _ => None,
    });
    logged.collect()
}

fn dial(attempt: u32, name: &str) -> Output {
    Output::Dial {
        attempt,
        target: format!("sip:{name}@example.com"),
    }
}

fn failed(name: &str, why: Failed) -> Output {
    Output::Desk(Request::Failed {
        target: format!("sip:{name}@example.com"),
        why,
    })
}

fn answered(name: &str) -> Output {
    Output::Desk(Request::Answered {
        target: format!("sip:{name}@example.com"),
    })
}

fn bridge(attempt: u32) -> Output {
    Output::Bridge {
        attempt,
        then_keys: None,
        attended: false,
    }
}

fn failure(attempt: u32, status: Option<u16>, reason: TargetFailure) -> Event {
    Event::TargetFailed {
        attempt,
        status,
        reason,
    }
}

#[test]
fn who_is_named_is_rung_and_joined() {
    let now = Instant::now();
    let mut transfer = start(now);
    let [
        Output::Sound(WaitingSound::Comfort),
        Output::Desk(Request::Seek { .. }),
    ] = &outputs(&mut transfer)[..]
    else {
        panic!("the distributor is asked");
    };
    offer(&mut transfer, now, vec![target("a", Way::Default)]);
    assert_eq!(
        outputs(&mut transfer),
        [dial(1, "a"), Output::Say(Sentence::Connecting)]
    );
    let (attempt, status) = (1, 180);
    transfer.handle_input(now, Input::Progress { attempt, status });
    let rings = Output::Sound(WaitingSound::RingBack);
    assert_eq!(outputs(&mut transfer), [rings]);
    transfer.handle_input(now, Input::Answered { attempt });
    assert_eq!(outputs(&mut transfer), [answered("a"), bridge(1)]);
    assert_eq!(transfer.next_timeout(), None);
}

#[test]
fn who_is_named_to_a_callback_is_rung_when_the_caller_is_there() {
    let now = Instant::now();
    let mut transfer = Transfer::start(now, callback(), (now, 1), 0);
    outputs(&mut transfer);
    offer(&mut transfer, now, vec![target("a", Way::Default)]);
    let there = Output::Desk(Request::CallerIsThere);
    assert_eq!(outputs(&mut transfer)[..2], [there, dial(1, "a")]);
    let (attempt, status) = (1, Some(486));
    transfer.handle_input(now, Input::Failed { attempt, status });
    outputs(&mut transfer);
    offer(&mut transfer, now, vec![target("b", Way::Default)]);
    assert_eq!(outputs(&mut transfer)[0], dial(2, "b"), "they stay");
}

#[test]
fn it_rings_by_180_alone_and_each_status_is_logged_once() {
    let now = Instant::now();
    let mut transfer = ringing(now, vec![target("a", Way::Default)]);
    outputs(&mut transfer);
    let attempt = 1;
    for status in [183, 181, 182] {
        transfer.handle_input(now, Input::Progress { attempt, status });
        let event = Event::TargetProgress { attempt, status };
        assert_eq!(transfer.poll_output(), Some(Output::Log(event)));
        assert_eq!(transfer.poll_output(), None, "it does not ring");
    }
    for status in [180, 180, 183] {
        transfer.handle_input(now, Input::Progress { attempt, status });
    }
    let status = 180;
    let event = Event::TargetRinging { attempt, status };
    assert_eq!(transfer.poll_output(), Some(Output::Log(event)));
    let rings = Output::Sound(WaitingSound::RingBack);
    assert_eq!(transfer.poll_output(), Some(rings));
    assert_eq!(transfer.poll_output(), None);
    let status = 182;
    transfer.handle_input(now, Input::Progress { attempt, status });
    let waits = Output::Sound(WaitingSound::Comfort);
    assert_eq!(transfer.poll_output(), Some(waits));
}

#[test]
fn a_target_that_does_not_answer_is_cancelled_and_the_next_rung() {
    let now = Instant::now();
    let mut transfer = ringing(now, vec![target("a", Way::Default)]);
    outputs(&mut transfer);
    transfer.handle_timeout(now + Duration::from_secs(24));
    assert_eq!(outputs(&mut transfer), []);
    transfer.handle_timeout(now + Duration::from_secs(25));
    let cancelled = [Output::Cancel { attempt: 1 }, failed("a", Failed::Itself)];
    assert_eq!(outputs(&mut transfer), cancelled);
    offer(&mut transfer, now, vec![target("b", Way::Default)]);
    let next = [dial(2, "b"), Output::Say(Sentence::StillTrying)];
    assert_eq!(outputs(&mut transfer), next);
    let (attempt, status) = (2, Some(486));
    transfer.handle_input(now, Input::Failed { attempt, status });
    assert_eq!(outputs(&mut transfer), [failed("b", Failed::Itself)]);
    let (reason, passed) = (ReturnReason::NobodyAnswered, Passed::default());
    tell(&mut transfer, now, Answer::NobodyLeft { reason, passed });
    assert_eq!(outputs(&mut transfer), [Output::Return(reason)]);
    assert_eq!(transfer.attempts(), 2);
}

#[test]
fn of_all_that_ring_the_first_who_answers_has_the_call() {
    let now = Instant::now();
    let all = ["a", "b", "c"].map(|name| target(name, Way::Default));
    let mut transfer = ringing(now, all.to_vec());
    outputs(&mut transfer);
    let (attempt, status) = (3, 180);
    transfer.handle_input(now, Input::Progress { attempt, status });
    let (attempt, status) = (3, Some(486));
    transfer.handle_input(now, Input::Failed { attempt, status });
    assert_eq!(
        outputs(&mut transfer),
        [
            Output::Sound(WaitingSound::RingBack),
            failed("c", Failed::Itself),
            Output::Sound(WaitingSound::Comfort),
        ],
        "who rang does so no more"
    );
    transfer.handle_input(now, Input::Answered { attempt: 2 });
    assert_eq!(
        outputs(&mut transfer),
        [
            Output::Cancel { attempt: 1 },
            failed("a", Failed::NotWanted),
            answered("b"),
            bridge(2),
        ]
    );
    transfer.handle_input(now, Input::Answered { attempt: 1 });
    assert_eq!(outputs(&mut transfer), [], "it came too late");
}

fn accepting(now: Instant) -> Transfer {
    let one = Try {
        accept: true,
        languages: vec![Language::Zh],
        ..target("a", Way::Default)
    };
    let mut transfer = ringing(now, vec![one]);
    outputs(&mut transfer);
    transfer.handle_input(now, Input::Answered { attempt: 1 });
    let answered = Event::TargetAnswered {
        attempt: 1,
        briefed: true,
    };
    assert_eq!(transfer.poll_output(), Some(Output::Log(answered)));
    let (attempt, languages) = (1, vec![Language::Zh]);
    assert_eq!(
        outputs(&mut transfer),
        [Output::Brief { attempt, languages }]
    );
    transfer
}

#[test]
fn who_answers_takes_the_call_by_the_accept_key() {
    let now = Instant::now();
    let mut transfer = accepting(now);
    transfer.handle_input(now, Input::Accepted { attempt: 1 });
    let confirmed = Event::TargetConfirmed { attempt: 1 };
    assert_eq!(transfer.poll_output(), Some(Output::Log(confirmed)));
    assert_eq!(outputs(&mut transfer), [answered("a"), bridge(1)]);
}

#[test]
fn who_does_not_take_the_call_does_not_have_it() {
    let now = Instant::now();
    let (attempt, reason) = (1, TargetFailure::NotAccepted);
    let mut silent = accepting(now);
    silent.handle_timeout(now + Duration::from_secs(21));
    assert_eq!(logged(&mut silent), [failure(1, None, reason)]);

    let mut gone = accepting(now);
    let status = None;
    gone.handle_input(now, Input::Failed { attempt, status });
    assert_eq!(logged(&mut gone), [failure(1, None, reason)]);

    let mut unwilling = accepting(now);
    unwilling.handle_input(now, Input::Declined { attempt });
    let cancelled = [Output::Cancel { attempt }, failed("a", Failed::Itself)];
    assert_eq!(outputs(&mut unwilling), cancelled);
}

#[test]
fn an_agent_who_registers_here_is_a_person_for_certain() {
    let now = Instant::now();
    let one = Try {
        is_agent: true,
        ..target("a", Way::Default)
    };
    let mut transfer = ringing(now, vec![one]);
    logged(&mut transfer);
    transfer.handle_input(now, Input::Answered { attempt: 1 });
    let (answered, confirmed) = (
        Event::TargetAnswered {
            attempt: 1,
            briefed: false,
        },
        Event::TargetConfirmed { attempt: 1 },
    );
    assert_eq!(logged(&mut transfer), [answered, confirmed]);
}

#[test]
fn who_waits_is_told_and_then_connected() {
    let now = Instant::now();
    let mut transfer = start(now);
    outputs(&mut transfer);
    tell(&mut transfer, now, waiting(2));
    let (position, estimate) = (2, None);
    assert_eq!(
        outputs(&mut transfer),
        [
            Output::Sound(WaitingSound::Music),
            Output::InLine { position, estimate }
        ]
    );
    assert_eq!(transfer.next_timeout(), None);
    offer(&mut transfer, now, vec![target("a", Way::Default)]);
    assert_eq!(
        outputs(&mut transfer),
        [
            Output::NextInLine,
            dial(1, "a"),
            Output::Sound(WaitingSound::Comfort),
            Output::Say(Sentence::Connecting)
        ]
    );
}

#[test]
fn what_was_passed_over_is_logged() {
    let now = Instant::now();
    let mut transfer = start(now);
    logged(&mut transfer);
    let (reason, handoff) = (ReturnReason::OutOfHours, "night".to_string());
    let passed = Passed {
        closed: vec!["day".into()],
        none_free: vec![handoff.clone()],
    };
    tell(&mut transfer, now, Answer::NobodyLeft { reason, passed });
    let closed = Event::HandoffClosed {
        handoff: "day".into(),
    };
    assert_eq!(
        logged(&mut transfer),
        [
            closed,
            Event::NoneFree { handoff },
            Event::TransferReturned { reason }
        ]
    );
}

#[test]
fn a_distributor_that_does_not_answer_is_no_dead_end() {
    let now = Instant::now();
    let mut transfer = start(now);
    outputs(&mut transfer);
    transfer.handle_timeout(now + Duration::from_secs(2));
    let back = Output::Return(ReturnReason::NobodyAnswered);
    assert_eq!(outputs(&mut transfer), [Output::Desk(Request::Over), back]);
}

#[test]
fn a_target_that_the_config_forbids_is_never_dialled() {
    let now = Instant::now();
    let mut forbidden = target("premium", Way::Default);
    forbidden.allowed = false;
    let mut transfer = start(now);
    outputs(&mut transfer);
    offer(&mut transfer, now, vec![forbidden]);
    assert_eq!(outputs(&mut transfer), [failed("premium", Failed::Itself)]);
    offer(&mut transfer, now, vec![target("b", Way::Default)]);
    let next = [dial(2, "b"), Output::Say(Sentence::Connecting)];
    assert_eq!(outputs(&mut transfer), next);
}

/// One whose REFER is on its way.
fn referring(now: Instant) -> Transfer {
    let mut transfer = ringing(now, vec![target("a", Way::Refer)]);
    let said = Output::Say(Sentence::PassingOn);
    assert_eq!(outputs(&mut transfer).last(), Some(&said));
    transfer.handle_input(now, Input::PassingOnSaid);
    let (attempt, target) = (1, "sip:a@example.com".into());
    assert_eq!(outputs(&mut transfer), [Output::Refer { attempt, target }]);
    transfer
}

#[test]
fn a_refused_refer_is_bridged_at_once_and_none_is_sent_again() {
    let now = Instant::now();
    let mut transfer = referring(now);
    let status = Some(403);
    transfer.handle_input(now, Input::ReferRefused { status });
    let rung = outputs(&mut transfer);
    assert_eq!(rung[0], dial(2, "a"));
    assert_eq!(rung.last(), Some(&Output::NotPassedOn));
    let (attempt, status) = (2, Some(486));
    transfer.handle_input(now, Input::Failed { attempt, status });
    outputs(&mut transfer);
    offer(&mut transfer, now, vec![target("b", Way::Refer)]);
    assert_eq!(outputs(&mut transfer)[0], dial(3, "b"));
}

#[test]
fn a_refer_ends_with_its_final_notify() {
    let now = Instant::now();
    let mut transfer = referring(now);
    transfer.handle_input(now, Input::ReferAccepted);
    let target = "sip:a@example.com".into();
    let referred = Output::Desk(Request::Referred { target });
    assert_eq!(outputs(&mut transfer), [referred]);
    transfer.handle_input(now, Input::ReferEnded { status: 486 });
    let ours = [failed("a", Failed::Itself), Output::NotPassedOn];
    assert_eq!(outputs(&mut transfer), ours);

    let mut transfer = referring(now);
    transfer.handle_input(now, Input::ReferAccepted);
    assert!(transfer.is_passed_on());
    outputs(&mut transfer);
    transfer.handle_input(now, Input::ReferEnded { status: 200 });
    let over = Output::Desk(Request::HandedOver);
    assert_eq!(outputs(&mut transfer), [over, Output::HandOver]);
}

#[test]
fn an_abandoned_transfer_leaves_nothing_ringing() {
    let now = Instant::now();
    let all = ["a", "b"].map(|name| target(name, Way::Default));
    let mut transfer = ringing(now, all.to_vec());
    outputs(&mut transfer);
    transfer.abandon();
    assert_eq!(
        outputs(&mut transfer),
        [
            Output::Cancel { attempt: 1 },
            Output::Cancel { attempt: 2 },
            Output::Desk(Request::Over)
        ]
    );
    transfer.handle_input(now, Input::Answered { attempt: 1 });
    assert_eq!(outputs(&mut transfer), []);
}
