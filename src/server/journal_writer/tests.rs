use super::*;
use crate::call::example_call::started;
use crate::events::{EndedBy, Event};
use crate::journal::append::segment_path;

fn ended() -> Event {
    Event::CallEnded {
        by: EndedBy::Caller,
        reason: "BYE".into(),
    }
}

fn entry(call: u128, seq: u32, event: Event) -> Entry {
    Entry {
        call: CallRef::from_parts(1, call),
        seq,
        at_ms: u64::from(seq),
        event,
    }
}

fn open(data: &Path) -> (Journal, Recovered, Receiver<EndedCall>) {
    let (store, calls) = sync_channel(100);
    let (journal, recovered) =
        Journal::start(data, Limits::for_calls(2), store, None).expect("opens");
    (journal, recovered, calls)
}

fn segments(data: &Path) -> usize {
    let dir = std::fs::read_dir(data.join("journal")).expect("the folder is there");
    dir.count() - 1
}

#[test]
fn an_ended_call_goes_to_the_store_and_then_needs_no_journal() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (journal, recovered, calls) = open(data.path());
    assert_eq!(recovered.events, 0);
    let handle = journal.handle();
    for (seq, event) in [started(), Event::MediaFlows, ended()]
        .into_iter()
        .enumerate()
    {
        handle.append(entry(1, seq as u32, event)).expect("taken");
    }
    let call = calls.recv().expect("the call ended");
    assert_eq!(
        (call.call, call.positions.len()),
        (CallRef::from_parts(1, 1), 3)
    );
    handle.stored(call.call);
    journal.shutdown();
    assert_eq!(handle.level(), Level::Closed);
    assert!(handle.append(entry(2, 0, started())).is_err());

    let (journal, recovered, calls) = open(data.path());
    assert_eq!(
        recovered.events, 3,
        "the active segment stays until the next start"
    );
    let again = calls.recv().expect("offered again");
    journal.handle().stored(again.call);
    journal.shutdown();
    assert_eq!(segments(data.path()), 0);
}

#[test]
fn what_an_earlier_run_left_open_goes_to_the_store() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (journal, _, _calls) = open(data.path());
    journal
        .handle()
        .append(entry(1, 0, started()))
        .expect("taken");
    journal
        .handle()
        .append(entry(1, 1, Event::MediaFlows))
        .expect("taken");
    journal.shutdown();
    let (_journal, recovered, calls) = open(data.path());
    assert_eq!((recovered.calls.len(), recovered.unfinished), (1, 1));
    assert_eq!(calls.recv().expect("offered").positions.len(), 2);
}

#[test]
fn a_segment_that_cannot_be_read_waits_for_a_start_at_which_it_can() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (journal, ..) = open(data.path());
    journal
        .handle()
        .append(entry(1, 0, started()))
        .expect("taken");
    journal.shutdown();
    let segment = segment_path(&data.path().join("journal"), 1);
    let away = data.path().join("away");
    std::fs::rename(&segment, &away).expect("moves");
    // To be read, a folder is an error.
    std::fs::create_dir(&segment).expect("makes the folder");

    let (journal, recovered, calls) = open(data.path());
    assert_eq!(recovered.unreadable, [1]);
    let handle = journal.handle();
    assert!(handle.can_admit());
    handle.append(entry(2, 0, started())).expect("taken");
    handle.append(entry(2, 1, ended())).expect("taken");
    let call = calls.recv().expect("it ended").call;
    assert_eq!(call, CallRef::from_parts(1, 2));
    handle.stored(call);
    journal.shutdown();

    std::fs::remove_dir(&segment).expect("it is still there");
    std::fs::rename(&away, &segment).expect("moves");
    let (_journal, recovered, _calls) = open(data.path());
    assert_eq!(recovered.calls[0].call, CallRef::from_parts(1, 1));
}

#[test]
fn no_call_is_admitted_that_the_reserve_has_no_room_for() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (journal, ..) = open(data.path());
    let handle = journal.handle();
    let admit = |&call: &u128| {
        let admits = handle.can_admit();
        admits && handle.append(entry(call, 0, started())).is_ok()
    };
    let admitted = (0..1000).take_while(admit).count() as u128;
    assert!((2..1000).contains(&admitted), "{admitted} calls admitted");
    assert!(!handle.can_admit());
    handle
        .append(entry(0, 1, Event::MediaFlows))
        .expect("an admitted call goes on");
    for call in 0..admitted {
        handle.append(entry(call, 2, ended())).expect("taken");
    }
    handle.flush();
    assert!(handle.can_admit());
}

#[test]
fn a_folder_belongs_to_one_server() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (_journal, ..) = open(data.path());
    let (store, _calls) = sync_channel(1);
    let second = Journal::start(data.path(), Limits::for_calls(2), store, None);
    assert!(matches!(second, Err(OpenError::InUse { .. })));
}
