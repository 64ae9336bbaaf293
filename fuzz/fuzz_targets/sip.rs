//! A datagram, and the same octets on a stream in two pieces, at the parser and at a user agent that
//! takes every call: nothing panics, what is taken is written and read back the same, and where a
//! stream is cut changes nothing.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use std::time::Instant;
use tokio_util::codec::Decoder;
use zeroline::sip::authorization::Authorization;
use zeroline::sip::challenge::Challenge;
use zeroline::sip::flow::{Flow, Protocol};
use zeroline::sip::framing::{Frame, SipCodec};
use zeroline::sip::header::Header;
use zeroline::sip::message::Message;
use zeroline::sip::multipart::body_part;
use zeroline::sip::user_agent::UserAgent;
use zeroline::sip::user_agent::config::Config;
use zeroline::sip::user_agent::event::Event;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fuzz_target!(|octets: &[u8]| {
    match Message::parse(octets) {
        Ok(message) => {
            let read_back = Message::parse(&written(&message)).expect("what was written is read");
            assert_eq!(written(&read_back), written(&message));
            look(&message);
        }
        Err(error) => {
            if let Some(response) = error.response() {
                response.to_bytes(&mut vec![]);
            }
        }
    }
    let cut = octets.len() / 2;
    let (start, rest) = octets.split_at(cut);
    let uncounted = octets
        .windows(3)
        .any(|window| window.eq_ignore_ascii_case(b"sdp"));
    let (whole, pieces) = (frames(&[octets]), frames(&[start, rest]));
    // Only what RFC 2543's clients send uncounted depends on how it comes.
    assert!(uncounted || whole == pieces);
    answer(whole);
});

/// One user agent gets all of a stream's messages, and time to be done with them.
fn answer(frames: Vec<Frame>) {
    let mut agent = UserAgent::new(Config::default(), 1);
    let mut now = *START;
    let flow = Flow {
        protocol: Protocol::Tcp,
        local: "192.0.2.9:5060".parse().expect("an address"),
        remote: "192.0.2.8:5070".parse().expect("an address"),
    };
    for frame in frames {
        match frame {
            Frame::Message(message) => agent.receive_message(now, flow, message),
            Frame::Malformed(error) | Frame::Broken(error) => agent.receive_bad(flow, &error),
            Frame::Ping => {}
        }
        while let Some(event) = agent.poll_event() {
            if let Event::Incoming(incoming) = event {
                let taken = agent.accept(now, incoming.leg, Bytes::from_static(b"v=0\r\n"));
                taken.expect("an incoming call can be taken");
            }
        }
    }
    for _ in 0..10_000 {
        while agent.poll_transmit().is_some() {}
        let Some(next) = agent.next_timeout() else {
            return;
        };
        now = next.max(now);
        agent.handle_timeout(now);
    }
    assert!(agent.next_timeout().is_none(), "it never comes to rest");
}

fn written(message: &Message) -> Vec<u8> {
    let mut out = vec![];
    message.to_bytes(&mut out);
    out
}

/// Asks for every typed value.
fn look(message: &Message) {
    let headers = message.headers();
    for via in headers.vias() {
        via.branch();
    }
    if let (Some(from), Some(to)) = (headers.from(), headers.to()) {
        assert!(from.uri.equivalent(&from.uri) && to.uri.equivalent(&to.uri));
        from.display_name();
    }
    for contact in headers.contacts() {
        contact.uri.user();
    }
    headers.cseq();
    headers.rack();
    headers.session_expires();
    headers.replaces();
    headers.refer_to();
    headers.user_to_user();
    headers.accepts("application/sdp");
    Challenge::strongest(headers, Header::WwwAuthenticate);
    if let Some(Ok(authorization)) = headers
        .get(Header::Authorization)
        .map(|v| Authorization::parse(v))
    {
        authorization.verify("password", "INVITE", b"");
    }
    if let Message::Request(request) = message {
        body_part(&request.headers, &request.body, "application/sdp");
        let mut request = request.clone();
        request.mark_received("192.0.2.1:9".parse().expect("an address"));
    }
}

fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut codec, mut stream, mut frames) = (SipCodec::default(), BytesMut::new(), vec![]);
    for piece in pieces {
        stream.extend_from_slice(piece);
        while let Some(frame) = codec.decode(&mut stream).expect("no I/O here") {
            frames.push(frame);
        }
    }
    while let Some(frame) = codec.decode_eof(&mut stream).expect("no I/O here") {
        frames.push(frame);
    }
    frames
}
