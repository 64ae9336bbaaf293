//! What the parser takes, reads and refuses.

use crate::{PARSERS_STATUSES, cases, named};
use bytes::BytesMut;
use tokio_util::codec::Decoder;
use zeroline::sip::framing::{Frame, SipCodec};
use zeroline::sip::header::Header;
use zeroline::sip::message::{Message, Request, Response};
use zeroline::sip::method::Method;
use zeroline::sip::multipart::body_part;
use zeroline::sip::via::Via;

#[test]
fn every_message_is_taken_or_refused_by_the_parser() {
    let Some(cases) = cases() else { return };
    assert_eq!(cases.len(), 49 + 12);
    for case in cases {
        let passes = |outcome: &str| case.pass_udp.iter().any(|pass| pass == outcome);
        let refuses = case
            .pass_udp
            .iter()
            .all(|p| PARSERS_STATUSES.contains(&p.as_str()));
        match Message::parse(&case.octets) {
            Ok(Message::Request(_)) => assert!(!refuses, "{} was taken", case.name),
            Ok(Message::Response(_)) => assert!(passes("none"), "{} is a response", case.name),
            Err(error) if error.discard => assert!(passes("none"), "{}: {error}", case.name),
            Err(error) => {
                let status = error.status.to_string();
                assert!(passes(&status), "{}: {error}", case.name);
                let answer = error.response().expect("not discarded");
                assert!(answer.headers.has(Header::Via), "{}", case.name);
            }
        }
    }
}

/// The unterminated file hides a second fault: with its empty line it is refused for the right one.
#[test]
fn an_unquoted_display_name_is_no_token_list() {
    let Some(case) = named("baddn") else { return };
    let octets = [&case.octets[..], b"\r\n"].concat();
    let error = Message::parse(&octets).expect_err("malformed");
    assert_eq!(
        (error.status, error.reason),
        (400, "Malformed display name")
    );
}

fn request(name: &str) -> Option<Request> {
    match Message::parse(&named(name)?.octets) {
        Ok(Message::Request(request)) => Some(request),
        other => panic!("{name}: {other:?}"),
    }
}

fn response(name: &str) -> Option<Response> {
    match Message::parse(&named(name)?.octets) {
        Ok(Message::Response(response)) => Some(response),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn wsinv_reads_through_folding_and_escapes() {
    let Some(request) = request("wsinv") else {
        return;
    };
    let headers = &request.headers;
    assert_eq!(request.method, Method::Invite);
    assert_eq!(
        request.uri.to_string(),
        "sip:vivekg@chair-dnrc.example.com;unknownparam"
    );
    let to = headers.to().expect("a To");
    assert_eq!(
        (to.uri.to_string().as_str(), to.tag()),
        ("sip:vivekg@chair-dnrc.example.com", Some("1918181833n"))
    );
    let from = headers.from().expect("a From");
    assert_eq!(from.display_name().as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(headers.max_forwards(), Some(68));
    assert_eq!(headers.call_id(), Some("wsinv.ndaksdj@192.0.2.1"));
    assert_eq!(headers.cseq().expect("a CSeq").to_string(), "9 INVITE");
    let vias: Vec<String> = headers.vias().iter().map(Via::to_string).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
            "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
        ]
    );
    assert_eq!(
        headers.get_other("NewFangledHeader").expect("kept")[..],
        *b"newfangled value continued newfangled value"
    );
    assert_eq!(headers.routes().len(), 1);
    assert_eq!(
        headers
            .contact()
            .expect("a Contact")
            .params
            .get_unquoted("newparam")
            .as_deref(),
        Some("newvalue")
    );
    assert_eq!(request.body.len(), 150);
}

#[test]
fn intmeth_keeps_method_uri_and_utf8() {
    let Some(request) = request("intmeth") else {
        return;
    };
    assert_eq!(
        request.method.as_str(),
        "!interesting-Method0123456789_*+`.%indeed'~"
    );
    let uri = request.uri.as_sip().expect("a SIP URI");
    assert_eq!(
        uri.user.as_deref(),
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(
        uri.password.as_deref(),
        Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    );
    let from = request.headers.from().expect("a From");
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(
        request
            .headers
            .to()
            .expect("a To")
            .display_name()
            .as_deref(),
        Some("BEL:\x07 NUL:\0 DEL:\x7f")
    );
}

#[test]
fn escapes_are_data() {
    let Some(esc01) = request("esc01") else {
        return;
    };
    assert_eq!(esc01.uri.user(), "sips:user@example.com");
    let contact = esc01.headers.contact().expect("a Contact");
    assert_eq!(contact.uri.user(), "caller");
    let Some(escnull) = request("escnull") else {
        return;
    };
    let users: Vec<String> = escnull
        .headers
        .contacts()
        .iter()
        .map(|c| c.uri.user())
        .collect();
    assert_eq!(users, ["\0", "\0\0"]);
    let Some(semiuri) = request("semiuri") else {
        return;
    };
    assert_eq!(semiuri.uri.user(), "user;par=u@example.net");
}

#[test]
fn trailing_octets_are_not_read() {
    let Some(dblreq) = request("dblreq") else {
        return;
    };
    assert_eq!((dblreq.method, dblreq.body.len()), (Method::Register, 0));
    let Some(mpart01) = request("mpart01") else {
        return;
    };
    assert_eq!(mpart01.body.len(), 553);
    assert!(
        body_part(&mpart01.headers, &mpart01.body, "text/plain")
            .is_some_and(|part| &part[..] == b"Hello")
    );
    let binary = body_part(&mpart01.headers, &mpart01.body, "application/octet-stream");
    assert!(binary.is_some_and(|part| part.starts_with(b"\x30\x82")));
}

#[test]
fn every_transport_is_read() {
    let Some(request) = request("transports") else {
        return;
    };
    let names: Vec<String> = request
        .headers
        .vias()
        .iter()
        .map(|via| via.transport.to_string())
        .collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn reason_phrases_are_kept_byte_for_byte() {
    let Some(unreason) = response("unreason") else {
        return;
    };
    let reason = "= 2**3 * 5**2 но сто девяносто девять - простое";
    assert_eq!(
        (unreason.status, &unreason.reason[..]),
        (200, reason.as_bytes())
    );
    let Some(noreason) = response("noreason") else {
        return;
    };
    assert_eq!((noreason.status, &noreason.reason[..]), (100, &b""[..]));
}

#[test]
fn an_ipv6_references_brackets_are_heeded() {
    let Some(ambiguous) = request("port-ambiguous") else {
        return;
    };
    assert_eq!(ambiguous.uri.to_string(), "sip:[2001:db8::10:5070]");
    let Some(unambiguous) = request("port-unambiguous") else {
        return;
    };
    assert_eq!(unambiguous.uri.to_string(), "sip:[2001:db8::10]:5070");
    for name in [
        "via-received-param-with-delim",
        "via-received-param-no-delim",
    ] {
        let Some(request) = request(name) else { return };
        let via = request.headers.top_via().expect("a Via");
        assert_eq!(
            via.received(),
            Some("2001:db8::9:255".parse().expect("an address")),
            "{name}"
        );
    }
}

#[test]
fn a_bare_magic_cookie_names_no_transaction() {
    let Some(request) = request("badbranch") else {
        return;
    };
    let via = request.headers.top_via().expect("a Via");
    assert_eq!(
        (via.branch(), via.rfc3261_branch()),
        (Some("z9hG4bK"), None)
    );
}

/// Over TCP each message leaves the stream as the RFCs ask: taken, refused, or closed.
#[test]
fn every_message_is_framed_on_a_stream() {
    let Some(cases) = cases() else { return };
    for case in cases {
        let passes = |outcome: &str| case.pass_tcp.iter().any(|pass| pass == outcome);
        let refuses = case
            .pass_tcp
            .iter()
            .all(|p| PARSERS_STATUSES.contains(&p.as_str()) || p == "close");
        let mut stream = BytesMut::from(&case.octets[..]);
        let mut codec = SipCodec::default();
        let first = codec.decode(&mut stream).expect("no I/O");
        match first.or(codec.decode_eof(&mut stream).expect("no I/O")) {
            Some(Frame::Message(Message::Request(_))) => {
                assert!(!refuses, "{} was taken", case.name)
            }
            Some(Frame::Message(Message::Response(_))) => assert!(passes("none"), "{}", case.name),
            Some(Frame::Malformed(error) | Frame::Broken(error)) if error.discard => {
                assert!(passes("none"), "{}: {error}", case.name);
            }
            Some(Frame::Malformed(error)) => {
                assert!(passes(&error.status.to_string()), "{}: {error}", case.name);
            }
            Some(Frame::Broken(error)) => {
                assert!(passes("close") || passes("400"), "{}: {error}", case.name);
            }
            other => panic!("{}: {other:?}", case.name),
        }
    }
}
