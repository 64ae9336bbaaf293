//! What happens within an established call: re-INVITE, UPDATE, session timers, REFER.

use super::simulation::{ANSWER, CALLEE, CALLER, Network, OFFER, address, sdp};
use crate::sip::flow::Protocol;
use crate::sip::message::{Message, Request};
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::LegId;
use std::time::Duration;

const HOLD: &str = "v=0\r\ns=hold\r\n";

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// An established call of which nothing has been noted yet.
fn established() -> (Network, LegId, LegId) {
    with_intervals(Some(1800), Some(1800))
}

fn with_intervals(caller: Option<u32>, callee: Option<u32>) -> (Network, LegId, LegId) {
    let config = |session_expires| Config {
        session_expires,
        ..Config::default()
    };
    let mut net = Network::with(config(caller), config(callee), Protocol::Udp, 7);
    let (ours, theirs) = net.established();
    net.said();
    net.told(CALLER);
    net.told(CALLEE);
    (net, ours, theirs)
}

#[test]
fn a_reinvite_is_answered_by_the_application() {
    let (mut net, ours, theirs) = established();
    net.agents[CALLER]
        .reinvite(net.now, ours, sdp(HOLD))
        .expect("it is confirmed");
    net.settle();
    assert_eq!(net.told(CALLEE), ["Offer hold"]);
    net.agents[CALLEE]
        .answer_offer(net.now, theirs, Ok(sdp(ANSWER)))
        .expect("there is one");
    net.settle();
    assert_eq!(
        net.said(),
        ["caller: INVITE", "callee: 200 INVITE", "caller: ACK"]
    );
    assert_eq!(net.told(CALLER), ["ReinviteAnswered answer"]);
    net.run_for(seconds(40));
    assert_eq!(net.said(), [] as [&str; 0]);
}

#[test]
fn a_refused_reinvite_leaves_the_call_as_it_was() {
    let (mut net, ours, theirs) = established();
    net.agents[CALLEE]
        .reinvite(net.now, theirs, sdp(HOLD))
        .expect("it is confirmed");
    net.settle();
    net.agents[CALLER]
        .answer_offer(net.now, ours, Err(488))
        .expect("there is one");
    net.settle();
    assert_eq!(net.told(CALLEE), ["ReinviteFailed Some(488)"]);
    net.agents[CALLEE]
        .hang_up(net.now, theirs, None)
        .expect("it is alive");
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn crossing_reinvites_are_491_and_one_comes_through() {
    let (mut net, ours, theirs) = established();
    net.agents[CALLER]
        .reinvite(net.now, ours, sdp(HOLD))
        .expect("it is confirmed");
    net.agents[CALLEE]
        .reinvite(net.now, theirs, sdp(OFFER))
        .expect("it is confirmed");
    net.settle();
    let said = net.said();
    assert_eq!(
        said.iter()
            .filter(|line| line.ends_with("491 INVITE"))
            .count(),
        2,
        "{said:?}"
    );
    net.run_for(Duration::from_millis(2050));
    assert_eq!(
        net.told(CALLER),
        ["Offer offer"],
        "the callee does not own the Call-ID"
    );
    net.agents[CALLER]
        .answer_offer(net.now, ours, Ok(sdp(ANSWER)))
        .expect("there is one");
    net.run_for(seconds(5));
    assert_eq!(net.told(CALLEE), ["ReinviteAnswered answer", "Offer hold"]);
}

#[test]
fn an_unanswered_offer_is_500_in_the_end() {
    let (mut net, ours, _) = established();
    net.agents[CALLER]
        .reinvite(net.now, ours, sdp(HOLD))
        .expect("it is confirmed");
    net.run_for(seconds(33));
    assert_eq!(net.told(CALLER), ["ReinviteFailed Some(500)"]);
    assert_eq!(net.told(CALLEE), ["Offer hold"]);
}

#[test]
fn a_silent_peer_ends_the_call_at_a_reinvite() {
    let (mut net, ours, _) = established();
    net.silenced[CALLEE] = true;
    net.agents[CALLER]
        .reinvite(net.now, ours, sdp(HOLD))
        .expect("it is confirmed");
    net.run_for(seconds(33));
    assert_eq!(net.told(CALLER), ["Ended Timeout"]);
}

#[test]
fn a_call_is_kept_alive_by_updates() {
    let (mut net, ours, _) = established();
    net.run_for(seconds(3 * 900 + 10));
    assert_eq!(
        net.said(),
        ["caller: UPDATE", "callee: 200 UPDATE"].repeat(3)
    );
    net.agents[CALLER]
        .hang_up(net.now, ours, None)
        .expect("it is alive");
    net.run_to_the_end();
    net.assert_over();
}

#[test]
fn a_session_goes_on_although_its_refresh_is_refused() {
    let (mut net, ours, theirs) = with_intervals(Some(100), Some(100));
    let leg = net.agents[CALLER].legs.get_mut(ours.0);
    leg.expect("it is alive").peer_takes_update = false;
    net.run_for(seconds(51));
    assert_eq!(net.told(CALLEE), ["Offer offer"]);
    net.agents[CALLEE]
        .answer_offer(net.now, theirs, Err(488))
        .expect("there is one");
    net.settle();
    let refused = ["callee: 488 INVITE", "caller: ACK"];
    assert!(net.said().ends_with(&refused.map(String::from)));
    // Beyond the first interval, and the next try is out; the peer's own end of it stays away.
    net.silenced[CALLEE] = true;
    net.run_for(seconds(25));
    assert_eq!(net.told(CALLER), [] as [&str; 0]);
    assert!(net.said().contains(&"caller: INVITE".to_string()));
}

#[test]
fn the_application_is_not_told_of_a_refresh() {
    let (mut net, ours, theirs) = established();
    let leg = net.agents[CALLER].legs.get_mut(ours.0);
    leg.expect("it is alive").peer_takes_update = false;
    net.run_for(seconds(901));
    net.agents[CALLEE]
        .answer_offer(net.now, theirs, Ok(sdp(ANSWER)))
        .expect("there is one");
    net.run_for(seconds(1));
    assert_eq!(net.told(CALLER), [] as [&str; 0]);
}

#[test]
fn the_longer_wish_gives_way_to_the_shorter() {
    let (mut net, _, _) = with_intervals(Some(1800), Some(200));
    net.run_for(seconds(110));
    assert_eq!(net.said(), ["caller: UPDATE", "callee: 200 UPDATE"]);
}

#[test]
fn an_interval_below_the_peers_least_is_raised() {
    let caller = Config {
        session_expires: Some(100),
        ..Config::default()
    };
    let callee = Config {
        min_se: 400,
        ..Config::default()
    };
    let mut net = Network::with(caller, callee, Protocol::Udp, 3);
    net.established();
    assert_eq!(
        net.said(),
        [
            "caller: INVITE",
            "callee: 422 INVITE",
            "caller: ACK",
            "caller: INVITE",
            "callee: 200 INVITE",
            "caller: ACK"
        ]
    );
    assert_eq!(net.told(CALLER), ["Answered answer"]);
    net.run_for(seconds(201));
    assert_eq!(net.said(), ["caller: UPDATE", "callee: 200 UPDATE"]);
}

#[test]
fn a_session_without_refresh_expires_at_both_ends() {
    let (mut net, _, _) = established();
    net.silenced = [true, true];
    net.run_to_the_end();
    assert_eq!(
        net.told(CALLER),
        ["Ended Timeout"],
        "its UPDATE has no answer"
    );
    assert_eq!(net.told(CALLEE), ["Ended SessionExpired"]);
    net.assert_over();
}

#[test]
fn a_refer_is_told_of_until_its_end() {
    let (mut net, _, theirs) = established();
    let now = net.now;
    net.agents[CALLEE]
        .refer(now, theirs, "sip:agent@192.0.2.9", None)
        .expect("it is confirmed");
    let refer = sent_request(&mut net);
    assert_eq!(
        refer
            .headers
            .refer_to()
            .map(|to| to.uri.to_string())
            .as_deref(),
        Some("sip:agent@192.0.2.9")
    );
    answer(&mut net, &refer, "202 Accepted");
    for (cseq, state, frag) in [
        (101, "active;expires=60", "SIP/2.0 100 Trying"),
        (102, "active;expires=60", "SIP/2.0 180 Ringing"),
        (103, "terminated;reason=noresource", "SIP/2.0 200 OK"),
        (104, "active", "SIP/2.0 200 OK"),
    ] {
        notify(&mut net, &refer, cseq, "refer", state, frag);
    }
    assert_eq!(
        net.told(CALLEE),
        [
            "ReferAccepted 202",
            "ReferProgress Some(100) false",
            "ReferProgress Some(180) false",
            "ReferProgress Some(200) true"
        ]
    );
}

#[test]
fn a_final_status_ends_a_refer_whatever_the_subscription() {
    let (mut net, _, theirs) = established();
    let now = net.now;
    let refer = |net: &mut Network| {
        let sent = net.agents[CALLEE].refer(now, theirs, "sip:agent@192.0.2.9", None);
        sent.map(|()| sent_request(net))
    };
    let first = refer(&mut net).expect("it is confirmed");
    answer(&mut net, &first, "202 Accepted");
    assert_eq!(refer(&mut net).err(), Some(CommandError::WrongState));
    let busy = "SIP/2.0 486 Busy Here";
    notify(&mut net, &first, 101, "refer", "active;expires=60", busy);
    assert!(refer(&mut net).is_ok(), "the next target can be tried");
    assert_eq!(
        net.told(CALLEE),
        ["ReferAccepted 202", "ReferProgress Some(486) false"]
    );
}

#[test]
fn a_notify_may_come_before_the_202_and_of_another_package_is_489() {
    let (mut net, _, theirs) = established();
    let now = net.now;
    net.agents[CALLEE]
        .refer(now, theirs, "tel:+441234", None)
        .expect("it is confirmed");
    let refer = sent_request(&mut net);
    assert_eq!(notify(&mut net, &refer, 101, "presence", "active", ""), 489);
    assert_eq!(
        notify(&mut net, &refer, 102, "refer;id=77", "active", ""),
        481
    );
    assert_eq!(
        notify(
            &mut net,
            &refer,
            103,
            "refer",
            "terminated",
            "SIP/2.0 486 Busy"
        ),
        200
    );
    assert_eq!(
        notify(
            &mut net,
            &refer,
            104,
            "refer",
            "terminated",
            "SIP/2.0 486 Busy"
        ),
        481
    );
    assert_eq!(
        net.told(CALLEE),
        ["ReferAccepted 202", "ReferProgress Some(486) true"]
    );
}

#[test]
fn a_refused_refer_and_one_without_notifies_are_told() {
    let (mut net, ours, theirs) = established();
    let now = net.now;
    net.agents[CALLER]
        .refer(now, ours, "sip:agent@192.0.2.9", None)
        .expect("it is confirmed");
    net.settle();
    assert_eq!(net.told(CALLER), ["ReferFailed Some(405)"]);
    net.agents[CALLEE]
        .refer(now, theirs, "sip:agent@192.0.2.9", None)
        .expect("it is confirmed");
    let refer = sent_request(&mut net);
    answer(&mut net, &refer, "200 OK");
    net.run_for(seconds(181));
    assert_eq!(
        net.told(CALLEE),
        ["ReferAccepted 200", "ReferProgress None true"]
    );
}

#[test]
fn a_refer_is_taken_where_the_application_says_so_and_its_peer_is_told_to_the_end() {
    let (mut net, ours, theirs) = established();
    let now = net.now;
    net.agents[CALLEE]
        .answer_refers(theirs, 202)
        .expect("it lives");
    net.agents[CALLER]
        .refer(now, ours, "sip:agent@192.0.2.9", None)
        .expect("it is confirmed");
    net.settle();
    assert_eq!(net.told(CALLEE), ["Referred sip:agent@192.0.2.9"]);
    // The last is one too many: who hears no more of it says so, and the call goes on.
    for status in [180, 486, 200] {
        let told = net.agents[CALLEE].notify_refer(net.now, theirs, status);
        told.expect("it is confirmed");
        net.settle();
    }
    assert_eq!(
        net.told(CALLER),
        [
            "ReferAccepted 202",
            "ReferProgress Some(180) false",
            "ReferProgress Some(486) true"
        ]
    );
    assert_eq!(net.told(CALLEE), [""; 0]);
}

#[test]
fn an_attended_refer_names_the_other_dialog() {
    let (mut net, _, first) = established();
    let (_, second) = net.established();
    let now = net.now;
    net.agents[CALLEE]
        .refer(now, first, "sip:agent@192.0.2.9", Some(second))
        .expect("both are confirmed");
    let refer = sent_request(&mut net);
    let to = refer
        .headers
        .refer_to()
        .expect("it has one")
        .uri
        .to_string();
    assert!(to.starts_with("sip:agent@192.0.2.9?Replaces="), "{to}");
    assert!(
        to.contains("%3Bto-tag%3D") && to.contains("%3Bfrom-tag%3D"),
        "{to}"
    );
}

/// The callee's next message, which must be a request; the network does not get it.
fn sent_request(net: &mut Network) -> Request {
    let transmit = net.agents[CALLEE]
        .poll_transmit()
        .expect("a request is out");
    match Message::parse(&transmit.bytes) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn header(request: &Request, name: &str) -> String {
    let field = request
        .headers
        .fields()
        .iter()
        .find(|field| field.name.as_bytes().eq_ignore_ascii_case(name.as_bytes()));
    String::from_utf8_lossy(&field.expect("it is there").value).into_owned()
}

fn answer(net: &mut Network, request: &Request, status: &str) {
    let copied: String = ["Via", "From", "To", "Call-ID", "CSeq"]
        .map(|name| format!("{name}: {}\r\n", header(request, name)))
        .concat();
    let text = format!("SIP/2.0 {status}\r\n{copied}Content-Length: 0\r\n\r\n");
    let flow = net.flow(CALLEE);
    net.agents[CALLEE].receive(net.now, flow, text.as_bytes());
    net.drain();
}

/// The answer's status.
fn notify(
    net: &mut Network,
    refer: &Request,
    cseq: u32,
    event: &str,
    state: &str,
    frag: &str,
) -> u16 {
    let text = format!(
        "NOTIFY sip:x@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{cseq}\r\n\
         From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nEvent: {event}\r\n\
         Subscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n\
         Content-Length: {}\r\n\r\n{frag}",
        address(CALLER),
        header(refer, "To"),
        header(refer, "From"),
        header(refer, "Call-ID"),
        frag.len(),
    );
    let flow = net.flow(CALLEE);
    net.agents[CALLEE].receive(net.now, flow, text.as_bytes());
    let transmit = net.agents[CALLEE].poll_transmit().expect("it is answered");
    net.drain();
    match Message::parse(&transmit.bytes) {
        Ok(Message::Response(response)) => response.status,
        other => panic!("{other:?}"),
    }
}
