//! What a person is told about the caller in the headers of the call to them: User-to-User for
//! exchanges and desktops that know it, and plain `X-Zeroline-…` for all others. Bounded, for it
//! has to go through in one datagram; a webhook tells the whole.
//!
//! Every text is in printable ASCII: what is not, what separates, and `%` itself are percent-encoded
//! from UTF-8 (RFC 3986, 2.1), so that nothing a caller says can end a header or begin another.

use crate::events::{CallRef, Pace};
use crate::language::Language;
use std::fmt::Write;

/// Of user information, beside the protocol discriminator (RFC 7434; ITU-T Q.931, 4.5.30).
const MAX_USER_INFORMATION: usize = 128;
/// "IA5 characters": the text is ASCII.
const IA5: u8 = 0x04;
/// Of an encoded text that is a header's value.
const MAX_VALUE: usize = 96;
/// Of the headers of all slots, names and values.
const MAX_SLOTS: usize = 256;

/// What is known of a caller who is passed on to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    pub call: CallRef,
    /// The node at which the way to a person began.
    pub wish: Option<String>,
    pub language: Language,
    pub pace: Pace,
    /// As in the call's record.
    pub steps: u32,
    pub depth: u32,
    /// Slots' names and what may be told of them, the most useful first: of a sensitive one that it
    /// was given, or its last four digits where these are shared.
    pub slots: Vec<(String, String)>,
}

/// The headers' names and values, `User-to-User` first. What does not fit is left out whole; the
/// call's reference never is.
pub fn headers(context: &Context) -> Vec<(String, String)> {
    let wish = context.wish.as_deref().filter(|wish| !wish.is_empty());
    let language = context.language.tag().to_owned();
    let elder = (context.pace == Pace::Elder).then_some("elder");
    let (steps, depth) = (context.steps.to_string(), context.depth.to_string());
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut pairs: Vec<(String, String)> = wish.iter().map(|wish| pair("wish", wish)).collect();
    pairs.extend(context.slots.iter().cloned());
    let counted = [
        ("language", &language),
        ("steps", &steps),
        ("depth", &depth),
    ];
    pairs.extend(elder.map(|elder| pair("pace", elder)));
    pairs.extend(counted.map(|(name, value)| pair(name, value)));

    let mut headers = vec![
        pair("User-to-User", &user_to_user(context.call, &pairs)),
        pair("X-Zeroline-Call", &context.call.to_string()),
        pair("X-Zeroline-Language", &language),
        pair("X-Zeroline-Steps", &steps),
        pair("X-Zeroline-Depth", &depth),
    ];
    headers.extend(elder.map(|elder| pair("X-Zeroline-Pace", elder)));
    let wish = wish.map(encoded).filter(|wish| wish.len() <= MAX_VALUE);
    headers.extend(wish.map(|wish| pair("X-Zeroline-Wish", &wish)));
    add_slots(&mut headers, &context.slots);
    headers
}

fn add_slots(headers: &mut Vec<(String, String)>, slots: &[(String, String)]) {
    let mut room = MAX_SLOTS;
    for (slot, value) in slots {
        let name = format!("X-Zeroline-Slot-{}", token(slot));
        let value = encoded(value);
        let is_there = headers
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&name));
        let length = name.len() + value.len();
        if !is_there && value.len() <= MAX_VALUE && length <= room {
            room -= length;
            headers.push((name, value));
        }
    }
}

/// The value of User-to-User (RFC 7433) in the package "isdn-uui" (RFC 7434): the octet 04 for text,
/// then `call=…;name=value;…` in hexadecimal. Pairs that would make it too long are left out.
fn user_to_user(call: CallRef, values: &[(String, String)]) -> String {
    let mut text = format!("call={call}");
    for (name, value) in values {
        let pair = format!(";{}={}", encoded(name), encoded(value));
        if text.len() + pair.len() <= MAX_USER_INFORMATION {
            text.push_str(&pair);
        }
    }
    let mut header = format!("{IA5:02x}");
    for octet in text.bytes() {
        // Writing to a String cannot fail.
        let _ = write!(header, "{octet:02x}");
    }
    header.push_str(";encoding=hex;purpose=isdn-uui;content=isdn-uui");
    header
}

/// A header's value, or a part of one.
fn encoded(text: &str) -> String {
    percent_encoded(text, |octet| {
        octet.is_ascii_graphic() && !b"%;=,\"\\<>".contains(&octet)
    })
}

/// A part of a header's name (RFC 3261, 25.1, token).
fn token(text: &str) -> String {
    percent_encoded(text, |octet| {
        octet.is_ascii_alphanumeric() || b"-_.!*+`'~".contains(&octet)
    })
}

fn percent_encoded(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match is_plain(octet) {
            true => encoded.push(char::from(octet)),
            // Writing to a String cannot fail.
            false => _ = write!(encoded, "%{octet:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;
    use proptest::prelude::*;

    fn context(wish: &str, slots: &[(&str, &str)]) -> Context {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        Context {
            call: CallRef::nil(),
            wish: Some(wish.to_owned()),
            language: Language::Zh,
            pace: Pace::Usual,
            steps: 4,
            depth: 2,
            slots: slots.iter().map(owned).collect(),
        }
    }

    /// The octets of a User-to-User value.
    fn octets(header: &str) -> Vec<u8> {
        let hex = header.split(';').next().expect("there is a first part");
        let pairs = (0..hex.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("it is hexadecimal"))
            .collect()
    }

    fn decoded(text: &str) -> String {
        let mut octets = Vec::new();
        let mut rest = text.bytes();
        while let Some(octet) = rest.next() {
            octets.push(match octet {
                b'%' => {
                    let hex = [rest.next(), rest.next()].map(|digit| digit.expect("two digits"));
                    let hex = std::str::from_utf8(&hex).expect("digits are ASCII");
                    u8::from_str_radix(hex, 16).expect("hexadecimal")
                }
                plain => plain,
            });
        }
        String::from_utf8(octets).expect("it was text")
    }

    fn value<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
        let header = headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_agent_is_told_what_the_caller_wants_gave_and_went_through() {
        let slots = [("tracking_number", "1234567890"), ("city", "北京")];
        let headers = headers(&context("refund", &slots));
        let told = |name| value(&headers, name).expect("it is told");
        assert_eq!(told("X-Zeroline-Call"), "00000000000000000000000000");
        assert_eq!(told("X-Zeroline-Wish"), "refund");
        assert_eq!(told("X-Zeroline-Language"), "zh");
        assert_eq!(told("X-Zeroline-Steps"), "4");
        assert_eq!(told("X-Zeroline-Depth"), "2");
        assert_eq!(told("X-Zeroline-Slot-tracking_number"), "1234567890");
        assert_eq!(told("X-Zeroline-Slot-city"), "%E5%8C%97%E4%BA%AC");
        assert_eq!(headers[0].0, "User-to-User");
        let user_to_user = octets(told("User-to-User"));
        assert_eq!(user_to_user[0], 4);
        let text = std::str::from_utf8(&user_to_user[1..]).expect("it is ASCII");
        assert_eq!(
            text,
            "call=00000000000000000000000000;wish=refund;tracking_number=1234567890;\
             city=%E5%8C%97%E4%BA%AC;language=zh;steps=4;depth=2"
        );
        let parameters = ";encoding=hex;purpose=isdn-uui;content=isdn-uui";
        assert!(told("User-to-User").ends_with(parameters));
    }

    #[test]
    fn what_is_too_long_is_left_out_and_what_comes_after_it_is_told() {
        let long = "x".repeat(97);
        let headers = headers(&context("main", &[("notes", &long), ("number", "7")]));
        assert_eq!(value(&headers, "X-Zeroline-Slot-notes"), None);
        assert_eq!(value(&headers, "X-Zeroline-Slot-number"), Some("7"));
        let told = octets(&headers[0].1);
        assert!(!told.contains(&b'x') && told.ends_with(b";number=7;language=zh;steps=4;depth=2"));
    }

    /// Texts with what ends and separates headers in them more often than chance would have it.
    fn nasty() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            3 => any::<String>(),
            2 => "[a-z0-9 ]{0,40}",
            1 => Just("\r\nX-Evil: 1".to_owned()),
            1 => Just("\r\n\r\nv=0".to_owned()),
            1 => Just("%0d%0a;=,\"<\\>\0\u{2028}".to_owned()),
        ];
        proptest::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
    }

    /// The headers as a peer reads them out of a request.
    fn as_received(headers: &[(String, String)]) -> Vec<(String, String)> {
        let mut text = String::from(
            "INVITE sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/UDP c.example;branch=z9hG4bK1\r\n\
             From: <sip:c@c.example>;tag=1\r\nTo: <sip:a@b.example>\r\nCall-ID: 1\r\n\
             CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n",
        );
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        let message = Message::parse(text.as_bytes()).expect("it is a request");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let all = message.headers().fields().iter().skip(7);
        all.map(|field| (text(field.name.as_bytes()), text(&field.value)))
            .collect()
    }

    #[test]
    fn who_takes_the_call_knows_to_speak_slowly() {
        let elder = Context {
            pace: Pace::Elder,
            ..context("main", &[])
        };
        let told = ("X-Zeroline-Pace".to_string(), "elder".to_string());
        assert!(headers(&elder).contains(&told));
        let usual = headers(&context("main", &[]));
        assert!(!usual.iter().any(|(name, _)| name.ends_with("-Pace")));
    }

    proptest! {
        #[test]
        fn nothing_that_a_caller_says_leaves_its_header(
            wish in proptest::option::of(nasty()),
            slots in proptest::collection::vec((nasty(), nasty()), 0..8),
            steps: u32,
        ) {
            let context = Context {
                call: CallRef::from_parts(u64::MAX >> 16, u128::MAX),
                wish: wish.clone(),
                pace: Pace::Elder,
                language: Language::En,
                steps,
                depth: u32::MAX,
                slots: slots.clone(),
            };
            let headers = headers(&context);
            prop_assert_eq!(&as_received(&headers), &headers);
            let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(size <= 900, "{size} octets");
            prop_assert!(octets(&headers[0].1).len() <= 1 + MAX_USER_INFORMATION);
            for (name, value) in &headers[1..] {
                let given = |slot: &str| slots.iter().any(|(known, it)| {
                    known.eq_ignore_ascii_case(slot) && *it == decoded(value)
                });
                match name.strip_prefix("X-Zeroline-Slot-") {
                    Some(slot) => prop_assert!(given(&decoded(slot)), "{name}: {value}"),
                    None if name == "X-Zeroline-Wish" => {
                        prop_assert_eq!(Some(decoded(value)), wish.clone())
                    }
                    None => prop_assert!(!value.contains('%')),
                }
            }
        }
    }
}
