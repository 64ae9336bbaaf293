//! The journal on a full disk: a small tmpfs, mounted in a namespace of the test's own.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use zeroline::events::{CallRef, EndedBy, Entry, Event, KeySource};
use zeroline::journal::append::Limits;
use zeroline::key::Key;
use zeroline::language::Language;
use zeroline::server::journal_writer::{Journal, JournalHandle, Level};
use zeroline::store::calls::{Store, store_path};

/// Set for the process that runs on the small disk: where it is.
const DISK: &str = "ZEROLINE_SMALL_DISK";
const CALLS: u32 = 8;
/// More than the whole reserve has room for; `journal::ledger` says what may then be left out.
const KEYS_OF_THE_MASHER: u32 = 6000;
/// About a third of a call's budget.
const KEYS: u32 = 150;

const LIMITS: Limits = Limits {
    max_calls: CALLS,
    call_budget: 0,
    segment_bytes: 256 * 1024,
};

#[test]
fn admitted_calls_keep_their_events_on_a_full_disk() {
    let disk = tempfile::tempdir().expect("a temporary folder");
    let Some(mut namespace) = namespace() else {
        eprintln!("skipped: a file system of one's own needs unshare(1) and user namespaces");
        return;
    };
    let script =
        "mount -t tmpfs -o size=8m tmpfs \"$1\" && exec \"$2\" on_a_small_disk --exact --nocapture";
    let test = std::env::current_exe().expect("this test's path");
    let output = namespace
        .args(["sh", "-c", script, "sh"])
        .args([disk.path(), &test])
        .env(DISK, disk.path())
        .output()
        .expect("unshare was found before");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("small disk: done"),
        "{told}"
    );
}

/// `unshare` with what this user needs to mount; `None` where that is not allowed.
fn namespace() -> Option<Command> {
    [&["-m"][..], &["-r", "-m"]].into_iter().find_map(|args| {
        let works = Command::new("unshare")
            .args(args)
            .args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"])
            .output();
        works.is_ok_and(|output| output.status.success()).then(|| {
            let mut command = Command::new("unshare");
            command.args(args);
            command
        })
    })
}

#[test]
fn on_a_small_disk() {
    let Ok(disk) = std::env::var(DISK) else {
        return;
    };
    let disk = PathBuf::from(disk);
    let data = disk.join("data");
    let (journal, _) = Journal::open(&data, LIMITS).expect("the journal opens");
    let handle = journal.handle();
    for number in 0..CALLS {
        handle
            .append(entry(number, 0, started()))
            .expect("the call is admitted");
    }
    handle.flush();
    let filler = fill(&disk);
    talk(&handle);
    handle.flush();
    wait_until("the full disk is seen", || {
        handle.flush();
        handle.level() == Level::NoRoom
    });
    assert!(!handle.can_admit());

    // The store cannot write either: what is in the journal now outlives this process.
    journal.shutdown();
    let (journal, recovered) = Journal::open(&data, LIMITS).expect("opens on a full disk");
    assert_eq!(
        (recovered.calls.len(), recovered.unfinished),
        (CALLS as usize, 0)
    );
    assert_eq!(recovered.lost_bytes(), 0);
    let handle = journal.handle();
    assert_eq!((handle.level(), handle.can_admit()), (Level::NoRoom, false));

    std::fs::remove_file(filler).expect("removes");
    wait_until("new calls are admitted again", || handle.can_admit());
    check_store(&data);
    journal.shutdown();
    println!("small disk: done");
}

/// Every call presses keys and ends; one presses so many that its budget is used up.
fn talk(handle: &JournalHandle) {
    for seq in 1..=KEYS_OF_THE_MASHER {
        send(handle, entry(0, seq, key()));
        for number in (1..CALLS).filter(|_| seq <= KEYS) {
            send(handle, entry(number, seq, key()));
        }
    }
    send(handle, entry(0, KEYS_OF_THE_MASHER + 1, ended()));
    for number in 1..CALLS {
        send(handle, entry(number, KEYS + 1, ended()));
    }
}

fn check_store(data: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let path = store_path(data);
    for number in 0..CALLS {
        let call = call(number);
        let mut record = None;
        wait_until("the call is stored", || {
            record = runtime.block_on(async {
                let store = Store::open_to_read(&path).await.ok()?;
                store.record(call).await.ok()?
            });
            record.is_some()
        });
        let record = record.expect("waited for");
        assert_eq!(
            record.ended_by,
            Some(EndedBy::Caller),
            "call {number} has its end"
        );
        if number == 0 {
            assert!(
                record.events_missing > 0,
                "the masher's keys fit into its budget"
            );
            assert!(record.keys > KEYS, "{} keys kept", record.keys);
        } else {
            assert_eq!(
                (record.events_missing, record.keys),
                (0, KEYS),
                "call {number}"
            );
        }
    }
}

fn send(handle: &JournalHandle, mut entry: Entry) {
    while let Err(full) = handle.append(entry) {
        entry = full.into();
        // Nobody tells when the queue has room.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < until, "waited for too long until {what}");
        // Levels and records are asked for; nobody tells of a change.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes until nothing more fits.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("filler");
    let mut file: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .expect("there is room for a name");
    for part in [64 * 1024, 4096, 1] {
        while file.write_all(&vec![1; part]).is_ok() {}
    }
    path
}

fn call(number: u32) -> CallRef {
    CallRef::from_parts(1_750_000_000_000, number.into())
}

fn entry(number: u32, seq: u32, event: Event) -> Entry {
    Entry {
        call: call(number),
        seq,
        at_ms: 1_750_000_000_000 + u64::from(seq),
        event,
    }
}

fn started() -> Event {
    Event::CallStarted {
        caller: "100".into(),
        called: "hotline".into(),
        source: "192.0.2.1:5060".into(),
        sip_call_id: "abc@192.0.2.1".into(),
        dialplan: "parcel".into(),
        dialplan_version: "0123456789ab".into(),
        language: Language::En,
    }
}

fn key() -> Event {
    Event::KeyPressed {
        key: Some(Key::ZERO),
        source: KeySource::TelephoneEvent,
    }
}

fn ended() -> Event {
    Event::CallEnded {
        by: EndedBy::Caller,
        reason: "BYE".into(),
    }
}
