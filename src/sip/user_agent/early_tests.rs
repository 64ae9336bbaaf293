//! Before the final response: reliable provisional responses, PRACKs, offers within early dialogs.

use super::desk::{Desk, NOTHING, in_dialog, request, with_sdp};
use super::simulation::{ANSWER, CALLER, Network, OFFER, sdp};
use crate::sip::flow::Protocol;
use crate::sip::header::Header;
use crate::sip::message::{Message, Request, Response};
use crate::sip::method::Method;
use crate::sip::user_agent::command::{CommandError, Invite};
use crate::sip::user_agent::event::{Event, LegId};

/// A call that was answered early and reliably, and our To with its tag.
fn answered_early(desk: &mut Desk) -> (LegId, String) {
    let invite = request("INVITE", 1, "a", &with_sdp("Supported: 100rel\r\n"));
    assert_eq!(desk.statuses(&invite), NOTHING);
    let leg = desk.incoming().expect("it is a call");
    let early = Some(sdp(ANSWER));
    desk.agent
        .provisional(desk.now, leg, 183, early)
        .expect("it is new");
    let progress = desk.answers().pop().expect("a 183");
    assert!(progress.headers.lists(Header::Require, "100rel"));
    assert_eq!(progress.headers.rseq(), Some(1));
    let to = progress.headers.get(Header::To).expect("it has a To");
    (leg, String::from_utf8_lossy(to).into_owned())
}

#[test]
fn a_prack_must_name_what_it_acknowledges() {
    let mut desk = Desk::new();
    let (leg, to) = answered_early(&mut desk);
    for (cseq, rack) in [(2, "2 1 INVITE"), (3, "1 7 INVITE")] {
        let rack = format!("RAck: {rack}\r\n\r\n");
        let prack = in_dialog("PRACK", cseq, &format!("p{cseq}"), &to, &rack);
        assert_eq!(desk.statuses(&prack), [481]);
    }
    desk.agent
        .accept(desk.now, leg, sdp(ANSWER))
        .expect("it waits for the PRACK");
    assert_eq!(desk.answers().len(), 0);
    let prack = in_dialog("PRACK", 4, "p4", &to, "RAck: 1 1 INVITE\r\n\r\n");
    let answers = desk.receive(&prack);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200]);
    let ok = answers.last().expect("the INVITE's");
    assert!(ok.body.is_empty(), "the 183 had the answer");
    assert_eq!(desk.statuses(&prack), [200], "a repeat");
}

#[test]
fn an_offer_in_a_prack_is_answered_before_the_call() {
    let mut desk = Desk::new();
    let (leg, to) = answered_early(&mut desk);
    let prack = in_dialog("PRACK", 2, "p", &to, &with_sdp("RAck: 1 1 INVITE\r\n"));
    assert_eq!(desk.statuses(&prack), NOTHING);
    assert!(matches!(
        desk.agent.poll_event(),
        Some(Event::Offer { sdp: Some(_), .. })
    ));
    desk.agent
        .accept(desk.now, leg, sdp(ANSWER))
        .expect("it waits for the offer's answer");
    assert_eq!(desk.answers().len(), 0);
    desk.agent
        .answer_offer(desk.now, leg, Ok(sdp(ANSWER)))
        .expect("there is one");
    let methods: Vec<Option<Method>> = desk
        .answers()
        .iter()
        .map(|answer| answer.headers.cseq().map(|cseq| cseq.method))
        .collect();
    assert_eq!(methods, [Some(Method::Prack), Some(Method::Invite)]);
}

#[test]
fn an_early_update_offers_only_after_the_first_exchange() {
    let mut desk = Desk::new();
    let (_, to) = answered_early(&mut desk);
    let update = |cseq| in_dialog("UPDATE", cseq, &format!("u{cseq}"), &to, &with_sdp(""));
    assert_eq!(desk.statuses(&update(2)), [500], "the 183 has no PRACK yet");
    let prack = in_dialog("PRACK", 3, "p", &to, "RAck: 1 1 INVITE\r\n\r\n");
    assert_eq!(desk.statuses(&prack), [200]);
    assert_eq!(desk.statuses(&update(4)), NOTHING);
    assert!(matches!(desk.agent.poll_event(), Some(Event::Offer { .. })));
}

#[test]
fn a_cancelled_reinvite_is_487_and_the_call_goes_on() {
    let mut desk = Desk::new();
    let (leg, to) = desk.established();
    let reinvite = in_dialog("INVITE", 2, "r", &to, &with_sdp(""));
    assert_eq!(desk.statuses(&reinvite), NOTHING);
    let cancel = in_dialog("CANCEL", 2, "r", &to, "");
    assert_eq!(desk.statuses(&cancel), [200, 487]);
    let late = desk.agent.answer_offer(desk.now, leg, Ok(sdp(ANSWER)));
    assert_eq!(late, Err(CommandError::WrongState));
    assert_eq!(desk.agent.load().legs, 1);
}

#[test]
fn a_reliable_response_that_repeats_or_runs_ahead_is_not_told() {
    let mut net = Network::new();
    let invite = net.an_invite(Some(OFFER));
    net.agents[CALLER]
        .invite(net.now, invite)
        .expect("there is room");
    let sent = net.agents[CALLER].poll_transmit().expect("an INVITE");
    let Ok(Message::Request(invite)) = Message::parse(&sent.bytes) else {
        panic!("no request");
    };
    let mut pracks = Vec::new();
    for rseq in [5, 5, 7, 6] {
        let bytes = reliable(&invite, rseq);
        let flow = net.flow(CALLER);
        net.agents[CALLER].receive(net.now, flow, &bytes);
        while let Some(transmit) = net.agents[CALLER].poll_transmit() {
            if let Ok(Message::Request(prack)) = Message::parse(&transmit.bytes) {
                pracks.push(prack.headers.rack().map(|rack| rack.to_string()));
            }
        }
    }
    assert_eq!(
        pracks,
        [Some("5 1 INVITE".to_owned()), Some("6 1 INVITE".to_owned())]
    );
    net.drain();
    assert_eq!(net.told(CALLER), ["Progress 183 -", "Progress 183 -"]);
}

fn reliable(invite: &Request, rseq: u32) -> Vec<u8> {
    let mut response = Response::to_request(invite, 183, "Session Progress");
    response
        .headers
        .set(Header::To, "<sip:hotline@192.0.2.2>;tag=x");
    response.headers.push(Header::Require, "100rel");
    response.headers.push(Header::RSeq, rseq.to_string());
    response
        .headers
        .push(Header::Contact, "<sip:b@192.0.2.2:5060>");
    let mut bytes = Vec::new();
    response.to_bytes(&mut bytes);
    bytes
}

/// A call of ours to a telephone, and its INVITE.
fn ringing(desk: &mut Desk) -> (LegId, Request) {
    let invite = Invite {
        flow: desk.flow,
        ..Network::new().an_invite(Some(OFFER))
    };
    let leg = desk.agent.invite(desk.now, invite).expect("there is room");
    let (invite, _) = sent(desk).pop().expect("it is sent");
    (leg, invite)
}

/// What was sent, and where.
fn sent(desk: &mut Desk) -> Vec<(Request, String)> {
    let sent = std::iter::from_fn(|| desk.agent.poll_transmit());
    let sent = sent.map(|transmit| match Message::parse(&transmit.bytes) {
        Ok(Message::Request(request)) => (request, transmit.flow.remote.to_string()),
        other => panic!("only requests are sent: {other:?}"),
    });
    sent.collect()
}

fn methods(sent: &[(Request, String)]) -> Vec<(Method, &str)> {
    let sent = sent.iter();
    sent.map(|(request, to)| (request.method.clone(), to.as_str()))
        .collect()
}

/// The telephone answers; its Contact is an address of its own network.
fn answer(desk: &mut Desk, request: &Request, status: u16, require: &str) {
    let mut response = Response::to_request(request, status, "");
    let to = response.headers.get(Header::To).expect("it has a To");
    let to = String::from_utf8_lossy(to).into_owned();
    if !to.contains("tag=") {
        response.headers.set(Header::To, format!("{to};tag=them"));
    }
    response
        .headers
        .push(Header::Contact, "<sip:anna@192.0.2.77>");
    if !require.is_empty() {
        response.headers.push(Header::Require, require.to_owned());
        response.headers.push(Header::RSeq, "1");
    }
    let mut bytes = Vec::new();
    response.to_bytes(&mut bytes);
    desk.agent.receive(desk.now, desk.flow, &bytes);
}

/// Only the INVITE's way is known to reach it.
#[test]
fn with_its_flow_named_a_leg_is_sent_nothing_elsewhere() {
    for (named, expected) in [(true, "192.0.2.9:5070"), (false, "192.0.2.77:5060")] {
        let mut desk = Desk::new();
        let (leg, invite) = ringing(&mut desk);
        if named {
            desk.agent.use_flow(leg, desk.flow);
        }
        answer(&mut desk, &invite, 183, "100rel");
        answer(&mut desk, &invite, 200, "");
        let hung_up = desk.agent.hang_up(desk.now, leg, None);
        hung_up.expect("it is established");
        let expected = [Method::Prack, Method::Ack, Method::Bye].map(|method| (method, expected));
        assert_eq!(methods(&sent(&mut desk)), expected);
    }
}

/// Its connection breaks in the middle of a question of ours, and it is back from another port.
#[test]
fn a_leg_goes_on_by_its_peers_new_connection() {
    let mut desk = Desk::new();
    desk.flow.protocol = Protocol::Tcp;
    let (leg, invite) = ringing(&mut desk);
    desk.agent.use_flow(leg, desk.flow);
    answer(&mut desk, &invite, 200, "");
    let asked = desk.agent.reinvite(desk.now, leg, sdp(OFFER));
    asked.expect("it is established");
    let (question, _) = sent(&mut desk).pop().expect("it is sent");
    let broken = desk.flow;
    desk.flow.remote = "192.0.2.9:40000".parse().expect("an address");
    desk.agent.use_flow(leg, desk.flow);
    let (again, to) = sent(&mut desk).pop().expect("it is asked again");
    assert_eq!((&again, to.as_str()), (&question, "192.0.2.9:40000"));
    desk.agent.transport_failed(desk.now, broken);
    answer(&mut desk, &question, 200, "");
    let hung_up = desk.agent.hang_up(desk.now, leg, None);
    hung_up.expect("the old connection's end is not the call's");
    let expected = [Method::Ack, Method::Bye].map(|method| (method, "192.0.2.9:40000"));
    assert_eq!(methods(&sent(&mut desk)), expected);
}
