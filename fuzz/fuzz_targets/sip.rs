//! A datagram, and the same octets on a stream in two pieces: neither panics, what is taken is
//! written and read back the same, and where a stream is cut changes nothing.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder;
use zeroline::sip::authorization::Authorization;
use zeroline::sip::challenge::Challenge;
use zeroline::sip::framing::{Frame, SipCodec};
use zeroline::sip::header::Header;
use zeroline::sip::message::Message;
use zeroline::sip::multipart::body_part;

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
    let uncounted = octets.windows(3).any(|window| window.eq_ignore_ascii_case(b"sdp"));
    let (whole, pieces) = (frames(&[octets]), frames(&[start, rest]));
    // Only what RFC 2543's clients send uncounted depends on how it comes.
    assert!(uncounted || whole == pieces);
});

fn written(message: &Message) -> Vec<u8> {
    let mut out = vec![];
    message.to_bytes(&mut out);
    out
}

/// Asks for every typed value.
fn look(message: &Message) {
    let headers = message.headers();
    for via in headers.vias() {
        via.response_target();
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
    if let Some(Ok(authorization)) = headers.get(Header::Authorization).map(|v| Authorization::parse(v)) {
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
