//! SIP on streams (RFC 3261, 18.3; keep-alives: RFC 5626, 4.4.1): a `tokio_util` codec.

use crate::sip::header::Header;
use crate::sip::message::Message;
use crate::sip::parser::{Head, MAX_HEAD, MAX_MESSAGE, ParseError};
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use tokio_util::codec::{Decoder, Encoder};

/// What comes out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Message(Message),
    /// A message that cannot be taken, but ends where its Content-Length says: the stream goes on.
    Malformed(ParseError),
    /// Where the message ends cannot be known: answer and close. Nothing more is read.
    Broken(ParseError),
    /// A keep-alive, to be answered with [`PONG`].
    Ping,
}

/// The answer to a [`Frame::Ping`].
pub const PONG: &[u8] = b"\r\n";

/// Cuts a stream into messages. Holds at most one message of [`MAX_MESSAGE`] octets.
#[derive(Debug, Default)]
pub struct SipCodec {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before a message's empty line; so many octets have been searched for it.
    Head {
        searched: usize,
    },
    /// The head is read, and a body of so many octets follows.
    Body {
        head: Head,
        length: usize,
    },
    /// The head is read, and an SDP body follows that no Content-Length counts (RFC 2543).
    Uncounted {
        head: Head,
    },
    Broken,
}

impl Default for State {
    fn default() -> State {
        State::Head { searched: 0 }
    }
}

/// What one look at the octets led to.
enum Step {
    /// A frame is out, and the next message begins.
    Out(Frame),
    /// The last frame of this stream is out.
    Last(ParseError),
    /// Go on in this state.
    On(State),
    /// Go on in this state when more has come.
    More(State),
}

impl Decoder for SipCodec {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, stream: &mut BytesMut) -> io::Result<Option<Frame>> {
        self.advance(stream, false)
    }

    /// What a closed stream leaves unfinished is malformed.
    fn decode_eof(&mut self, stream: &mut BytesMut) -> io::Result<Option<Frame>> {
        self.advance(stream, true)
    }
}

impl SipCodec {
    /// Whether a part of a message is there; `rest` is what the codec has left in the stream.
    pub fn has_begun(&self, rest: &[u8]) -> bool {
        match self.state {
            State::Head { .. } => !rest.trim_ascii().is_empty(),
            State::Body { .. } | State::Uncounted { .. } => true,
            State::Broken => false,
        }
    }

    fn advance(&mut self, stream: &mut BytesMut, ended: bool) -> io::Result<Option<Frame>> {
        loop {
            let step = match std::mem::replace(&mut self.state, State::Broken) {
                State::Head { searched } => read_head(searched, stream, ended),
                State::Body { head, length } => read_body(head, length, stream, ended),
                State::Uncounted { head } => read_uncounted(head, stream, ended),
                State::Broken => {
                    stream.clear();
                    return Ok(None);
                }
            };
            match step {
                Step::On(state) => self.state = state,
                Step::More(state) => {
                    self.state = state;
                    return Ok(None);
                }
                Step::Out(frame) => {
                    self.state = State::default();
                    return Ok(Some(frame));
                }
                Step::Last(error) => return Ok(Some(Frame::Broken(error))),
            }
        }
    }
}

fn read_head(searched: usize, stream: &mut BytesMut, ended: bool) -> Step {
    if searched == 0 && skip_line_ends(stream) {
        return Step::Out(Frame::Ping);
    }
    let Some(length) = head_length(stream, searched) else {
        if stream.len() > MAX_HEAD {
            let head = Head::parse(stream.split().freeze());
            return Step::Last(head.refuse(513, "Message Too Large"));
        }
        if ended && stream.trim_ascii().is_empty() {
            stream.clear();
        } else if ended {
            let head = Head::parse(stream.split().freeze());
            return Step::Last(head.refuse(400, "Missing empty line"));
        }
        // The last octets may begin the empty line; before the first octet, line ends are skipped.
        let searched = match stream.first() {
            None | Some(b'\r' | b'\n') => 0,
            Some(_) => stream.len().saturating_sub(2),
        };
        return Step::More(State::Head { searched });
    };
    let head = Head::parse(stream.split_to(length).freeze());
    let typed = head.headers().has(Header::ContentType);
    match head.content_length() {
        _ if !head.is_sip() => Step::Last(head.refuse(400, "Malformed start line")),
        Ok(Some(body)) if length.saturating_add(body) > MAX_MESSAGE => {
            Step::Last(head.refuse(513, "Message Too Large"))
        }
        Ok(Some(length)) => Step::On(State::Body { head, length }),
        Ok(None) if !typed => Step::On(State::Body { head, length: 0 }),
        Ok(None) if is_sdp(&head) => Step::On(State::Uncounted { head }),
        Ok(None) => Step::Last(head.refuse(400, "Missing Content-Length")),
        Err(malformed) => Step::Last(head.refuse(400, malformed.0)),
    }
}

fn read_body(head: Head, length: usize, stream: &mut BytesMut, ended: bool) -> Step {
    if stream.len() >= length {
        return Step::Out(message(head, stream.split_to(length).freeze()));
    }
    if ended {
        return Step::Last(head.refuse(400, "Body shorter than Content-Length"));
    }
    Step::More(State::Body { head, length })
}

/// RFC 2543's clients send their SDP uncounted and wait: what has come of it, by its lines' look, is
/// all of it.
fn read_uncounted(head: Head, stream: &mut BytesMut, ended: bool) -> Step {
    if stream.is_empty() && !ended {
        return Step::More(State::Uncounted { head });
    }
    let is_sdp = |line: &&[u8]| matches!(line, [b'a'..=b'z', b'=', ..]);
    let lines = stream.split_inclusive(|byte| *byte == b'\n');
    let length = lines.take_while(is_sdp).map(<[u8]>::len).sum();
    Step::Out(message(head, stream.split_to(length).freeze()))
}

fn message(head: Head, body: Bytes) -> Frame {
    match head.with_body(body) {
        Ok(message) => Frame::Message(message),
        Err(error) => Frame::Malformed(error),
    }
}

fn is_sdp(head: &Head) -> bool {
    let content_type = head.headers().content_type();
    content_type.is_some_and(|content_type| &*content_type.essence == "application/sdp")
}

/// Drops line ends between messages, and tells whether they were a ping: CRLF twice. Keeps what may
/// yet become one.
fn skip_line_ends(stream: &mut BytesMut) -> bool {
    loop {
        let skip = match &stream[..] {
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                stream.advance(4);
                return true;
            }
            [b'\r', b'\n', b'\r'] | [b'\r', b'\n'] | [b'\r'] => 0,
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        if skip == 0 {
            return false;
        }
        stream.advance(skip);
    }
}

/// Octets up to and with the empty line.
fn head_length(stream: &[u8], searched: usize) -> Option<usize> {
    let mut at = searched;
    loop {
        let rest = stream.get(at..)?;
        at += rest.iter().position(|byte| *byte == b'\n')? + 1;
        match stream.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// Writes a message that is serialised already.
impl Encoder<Bytes> for SipCodec {
    type Error = io::Error;

    fn encode(&mut self, message: Bytes, stream: &mut BytesMut) -> io::Result<()> {
        stream.extend_from_slice(&message);
        Ok(())
    }
}

impl Encoder<&Message> for SipCodec {
    type Error = io::Error;

    fn encode(&mut self, message: &Message, stream: &mut BytesMut) -> io::Result<()> {
        let mut octets = Vec::with_capacity(1024);
        message.to_bytes(&mut octets);
        stream.extend_from_slice(&octets);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
        From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

    /// Feeds the octets in pieces of so many, and says what came out.
    fn frames(octets: &[u8], piece: usize) -> Vec<Frame> {
        let (mut codec, mut stream, mut out) = (SipCodec::default(), BytesMut::new(), vec![]);
        for chunk in octets.chunks(piece) {
            stream.extend_from_slice(chunk);
            while let Some(frame) = codec.decode(&mut stream).expect("no I/O") {
                out.push(frame);
            }
        }
        while let Some(frame) = codec.decode_eof(&mut stream).expect("no I/O") {
            out.push(frame);
        }
        assert!(stream.is_empty());
        out
    }

    /// `M`essage with its body, malformed or broken with its status, `P`ing.
    fn check(octets: &str, expected: &str) {
        let look = |frame: &Frame| match frame {
            Frame::Message(Message::Request(request)) => {
                format!("M({})", String::from_utf8_lossy(&request.body))
            }
            Frame::Message(Message::Response(response)) => response.status.to_string(),
            Frame::Malformed(error) => format!("malformed {}", error.status),
            Frame::Broken(error) => format!("broken {}", error.status),
            Frame::Ping => "P".to_owned(),
        };
        for piece in 1..octets.len() + 1 {
            let out: Vec<String> = frames(octets.as_bytes(), piece).iter().map(look).collect();
            assert_eq!(out.join(" "), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn messages_end_where_content_length_says() {
        let one = format!("{HEAD}Content-Length: 2\r\n\r\nab");
        let two = format!("{HEAD}l:0\r\n\r\n");
        check(&format!("{one}{two}{one}"), "M(ab) M() M(ab)");
        check(
            &format!("{HEAD}l: 1\r\n\r\nx").replace("\r\n", "\n"),
            "M(x)",
        );
    }

    #[test]
    fn keep_alives_are_seen_between_messages() {
        let one = format!("{HEAD}l: 0\r\n\r\n");
        check(
            &format!("\r\n\r\n{one}\r\n\r\n\r\n{one}\r\n"),
            "P M() P M()",
        );
        check(&format!("\n\r{one}"), "M()");
    }

    #[test]
    fn without_a_content_length_only_bodiless_messages_are_taken() {
        check(&format!("{HEAD}\r\n{HEAD}\r\n"), "M() M()");
        check(
            &format!("{HEAD}Content-Type: text/plain\r\n\r\nhello"),
            "broken 400",
        );
    }

    #[test]
    fn uncounted_sdp_is_taken_as_it_comes() {
        let octets = format!("{HEAD}Content-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n{HEAD}\r\n");
        let out = frames(octets.as_bytes(), octets.len());
        assert!(
            matches!(&out[0], Frame::Message(Message::Request(r)) if &r.body[..] == b"v=0\r\ns=-\r\n")
        );
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn what_cannot_be_framed_breaks_the_stream() {
        for length in ["-1", "x", "", "99999999999999999999", "1\r\nl: 1"] {
            let octets = format!("{HEAD}Content-Length: {length}\r\n\r\nab{HEAD}l: 0\r\n\r\n");
            check(&octets, "broken 400");
        }
        check(
            &format!("{HEAD}Content-Length: 70000\r\n\r\n"),
            "broken 513",
        );
        check("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "broken 400");
        check(&format!("{HEAD}Content-Length: 3\r\n\r\nab"), "broken 400");
        check(HEAD, "broken 400");
    }

    #[test]
    fn a_malformed_message_leaves_the_stream_whole() {
        let bad = HEAD.replace("CSeq: 1", "CSeq: x");
        check(
            &format!("{bad}l: 2\r\n\r\nab{HEAD}l: 0\r\n\r\n"),
            "malformed 400 M()",
        );
    }

    #[test]
    fn an_endless_head_is_bounded() {
        let octets = format!("{HEAD}X: {}", "x".repeat(2 * MAX_MESSAGE));
        let out = frames(octets.as_bytes(), 1000);
        assert!(matches!(&out[..], [Frame::Broken(error)] if error.status == 513));
    }

    #[test]
    fn what_is_encoded_comes_back() {
        let Some(Frame::Message(message)) =
            frames(format!("{HEAD}l: 1\r\n\r\nx").as_bytes(), 7).pop()
        else {
            panic!("no message");
        };
        let mut stream = BytesMut::new();
        SipCodec::default()
            .encode(&message, &mut stream)
            .expect("no I/O");
        assert_eq!(frames(&stream, 3), [Frame::Message(message)]);
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(format!("{HEAD}l: 3\r\n\r\nabc")),
            Just(format!("{HEAD}l: 0\n\n")),
            Just("\r\n".to_owned()),
            Just("\r\n\r\n".to_owned()),
            Just("\n".to_owned()),
            "[ -~\r\n]{0,40}",
            Just(format!("{HEAD}l: 2\r\n\r\nab").replace("CSeq", "CSeg")),
        ]
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(pieces in prop::collection::vec(piece(), 0..8), size in 1usize..200) {
            let octets = pieces.concat();
            let whole = frames(octets.as_bytes(), octets.len().max(1));
            prop_assert_eq!(frames(octets.as_bytes(), size), whole);
        }
    }
}
