//! The process dies at any moment, and no call that was answered is without its record.
//!
//! `ZEROLINE_KILLS=1000 cargo test --test kill` (or `make kill`) kills so often; `ZEROLINE_SEED`
//! chooses other moments.

mod common;

use common::{DIALPLAN, Server};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Makes calls until `end`; the Call-IDs of those that were answered go to `answered`.
fn call(server: SocketAddr, end: Instant, prefix: &str, answered: &mut BTreeSet<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let local = socket.local_addr().unwrap();
    let mut buffer = [0; 4096];
    let mut count = 0;
    while Instant::now() < end {
        count += 1;
        let invite = invite(&format!("{prefix}-{count}"), server, local);
        let _ = socket.send_to(invite.as_bytes(), server);
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            let response = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if response.starts_with("SIP/2.0 200") {
                let call_id = response
                    .lines()
                    .find_map(|line| line.strip_prefix("Call-ID: "));
                answered.insert(call_id.expect("a response has one").to_string());
            }
        }
    }
}

fn invite(call_id: &str, server: SocketAddr, local: SocketAddr) -> String {
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
               m=audio 9 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    format!(
        "INVITE sip:hotline@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{call_id}\r\n\
         From: <sip:killer@{local}>;tag={call_id}\r\nTo: <sip:hotline@{server}>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:killer@{local}>\r\n\
         Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

#[test]
fn no_answered_call_is_without_a_record() {
    let kills = number("ZEROLINE_KILLS", 8);
    let seed = number("ZEROLINE_SEED", 1);
    println!("{kills} kills; again with ZEROLINE_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut answered = BTreeSet::new();
    let mut server = Server::start_with(
        DIALPLAN,
        "calls: { max: 1000 }\nrate: { calls_per_second: 10000 }",
    );
    for round in 0..kills {
        let life = Duration::from_millis(random.random_range(5..400));
        let end = Instant::now() + life;
        let (address, mut round_answered) = (server.udp, BTreeSet::new());
        std::thread::scope(|scope| {
            let caller = scope.spawn(move || {
                // It goes on a little after the death: what was answered before may be on its way.
                let late = Duration::from_millis(20);
                call(
                    address,
                    end + late,
                    &format!("{seed}-{round}"),
                    &mut round_answered,
                );
                round_answered
            });
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            server.kill();
            answered.extend(caller.join().unwrap());
        });
        server.restart();
    }
    assert!(!answered.is_empty(), "no call was answered");
    assert!(server.terminate().success());
    let records = common::records(&server.data());
    let recorded: Vec<String> = records
        .iter()
        .map(|record| record["sip_call_id"].as_str().unwrap().to_string())
        .collect();
    let distinct: BTreeSet<String> = recorded.iter().cloned().collect();
    assert_eq!(distinct.len(), recorded.len(), "a call has two records");
    let lost: Vec<&String> = answered.difference(&distinct).collect();
    assert!(
        lost.is_empty(),
        "{} of {} calls have no record: {lost:?}",
        lost.len(),
        answered.len()
    );
    println!(
        "{} calls were answered, and each has its record",
        answered.len()
    );
}
