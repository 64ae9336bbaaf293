use super::*;
use crate::call::example_call::law_4;
use proptest::prelude::*;

#[test]
fn the_example_of_law_4() {
    let record = CallRecord::fold(&law_4()).expect("there are events");
    assert_eq!(
        (record.steps, record.depth_at_end, record.max_depth),
        (6, 2, 3)
    );
    assert_eq!(
        (record.steps_at_human_key, record.depth_at_human_key),
        (Some(6), Some(2))
    );
    assert_eq!(record.seconds_to_human_offer, Some(4.2));
    assert_eq!(record.seconds_to_human_key, Some(33.5));
    assert_eq!(record.seconds_to_ringing, Some(34.5));
    assert_eq!(record.seconds_to_answer, Some(38.0));
    assert_eq!(record.seconds_to_confirmed, Some(41.0));
    assert_eq!(record.seconds, 90.0);
    assert_eq!(
        (record.keys, record.no_inputs, record.no_matches),
        (3, 1, 1)
    );
    assert_eq!(record.outcome, Outcome::TransferredConfirmed);
    assert_eq!(record.ended_by, Some(EndedBy::Agent));
    let [busy, reached] = &record.attempts[..] else {
        panic!("two targets were tried");
    };
    assert_eq!(
        (busy.status, busy.failure),
        (Some(486), Some(TargetFailure::Busy))
    );
    assert_eq!(
        (reached.seconds_to_answer, reached.failure),
        (Some(38.0), None)
    );
    assert_eq!((record.events, record.events_missing), (33, 0));
    assert!(!record.recovered);
}

#[test]
fn a_call_whose_process_died_has_a_record_up_to_its_last_event() {
    let mut entries = law_4();
    entries.truncate(13);
    let record = CallRecord::fold(&entries).expect("there are events");
    assert!(record.recovered);
    assert_eq!((record.outcome, record.ended_by), (Outcome::Dropped, None));
    assert_eq!((record.seconds, record.steps), (20.0, 4));
}

#[test]
fn lost_events_are_counted_and_the_rest_is_told() {
    let mut entries = law_4();
    entries.drain(0..3);
    entries.remove(5);
    let record = CallRecord::fold(&entries).expect("there are events");
    assert_eq!(record.events_missing, 4);
    assert_eq!(
        (record.steps, record.outcome),
        (6, Outcome::TransferredConfirmed)
    );
}

/// The example call with these events after its first, a second apart.
fn with(events: Vec<Event>) -> CallRecord {
    let first = law_4().remove(0);
    let entry = |(at, event): (usize, Event)| Entry {
        seq: at as u32,
        at_ms: first.at_ms + 1_000 * at as u64,
        event,
        ..first.clone()
    };
    let events = std::iter::once(first.event.clone()).chain(events);
    let entries: Vec<Entry> = events.enumerate().map(entry).collect();
    CallRecord::fold(&entries).expect("there are events")
}

fn queued(position: u32) -> Event {
    Event::Queued {
        handoff: "support".into(),
        position,
        estimate_s: None,
    }
}

fn tried(attempt: u32) -> Event {
    Event::TargetTried {
        attempt,
        handoff: "support".into(),
        target: "sip:a@b".into(),
        way: TransferWay::Bridged,
    }
}

#[test]
fn the_time_in_line_is_that_in_which_nobody_was_rung() {
    let failed = Event::TargetFailed {
        attempt: 1,
        status: Some(486),
        reason: TargetFailure::Busy,
    };
    let record = with(vec![
        queued(3),
        queued(2),
        tried(1),
        failed,
        queued(1),
        tried(2),
    ]);
    assert_eq!(record.place_in_line, Some(3));
    assert_eq!(record.seconds_in_line, Some(3.0));
    assert_eq!(with(vec![tried(1)]).seconds_in_line, None);
    // Who left it waits no more, whatever they do then.
    let message = Event::MessageStarted {
        handoff: "support".into(),
        wish: None,
        file: None,
    };
    let left = with(vec![queued(1), Event::LineLeft, Event::MediaFlows, message]);
    assert_eq!(left.seconds_in_line, Some(1.0));
    // The process died while they waited.
    let died = with(vec![queued(2), queued(1), Event::MediaFlows]);
    assert!(died.recovered);
    assert_eq!(died.seconds_in_line, Some(2.0));
}

#[test]
fn who_answered_and_did_not_take_the_call_is_no_person() {
    let answered = |attempt| Event::TargetAnswered {
        attempt,
        briefed: false,
    };
    let not_taken = |reason| Event::TargetFailed {
        attempt: 1,
        status: None,
        reason,
    };
    let not_accepted = not_taken(TargetFailure::NotAccepted);
    let voicemail = vec![tried(1), answered(1), not_accepted];
    assert_eq!(with(voicemail.clone()).person(), None);
    let caller_went = not_taken(TargetFailure::Cancelled);
    assert_eq!(
        with(vec![tried(1), answered(1), caller_went]).person(),
        None
    );
    let then = [voicemail, vec![tried(2), answered(2)]].concat();
    let spoken = with(then);
    assert_eq!(spoken.person(), Some(Person::Answered));
    let second = spoken.attempts[1].seconds_to_answer;
    assert!(second > spoken.attempts[0].seconds_to_answer);
    assert_eq!(spoken.seconds_to_person(), second, "not of the voicemail");
}

/// The process died while they were asked for the accept key: the caller heard nobody.
#[test]
fn who_was_only_told_whose_call_it_is_is_no_person() {
    let briefed = Event::TargetAnswered {
        attempt: 1,
        briefed: true,
    };
    let died = with(vec![tried(1), briefed.clone()]);
    assert_eq!((died.person(), died.seconds_to_person()), (None, None));
    assert_eq!(died.outcome, Outcome::Dropped);
    assert_eq!(died.seconds_to_answer, Some(2.0), "something answered");
    let confirmed = Event::TargetConfirmed { attempt: 1 };
    let taken = with(vec![tried(1), briefed, confirmed]);
    assert_eq!(taken.person(), Some(Person::Confirmed));
    assert_eq!(taken.seconds_to_person(), Some(3.0));
    assert_eq!(taken.outcome, Outcome::TransferredConfirmed);
}

/// Journals of before it was told who is only briefed.
#[test]
fn an_answer_in_an_older_journal_is_one_as_before() {
    let older = r#"{"kind":"target_answered","attempt":1}"#;
    let answered: Event = serde_json::from_str(older).expect("it is read");
    let died = with(vec![tried(1), answered]);
    assert_eq!(died.person(), Some(Person::Answered));
    assert_eq!(died.outcome, Outcome::TransferredAnswered);
}

/// The person who was to be talked to by way of REFER with Replaces talks through us instead.
#[test]
fn who_talks_and_cannot_be_passed_on_to_is_a_person() {
    let by = |way| Event::TargetTried {
        attempt: 1,
        handoff: "support".into(),
        target: "sip:a@b".into(),
        way,
    };
    let refused = Event::TargetFailed {
        attempt: 1,
        status: Some(603),
        reason: TargetFailure::ReferRefused,
    };
    let told = |way| {
        let answered = Event::TargetAnswered {
            attempt: 1,
            briefed: false,
        };
        with(vec![by(way), answered, refused.clone()]).person()
    };
    assert_eq!(told(TransferWay::Attended), Some(Person::Answered));
    assert_eq!(told(TransferWay::Refer), None);
}

#[test]
fn a_callback_that_did_not_reach_the_caller_served_nobody() {
    let begun = Event::CallbackBegun {
        of: CallRef::nil(),
        attempt: 1,
        wish: None,
    };
    let confirmed = Event::TargetConfirmed { attempt: 1 };
    let missed = vec![begun.clone(), tried(1), confirmed.clone()];
    assert_eq!(with(missed).person(), None);
    let answered = Event::CallAnswered {
        codec: "PCMA".into(),
        keys_by: KeySource::TelephoneEvent,
    };
    let reached = vec![begun, tried(1), confirmed, answered];
    assert_eq!(with(reached).person(), Some(Person::Confirmed));
}

#[test]
fn no_events_make_no_record() {
    assert_eq!(CallRecord::fold(&[]), None);
}

#[test]
fn a_record_is_read_back_from_json_as_it_was() {
    let record = CallRecord::fold(&law_4()).expect("there are events");
    let json = serde_json::to_string(&record).expect("serializes");
    assert_eq!(
        serde_json::from_str::<CallRecord>(&json).expect("reads"),
        record
    );
}

#[test]
fn a_value_that_the_caller_took_back_is_not_told() {
    let mut entries = law_4();
    let filled = |entry: &Entry| matches!(entry.event, Event::SlotFilled { .. });
    let at = entries.iter().position(filled).expect("there is one");
    let Event::SlotFilled { slot, .. } = entries[at].event.clone() else {
        panic!("it is one");
    };
    let record = CallRecord::fold(&entries).expect("there are events");
    assert!(record.slots.contains_key(&slot));
    entries[at + 1].event = Event::SlotCleared { slot };
    let record = CallRecord::fold(&entries).expect("there are events");
    assert!(record.slots.is_empty());
}

#[test]
fn a_desk_that_was_closed_is_in_the_record() {
    let mut entries = law_4();
    let busy = |entry: &Entry| matches!(entry.event, Event::TargetFailed { .. });
    let at = entries.iter().position(busy).expect("one was busy");
    let handoff = "night".to_string();
    entries[at].event = Event::HandoffClosed { handoff };
    let record = CallRecord::fold(&entries).expect("there are events");
    assert_eq!(record.closed_handoffs, ["night"]);
}

/// Written before there were paces and closed desks.
#[test]
fn an_older_record_is_read() {
    let record = CallRecord::fold(&law_4()).expect("there are events");
    let mut json = serde_json::to_value(&record).expect("serializes");
    let mut remove = |name| json.as_object_mut().and_then(|it| it.remove(name));
    assert_eq!(remove("pace"), Some("usual".into()));
    assert_eq!(remove("closed_handoffs"), Some(serde_json::json!([])));
    assert_eq!(
        serde_json::from_value::<CallRecord>(json).expect("reads"),
        record
    );
}

proptest! {
    /// Any of the example's events, in any order and number, at any time.
    #[test]
    fn any_events_fold_to_one_record(
        picks in prop::collection::vec((any::<u32>(), any::<u64>(), 0usize..33), 1..60),
    ) {
        let example = law_4();
        let entries: Vec<Entry> = picks
            .into_iter()
            .map(|(seq, at_ms, pick)| Entry { seq, at_ms, ..example[pick].clone() })
            .collect();
        let record = CallRecord::fold(&entries).expect("there are events");
        prop_assert!(Outcome::ALL.contains(&record.outcome));
        prop_assert!(record.seconds >= 0.0);
        prop_assert!(record.events as usize <= entries.len());
    }
}
