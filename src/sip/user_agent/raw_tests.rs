//! Single messages, as strangers write them: which status comes back, and what it carries.

use super::desk::{Desk, NOTHING, in_dialog, request, with_sdp};
use super::simulation::{ANSWER, sdp};
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::message::{Message, Response};
use crate::sip::parser::MAX_HEAD;
use crate::sip::reason::Reason;
use crate::sip::user_agent::Load;
use crate::sip::user_agent::command::Invite;
use crate::sip::user_agent::config::{Config, Limits};
use crate::sip::user_agent::event::Event;
use std::time::Duration;

#[test]
fn what_we_do_not_do_is_said_with_what_we_do() {
    let mut desk = Desk::new();
    for (method, status) in [
        ("REGISTER", 405),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("REFER", 405),
        ("FETCH", 501),
    ] {
        let answers = desk.receive(&request(method, 1, method, ""));
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [status], "{method}");
        assert!(
            answers
                .iter()
                .all(|answer| answer.headers.lists(Header::Allow, "INVITE"))
        );
        let tagged = |answer: &Response| answer.headers.to().is_some_and(|to| to.tag().is_some());
        assert!(answers.iter().all(tagged));
    }
}

#[test]
fn requests_of_no_dialog_are_481() {
    let mut desk = Desk::new();
    let unknown = "<sip:hotline@192.0.2.1>;tag=0123456789abcdef";
    for method in [
        "BYE", "INFO", "UPDATE", "PRACK", "NOTIFY", "INVITE", "OPTIONS",
    ] {
        assert_eq!(
            desk.statuses(&in_dialog(method, 1, method, unknown, "")),
            [481],
            "{method}"
        );
    }
    assert_eq!(
        desk.statuses(&in_dialog("CANCEL", 1, "nobody", "<sip:a@b>", "")),
        [481]
    );
    assert_eq!(
        desk.statuses(&in_dialog("ACK", 1, "nobody", unknown, "")),
        NOTHING
    );
    assert_eq!(desk.statuses(&request("NOTIFY", 1, "n", "")), [481]);
}

#[test]
fn options_say_what_we_can() {
    let answer = Desk::new()
        .receive(&request("OPTIONS", 1, "o", ""))
        .pop()
        .expect("an answer");
    assert_eq!(answer.status, 200);
    for header in [
        Header::Allow,
        Header::Accept,
        Header::Supported,
        Header::Contact,
    ] {
        assert!(answer.headers.has(header), "{header:?}");
    }
}

#[test]
fn what_an_invite_demands_is_looked_at() {
    let mut desk = Desk::new();
    let cases = [
        (with_sdp("Require: 100rel, teleport\r\n"), 420),
        (with_sdp("Accept: text/html\r\n"), 406),
        (with_sdp("Content-Encoding: gzip\r\n"), 415),
        (
            "Content-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>".to_owned(),
            415,
        ),
        (with_sdp("Session-Expires: 30\r\nSupported: timer\r\n"), 422),
    ];
    for (at, (rest, status)) in cases.iter().enumerate() {
        let cseq = u32::try_from(at).expect("there are few");
        let answers = desk.receive(&request("INVITE", cseq, &format!("d{at}"), rest));
        assert_eq!(
            answers
                .iter()
                .map(|answer| answer.status)
                .collect::<Vec<_>>(),
            [*status]
        );
    }
    let foreign = request("INVITE", 9, "s", "").replace("INVITE sip:", "INVITE nobody:");
    assert_eq!(desk.statuses(&foreign), [416]);
    assert!(desk.agent.poll_event().is_none());
}

#[test]
fn the_same_invite_by_another_way_is_482() {
    let mut desk = Desk::new();
    assert_eq!(
        desk.statuses(&request("INVITE", 1, "a", &with_sdp(""))),
        NOTHING
    );
    assert_eq!(
        desk.statuses(&request("INVITE", 1, "b", &with_sdp(""))),
        [482]
    );
}

#[test]
fn an_old_peers_retransmissions_are_known_without_a_cookie() {
    let mut desk = Desk::new();
    let invite = request("INVITE", 1, "a", &with_sdp("")).replace(";branch=z9hG4bKa", "");
    assert_eq!(desk.statuses(&invite), NOTHING);
    let leg = desk.incoming().expect("it is a call");
    desk.agent
        .reject(desk.now, leg, 486, &[])
        .expect("it is new");
    assert_eq!(desk.answers().len(), 1);
    assert_eq!(desk.statuses(&invite), [486]);
    let ack = request("ACK", 1, "a", "").replace(";branch=z9hG4bKa", "");
    assert_eq!(desk.statuses(&ack), NOTHING);
    assert_eq!(desk.statuses(&invite), NOTHING, "it is confirmed");
}

#[test]
fn a_request_out_of_order_is_500_and_one_twice_is_482() {
    let mut desk = Desk::new();
    let (_, to) = desk.established();
    assert_eq!(
        desk.statuses(&in_dialog("OPTIONS", 5, "o1", &to, "")),
        [200]
    );
    let late = desk.receive(&in_dialog("OPTIONS", 4, "o2", &to, ""));
    assert!(
        late.iter()
            .all(|l| l.status == 500 && l.headers.has(Header::RetryAfter))
    );
    assert_eq!(late.len(), 1);
    assert_eq!(
        desk.statuses(&in_dialog("OPTIONS", 5, "o3", &to, "")),
        [482]
    );
    assert_eq!(
        desk.statuses(&in_dialog("OPTIONS", 5, "o1", &to, "")),
        [200],
        "a repeat"
    );
}

#[test]
fn a_second_reinvite_before_the_first_is_answered_is_500() {
    let mut desk = Desk::new();
    let (leg, to) = desk.established();
    assert_eq!(
        desk.statuses(&in_dialog("INVITE", 2, "r1", &to, &with_sdp(""))),
        NOTHING
    );
    assert_eq!(
        desk.statuses(&in_dialog("INVITE", 3, "r2", &to, &with_sdp(""))),
        [500]
    );
    desk.agent
        .answer_offer(desk.now, leg, Ok(sdp(ANSWER)))
        .expect("there is one");
    assert_eq!(desk.answers().len(), 1);
    let unacked = desk.statuses(&in_dialog("INVITE", 4, "r3", &to, &with_sdp("")));
    assert_eq!(unacked, [491], "our 2xx has no ACK yet");
}

#[test]
fn an_update_refreshes_or_offers() {
    let mut desk = Desk::new();
    let (leg, to) = desk.established();
    let refresh = "Session-Expires: 600;refresher=uac\r\nSupported: timer\r\n\r\n";
    let answer = desk
        .receive(&in_dialog("UPDATE", 2, "u1", &to, refresh))
        .pop()
        .expect("an answer");
    let value = answer.headers.session_expires().expect("it has one");
    assert_eq!((answer.status, value.seconds), (200, 600));
    assert_eq!(
        desk.statuses(&in_dialog("UPDATE", 3, "u2", &to, &with_sdp(""))),
        NOTHING
    );
    assert_eq!(
        desk.statuses(&in_dialog("UPDATE", 4, "u3", &to, &with_sdp(""))),
        [500]
    );
    desk.agent
        .answer_offer(desk.now, leg, Ok(sdp(ANSWER)))
        .expect("there is one");
    let answer = desk.answers().pop().expect("an answer");
    assert_eq!((answer.status, &answer.body[..]), (200, ANSWER.as_bytes()));
}

#[test]
fn a_bye_while_it_rings_ends_the_invite_too() {
    let mut desk = Desk::new();
    desk.receive(&request("INVITE", 1, "a", &with_sdp("")));
    let leg = desk.incoming().expect("it is a call");
    desk.agent
        .provisional(desk.now, leg, 180, None)
        .expect("it is new");
    let ringing = desk.answers().pop().expect("a 180");
    let to = String::from_utf8_lossy(ringing.headers.get(Header::To).expect("a To")).into_owned();
    assert_eq!(
        desk.statuses(&in_dialog("BYE", 2, "b", &to, "")),
        [487, 200]
    );
    assert!(matches!(
        desk.agent.poll_event(),
        Some(Event::Cancelled { .. })
    ));
    assert_eq!(desk.agent.load().legs, 0);
}

#[test]
fn a_cancel_comes_too_late_after_the_200() {
    let mut desk = Desk::new();
    desk.established();
    assert_eq!(desk.statuses(&request("CANCEL", 1, "a", "")), [200]);
    assert_eq!(desk.agent.load().legs, 1);
    assert!(desk.agent.poll_event().is_none());
}

#[test]
fn a_full_table_answers_503_without_state() {
    let limits = Limits {
        transactions: 2,
        legs: 1,
    };
    let mut desk = Desk::with(Config {
        limits,
        ..Config::default()
    });
    assert_eq!(
        desk.statuses(&request("INVITE", 1, "a", &with_sdp(""))),
        NOTHING
    );
    let second = request("INVITE", 1, "b", &with_sdp("")).replace("c1", "c2");
    let third = request("INVITE", 1, "c", &with_sdp("")).replace("c1", "c3");
    for invite in [second, third] {
        let answers = desk.receive(&invite);
        assert_eq!(answers.len(), 1);
        assert!(
            answers
                .iter()
                .all(|a| a.status == 503 && a.headers.has(Header::RetryAfter))
        );
    }
    assert_eq!(desk.statuses(&request("OPTIONS", 1, "o", "")), [200]);
    assert_eq!(desk.agent.load().server_transactions, 2);
}

#[test]
fn answers_go_to_the_source_and_via_says_what_was_seen() {
    let mut desk = Desk::new();
    let options = request("OPTIONS", 1, "o", "").replace("192.0.2.9:5070;", "10.0.0.5:5099;rport;");
    desk.agent.receive(desk.now, desk.flow, options.as_bytes());
    let transmit = desk.agent.poll_transmit().expect("an answer");
    assert_eq!(transmit.flow.remote, desk.flow.remote);
    let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
    assert!(
        text.contains("rport=5070") && text.contains("received=192.0.2.9"),
        "{text}"
    );
}

#[test]
fn a_route_and_a_nat_are_heeded_by_our_requests() {
    let mut desk = Desk::new();
    let routed = with_sdp("Record-Route: <sip:192.0.2.77:5090;lr>\r\n");
    desk.receive(&request("INVITE", 1, "a", &routed));
    let leg = desk.incoming().expect("it is a call");
    desk.agent
        .accept(desk.now, leg, sdp(ANSWER))
        .expect("it is new");
    let ok = desk.answers().pop().expect("a 200");
    assert!(ok.headers.has(Header::RecordRoute));
    let to = String::from_utf8_lossy(ok.headers.get(Header::To).expect("a To")).into_owned();
    desk.receive(&in_dialog("ACK", 1, "ack", &to, ""));
    desk.agent
        .hang_up(desk.now, leg, None)
        .expect("it is alive");
    let bye = desk.agent.poll_transmit().expect("a BYE");
    assert_eq!(bye.flow.remote.to_string(), "192.0.2.77:5090");

    let behind = request("INVITE", 1, "b", &with_sdp(""))
        .replace("c1", "c2")
        .replace(
            "Contact: <sip:ann@192.0.2.9:5070>",
            "Contact: <sip:ann@10.0.0.5:5099>",
        )
        .replace("UDP 192.0.2.9:5070;", "UDP 10.0.0.5:5099;rport;");
    desk.receive(&behind);
    while !matches!(desk.agent.poll_event(), Some(Event::Incoming(_)) | None) {}
    assert_eq!(desk.agent.load().legs, 2);
}

#[test]
fn a_lost_ack_of_a_refusal_is_waited_for() {
    let mut desk = Desk::new();
    desk.receive(&request("INVITE", 1, "a", &with_sdp("")));
    let leg = desk.incoming().expect("it is a call");
    desk.agent
        .reject(desk.now, leg, 603, &[])
        .expect("it is new");
    desk.answers();
    desk.now += Duration::from_millis(500);
    desk.agent.handle_timeout(desk.now);
    assert_eq!(desk.answers().len(), 1);
    desk.receive(&request("ACK", 1, "a", ""));
    desk.now += Duration::from_secs(40);
    desk.agent.handle_timeout(desk.now);
    assert_eq!(desk.answers().len(), 0);
    assert_eq!(desk.agent.load(), Default::default());
}

#[test]
fn a_strange_ack_while_it_rings_changes_nothing() {
    let mut desk = Desk::new();
    desk.receive(&request("INVITE", 1, "a", &with_sdp("")));
    let leg = desk.incoming().expect("it is a call");
    desk.agent
        .provisional(desk.now, leg, 180, None)
        .expect("it is new");
    desk.answers();
    desk.receive(&request("ACK", 1, "a", ""));
    desk.agent
        .accept(desk.now, leg, sdp(ANSWER))
        .expect("it rings");
    assert_eq!(desk.answers().len(), 1);
}

#[test]
fn on_a_stream_no_answered_request_is_left() {
    let mut desk = Desk::new();
    desk.flow.protocol = Protocol::Tcp;
    let (leg, to) = desk.established();
    desk.receive(&in_dialog("UPDATE", 2, "u", &to, &with_sdp("")));
    desk.agent
        .answer_offer(desk.now, leg, Ok(sdp(ANSWER)))
        .expect("there is one");
    let answers = desk.receive(&in_dialog("OPTIONS", 3, "o", &to, ""));
    assert_eq!(answers.len(), 2, "the UPDATE's and the OPTIONS'");
    assert_eq!(desk.agent.load().server_transactions, 1, "the INVITE's");
}

#[test]
fn a_lost_connection_is_made_anew_to_the_contact() {
    let mut desk = Desk::new();
    desk.flow.protocol = Protocol::Tcp;
    desk.flow.remote = "192.0.2.9:41234".parse().expect("it is an address");
    let (leg, _) = desk.established();
    desk.agent
        .hang_up(desk.now, leg, None)
        .expect("it is alive");
    let first = desk.agent.poll_transmit().expect("a BYE");
    assert_eq!(first.flow, desk.flow);
    desk.agent.transport_failed(desk.now, first.flow);
    let second = desk.agent.poll_transmit().expect("a BYE again");
    assert_eq!(second.flow.remote.to_string(), "192.0.2.9:5070");
    desk.agent.transport_failed(desk.now, second.flow);
    assert_eq!(desk.agent.load().legs, 0);
}

#[test]
fn an_invite_of_ours_is_known_again_and_no_other_is() {
    let mut desk = Desk::new();
    let flow = Flow {
        remote: desk.flow.local,
        ..desk.flow
    };
    desk.agent
        .invite(desk.now, invite_by(flow))
        .expect("there is room");
    let sent = desk.agent.poll_transmit().expect("it is sent");
    let sent = String::from_utf8(sent.bytes.to_vec()).expect("it is text");
    let known = |text: &str| match Message::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => desk.agent.sent_invite(&request),
        other => panic!("{other:?}"),
    };
    assert_eq!(known(&sent), Some(flow));
    let header = |name: &str| {
        let line = sent.lines().find(|line| line.starts_with(name));
        line.expect("it has one").to_owned()
    };
    assert_eq!(known(&sent.replace(&header("Call-ID"), "Call-ID: 1")), None);
    let via = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0123456789abcdef";
    assert_eq!(known(&sent.replace(&header("Via"), via)), None);
    assert_eq!(known(&request("INVITE", 1, "a", &with_sdp(""))), None);
}

fn invite_by(flow: Flow) -> Invite {
    Invite {
        flow,
        fallbacks: Vec::new(),
        target: "sip:agent@192.0.2.1".into(),
        route: Vec::new(),
        from: "<sip:hotline@192.0.2.1>".into(),
        to: None,
        headers: Vec::new(),
        offer: None,
        credentials: None,
        timeout: Duration::from_secs(60),
    }
}

#[test]
fn what_anybody_may_send_is_answered_alike_and_kept_nowhere() {
    let mut desk = Desk::new();
    let unknown = "<sip:hotline@192.0.2.1>;tag=0123456789abcdef";
    for message in [
        request("OPTIONS", 1, "o", ""),
        request("REGISTER", 1, "r", ""),
        request("FETCH", 1, "f", ""),
        in_dialog("BYE", 1, "b", unknown, ""),
        in_dialog("CANCEL", 1, "c", "<sip:a@b>", ""),
    ] {
        let first = desk.receive(&message);
        assert_eq!(first.len(), 1, "{message}");
        assert_eq!(desk.receive(&message), first, "{message}");
        assert_eq!(desk.agent.load(), Load::default(), "{message}");
    }
}

#[test]
fn a_message_with_endless_headers_is_513_and_kept_nowhere() {
    let mut desk = Desk::new();
    let padded = |octets: usize| with_sdp(&format!("X: {}\r\n", "x".repeat(octets)));
    assert_eq!(
        desk.statuses(&request("INVITE", 1, "a", &padded(MAX_HEAD))),
        [513]
    );
    assert_eq!(desk.agent.load(), Load::default());
    assert_eq!(
        desk.statuses(&request("INVITE", 1, "b", &padded(MAX_HEAD / 2))),
        NOTHING
    );
    assert!(desk.incoming().is_some());
}

#[test]
fn a_call_that_is_hung_up_unanswered_says_why() {
    let mut desk = Desk::new();
    desk.receive(&request("INVITE", 1, "a", &with_sdp("")));
    let leg = desk.incoming().expect("it is a call");
    let reason = Reason::clearing("the server stops, \"now\"");
    let hung_up = desk.agent.hang_up(desk.now, leg, Some(&reason));
    hung_up.expect("it is new");
    let answer = desk.answers().pop().expect("it is refused");
    assert_eq!(answer.status, 480);
    let value = answer.headers.get(Header::Reason).expect("it has one");
    let expected = r#"Q.850;cause=16;text="the server stops, \"now\"""#;
    assert_eq!(String::from_utf8_lossy(value), expected);
}
