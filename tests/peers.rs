//! Real callers against a real server, over loopback: SIPp and baresip, from Debian's packages.

mod common;

use common::baresip::Baresip;
use common::{DIALPLAN, Server, sipp};
use std::io::Write;
use std::process::Command;
use std::time::Duration;

#[test]
fn sipp_is_answered_and_hangs_up() {
    let server = Server::start(DIALPLAN);
    sipp::call(
        server.udp,
        31_000,
        &["-sn", "uac", "-m", "40", "-r", "20", "-d", "1500"],
    );
    let records = server.records(40);
    assert_eq!(records.len(), 40);
    for record in records {
        assert_eq!(record["outcome"], "gave_up_in_menu");
        assert_eq!(record["ended_by"], "caller");
        assert_eq!(record["steps"], 1);
    }
}

#[test]
fn sipp_is_answered_over_tcp() {
    let server = Server::start(DIALPLAN);
    sipp::call(
        server.tcp,
        31_400,
        &[
            "-sn", "uac", "-t", "t1", "-m", "10", "-r", "10", "-d", "500",
        ],
    );
    assert_eq!(server.records(10).len(), 10);
}

#[test]
fn sipp_presses_0_and_reaches_a_person() {
    let server = Server::start(DIALPLAN);
    sipp::call_by(server.udp, 31_800, "human.xml", 5);
    for record in server.records(5) {
        assert_eq!(record["outcome"], "transferred_answered", "{record}");
        assert_eq!(record["depth_at_human_key"], 1, "{record}");
        assert_eq!(record["human_requested_by"], "key", "{record}");
        assert_eq!(record["codec"], "PCMA", "{record}");
    }
}

#[test]
fn a_stopped_server_ends_its_calls_and_keeps_their_records() {
    let mut server = Server::start(DIALPLAN);
    let target = server.udp;
    let caller = std::thread::spawn(move || {
        let calls = [
            "-sn", "uac", "-m", "3", "-r", "10", "-d", "30000", "-timeout", "40s",
        ];
        Command::new("sipp")
            .arg(target.to_string())
            .args([
                "-i",
                "127.0.0.1",
                "-mp",
                "30000",
                "-nostdin",
                "-s",
                "hotline",
            ])
            .args(calls)
            .output()
    });
    server.wait_for_metric("zeroline_calls 3");
    assert!(server.get("/ready").contains("200 OK"));
    assert!(server.terminate().success());
    let records = common::records(&server.data());
    assert_eq!(records.len(), 3);
    for record in records {
        assert_eq!(record["ended_by"], "server", "{record}");
        assert_eq!(record["outcome"], "dropped", "{record}");
    }
    let _ = caller.join();
}

/// The scenario itself looks at the directions that the server answers with.
#[test]
fn sipp_holds_and_resumes() {
    let server = Server::start(DIALPLAN);
    sipp::call_by(server.udp, 30_400, "hold.xml", 1);
    let record = server.records(1).remove(0);
    assert_eq!(record["ended_by"], "caller", "{record}");
}

#[test]
fn baresip_presses_0_and_reaches_a_person() {
    let server = Server::start(DIALPLAN);
    let baresip = Baresip::start("<sip:+442079460001@127.0.0.1>;regint=0");
    let mut console = baresip.console();
    writeln!(console, "/dial sip:hotline@{}", server.udp).unwrap();
    // The greeting has offered the human: its key is pressed, and the two talk for a while.
    server.wait_for_metric("zeroline_human_offers_total 1");
    write!(console, "0").unwrap();
    server.wait_for_metric("zeroline_targets_answered_total 1");
    std::thread::sleep(Duration::from_secs(5));
    writeln!(console, "/hangup").unwrap();
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["keys_by"], "telephone_event", "{record}");
    let heard = |leg: &str| record[leg]["packets_received"].as_u64().unwrap_or(0);
    assert!(heard("caller_quality") > 100, "{record}");
    assert!(heard("agent_quality") > 50, "{record}");
}
