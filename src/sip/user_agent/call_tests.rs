//! Calls between two user agents over a calm network: who says what, and who is told what.

use super::simulation::{ANSWER, CALLEE, CALLER, Network, OFFER, sdp};
use crate::sip::flow::Protocol;
use crate::sip::header::Header;
use crate::sip::message::{Message, Response};
use crate::sip::reason::Reason;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::config::Config;
use std::time::Duration;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_call_is_answered_and_hung_up_by_the_caller() {
    let mut net = Network::new();
    let (ours, _) = net.established();
    assert_eq!(
        net.said(),
        ["caller: INVITE", "callee: 200 INVITE", "caller: ACK"]
    );
    assert_eq!(net.told(CALLER), ["Answered answer"]);
    assert_eq!(net.told(CALLEE), ["Incoming offer", "Acked -"]);
    net.agents[CALLER]
        .hang_up(net.now, ours, None)
        .expect("it is alive");
    net.settle();
    assert_eq!(net.said(), ["caller: BYE", "callee: 200 BYE"]);
    assert_eq!(net.told(CALLER), ["Ended Local"]);
    assert_eq!(net.told(CALLEE), ["Ended Peer"]);
    assert_eq!(
        net.agents[CALLER].hang_up(net.now, ours, None),
        Err(CommandError::Gone)
    );
    net.run_to_the_end();
    net.assert_over();
    assert!(
        net.now - net.start <= seconds(34),
        "timers J and L are the last"
    );
}

#[test]
fn on_tcp_nothing_lingers_but_the_accepted_invite() {
    let mut net = Network::with(Config::default(), Config::default(), Protocol::Tcp, 1);
    let (_, theirs) = net.established();
    net.agents[CALLEE]
        .hang_up(net.now, theirs, None)
        .expect("it is alive");
    net.settle();
    assert_eq!(net.told(CALLER), ["Answered answer", "Ended Peer"]);
    let left = net.agents[CALLER].load();
    assert_eq!(
        (
            left.legs,
            left.client_transactions,
            left.server_transactions
        ),
        (0, 1, 0)
    );
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn a_slow_application_has_its_100_sent() {
    let mut net = Network::new();
    net.call(Some(OFFER));
    net.run_for(Duration::from_millis(300));
    assert_eq!(net.said(), ["caller: INVITE", "callee: 100 INVITE"]);
    assert_eq!(net.told(CALLER), [] as [&str; 0]);
}

#[test]
fn ringing_is_told_and_a_busy_callee_ends_it() {
    let mut net = Network::new();
    net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    net.agents[CALLEE]
        .provisional(net.now, theirs, 180, None)
        .expect("it is new");
    net.settle();
    let rejected = net.agents[CALLEE].reject(net.now, theirs, 486, &[]);
    rejected.expect("it rings");
    net.settle();
    assert_eq!(
        net.said(),
        [
            "caller: INVITE",
            "callee: 180 INVITE",
            "callee: 486 INVITE",
            "caller: ACK"
        ]
    );
    assert_eq!(net.told(CALLER), ["Progress 180 -", "Failed Some(486)"]);
    assert_eq!(net.told(CALLEE), ["Incoming offer", "Ended Local"]);
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn a_redirection_names_its_contacts_best_first() {
    let mut net = Network::new();
    net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    let contact = "<sip:b@192.0.2.8>;q=0.2, <sip:a@192.0.2.9>".to_owned();
    let headers = [
        (Header::Contact, contact),
        (Header::RetryAfter, "7 (busy)".to_owned()),
    ];
    net.agents[CALLEE]
        .reject(net.now, theirs, 302, &headers)
        .expect("it is new");
    net.settle();
    let failure = net.events[CALLER].iter().find_map(|event| match event {
        crate::sip::user_agent::event::Event::Failed { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    let failure = failure.expect("it failed");
    assert_eq!(failure.contacts, ["sip:a@192.0.2.9", "sip:b@192.0.2.8"]);
    assert_eq!(failure.retry_after, Some(seconds(7)));
}

#[test]
fn a_cancel_while_it_rings_is_487() {
    let mut net = Network::new();
    let ours = net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    net.agents[CALLEE]
        .provisional(net.now, theirs, 180, None)
        .expect("it is new");
    net.settle();
    net.said();
    net.agents[CALLER]
        .hang_up(net.now, ours, Some(&Reason::clearing("")))
        .expect("it rings");
    net.settle();
    assert_eq!(
        net.said(),
        [
            "caller: CANCEL",
            "callee: 200 CANCEL",
            "callee: 487 INVITE",
            "caller: ACK"
        ]
    );
    assert_eq!(net.told(CALLER), ["Progress 180 -", "Ended Local"]);
    assert_eq!(net.told(CALLEE), ["Incoming offer", "Cancelled"]);
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut net = Network::new();
    let ours = net.call(Some(OFFER));
    net.agents[CALLER]
        .hang_up(net.now, ours, None)
        .expect("it is alive");
    net.settle();
    assert_eq!(net.said(), ["caller: INVITE"]);
    net.run_for(Duration::from_millis(200));
    assert_eq!(
        net.said(),
        [
            "callee: 100 INVITE",
            "caller: CANCEL",
            "callee: 200 CANCEL",
            "callee: 487 INVITE",
            "caller: ACK"
        ]
    );
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut net = Network::new();
    let ours = net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    net.agents[CALLER]
        .hang_up(net.now, ours, None)
        .expect("it is alive");
    net.agents[CALLEE]
        .accept(net.now, theirs, sdp(ANSWER))
        .expect("it is new");
    net.settle();
    assert_eq!(
        net.said(),
        [
            "caller: INVITE",
            "callee: 200 INVITE",
            "caller: ACK",
            "caller: BYE",
            "callee: 200 BYE"
        ]
    );
    assert_eq!(net.told(CALLER), ["Ended Local"]);
    assert_eq!(
        net.told(CALLEE),
        ["Incoming offer", "Acked -", "Ended Peer"]
    );
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn nobody_there_fails_by_timer_b() {
    let mut net = Network::new();
    net.silenced = [true, true];
    net.call(Some(OFFER));
    net.run_to_the_end();
    assert_eq!(net.told(CALLER), ["Failed None"]);
    assert_eq!(net.said().len(), 7);
    assert_eq!(net.now - net.start, seconds(32));
    net.assert_over();
}

#[test]
fn nobody_answering_fails_by_the_calls_own_time_out() {
    let mut net = Network::new();
    let mut invite = net.an_invite(Some(OFFER));
    invite.timeout = seconds(10);
    net.agents[CALLER]
        .invite(net.now, invite)
        .expect("there is room");
    net.settle();
    let theirs = net.incoming(CALLEE);
    net.agents[CALLEE]
        .provisional(net.now, theirs, 180, None)
        .expect("it is new");
    net.run_to_the_end();
    assert_eq!(net.told(CALLER), ["Progress 180 -", "Failed None"]);
    assert_eq!(net.told(CALLEE), ["Incoming offer", "Cancelled"]);
    net.assert_over();
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut net = Network::new();
    let ours = net.call(None);
    let theirs = net.incoming(CALLEE);
    net.agents[CALLEE]
        .accept(net.now, theirs, sdp(OFFER))
        .expect("it is new");
    net.settle();
    assert_eq!(net.told(CALLER), ["Answered offer"]);
    net.run_for(Duration::from_millis(600));
    net.agents[CALLER]
        .acknowledge(ours, sdp(ANSWER))
        .expect("the offer came");
    net.settle();
    assert_eq!(net.told(CALLEE), ["Incoming -", "Acked answer"]);
    assert_eq!(
        net.said(),
        [
            "caller: INVITE",
            "callee: 200 INVITE",
            "callee: 200 INVITE",
            "caller: ACK"
        ]
    );
}

#[test]
fn a_2xx_is_repeated_until_its_ack_and_then_given_up_with_a_bye() {
    let mut net = Network::new();
    net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    net.silenced[CALLER] = true;
    net.agents[CALLEE]
        .accept(net.now, theirs, sdp(ANSWER))
        .expect("it is new");
    net.run_for(seconds(31));
    let repeats = net
        .said()
        .iter()
        .filter(|line| *line == "callee: 200 INVITE")
        .count();
    assert_eq!(repeats, 10, "at 0, 0.5, 1.5, 3.5, 7.5 and every 4 s");
    net.run_for(seconds(2));
    assert_eq!(net.told(CALLEE), ["Incoming offer", "Ended AckTimeout"]);
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut net = Network::new();
    net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    net.agents[CALLEE]
        .accept(net.now, theirs, sdp(ANSWER))
        .expect("it is new");
    net.agents[CALLEE]
        .hang_up(net.now, theirs, None)
        .expect("it is alive");
    net.settle();
    assert_eq!(
        net.said(),
        [
            "caller: INVITE",
            "callee: 200 INVITE",
            "caller: ACK",
            "callee: BYE",
            "caller: 200 BYE"
        ]
    );
    assert_eq!(net.told(CALLEE), ["Incoming offer", "Ended Local"]);
}

#[test]
fn an_answer_before_the_final_response_goes_reliably() {
    let mut net = Network::new();
    net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    let early = Some(sdp(ANSWER));
    net.agents[CALLEE]
        .provisional(net.now, theirs, 183, early)
        .expect("it is new");
    net.agents[CALLEE]
        .provisional(net.now, theirs, 180, None)
        .expect("it waits its turn");
    net.agents[CALLEE]
        .accept(net.now, theirs, sdp(ANSWER))
        .expect("it waits for the PRACK");
    net.settle();
    assert_eq!(
        net.said(),
        [
            "caller: INVITE",
            "callee: 183 INVITE",
            "caller: PRACK",
            "callee: 200 PRACK",
            "callee: 200 INVITE",
            "caller: ACK"
        ]
    );
    assert_eq!(net.told(CALLER), ["Progress 183 answer", "Answered -"]);
}

#[test]
fn a_reliable_response_without_prack_is_repeated_and_ends_the_call() {
    let mut net = Network::new();
    net.call(Some(OFFER));
    let theirs = net.incoming(CALLEE);
    net.silenced[CALLER] = true;
    let early = Some(sdp(ANSWER));
    net.agents[CALLEE]
        .provisional(net.now, theirs, 183, early)
        .expect("it is new");
    net.run_for(seconds(33));
    let said = net.said();
    let repeats = said
        .iter()
        .filter(|line| *line == "callee: 183 INVITE")
        .count();
    assert_eq!(repeats, 7, "at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s");
    assert_eq!(
        said.iter().filter(|line| *line == "caller: PRACK").count(),
        11
    );
    assert!(said.contains(&"callee: 504 INVITE".to_owned()));
    assert_eq!(net.told(CALLEE), ["Incoming offer", "Ended AckTimeout"]);
}

#[test]
fn an_info_brings_a_key() {
    let mut net = Network::new();
    let (ours, _) = net.established();
    net.told(CALLEE);
    for (content_type, status) in [("application/dtmf-relay", "200"), ("text/plain", "415")] {
        net.said();
        let sent = net.agents[CALLER].send_info(net.now, ours, content_type, sdp("Signal=5\r\n"));
        sent.expect("it is confirmed");
        net.settle();
        assert_eq!(
            net.said(),
            ["caller: INFO", &format!("callee: {status} INFO")]
        );
    }
    assert_eq!(net.told(CALLEE), ["Info application/dtmf-relay"]);
}

#[test]
fn an_established_call_needs_little() {
    let mut net = Network::new();
    net.established();
    net.run_for(seconds(40));
    let load = net.agents[CALLEE].load();
    assert_eq!(
        (
            load.legs,
            load.server_transactions,
            load.client_transactions
        ),
        (1, 0, 0)
    );
}

#[test]
fn forks_that_answer_too_are_hung_up() {
    let mut net = Network::new();
    net.established();
    net.settle();
    let invite = net.an_invite(Some(OFFER));
    net.agents[CALLER]
        .invite(net.now, invite)
        .expect("there is room");
    let sent = net.agents[CALLER].poll_transmit().expect("an INVITE");
    let Ok(Message::Request(invite)) = Message::parse(&sent.bytes) else {
        panic!("no request");
    };
    let flow = net.flow(CALLER);
    for tag in ["one", "two", "one"] {
        let mut ok = Response::to_request(&invite, 200, "OK");
        let to = format!("<sip:hotline@192.0.2.2>;tag={tag}");
        ok.headers.set(Header::To, to);
        ok.headers.push(Header::Contact, "<sip:fork@192.0.2.2>");
        let mut bytes = Vec::new();
        ok.to_bytes(&mut bytes);
        net.agents[CALLER].receive(net.now, flow, &bytes);
    }
    let mut requests = Vec::new();
    while let Some(transmit) = net.agents[CALLER].poll_transmit() {
        if let Ok(Message::Request(request)) = Message::parse(&transmit.bytes) {
            let tag = request
                .headers
                .to()
                .and_then(|to| to.tag().map(str::to_owned));
            requests.push(format!("{} {}", request.method, tag.unwrap_or_default()));
        }
    }
    assert_eq!(requests, ["ACK one", "ACK two", "BYE two", "ACK one"]);
    assert_eq!(net.agents[CALLEE].load().legs, 1);
}
