//! Requests and responses (RFC 3261, 7).

use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::method::Method;
use crate::sip::parser::{self, ParseError};
use crate::sip::uri::Uri;
use bytes::Bytes;
use std::borrow::Cow;
use std::net::SocketAddr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: Headers,
    pub body: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// As it was written; may be empty, may be no UTF-8.
    pub reason: Bytes,
    pub headers: Headers,
    pub body: Bytes,
}

impl Message {
    /// Reads one datagram. Octets beyond Content-Length are ignored (RFC 3261, 18.3).
    pub fn parse(datagram: &[u8]) -> Result<Message, ParseError> {
        parser::parse(Bytes::copy_from_slice(datagram))
    }

    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    pub fn to_bytes(&self, out: &mut Vec<u8>) {
        match self {
            Message::Request(request) => request.to_bytes(out),
            Message::Response(response) => response.to_bytes(out),
        }
    }
}

impl Request {
    pub fn new(method: Method, uri: impl Into<Uri>) -> Request {
        Request {
            method,
            uri: uri.into(),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    /// Notes in the topmost Via where the request came from (RFC 3261, 18.2.1; RFC 3581, 4).
    pub fn mark_received(&mut self, source: SocketAddr) {
        if let Some(mut via) = self.headers.top_via() {
            via.mark_received(source);
            self.headers.set_first(Header::Via, &via.to_bytes());
        }
    }

    /// Appends the message's octets; Content-Length is written by the body's true length.
    pub fn to_bytes(&self, out: &mut Vec<u8>) {
        let start = format!("{} {} SIP/2.0\r\n", self.method, self.uri);
        out.extend_from_slice(start.as_bytes());
        write_rest(&self.headers, &self.body, out);
    }
}

impl Response {
    /// A response to `request` with what RFC 3261, 8.2.6.2 has copied: Via, From, To, Call-ID, CSeq,
    /// and Timestamp on a 100. The To tag is the caller's to add.
    pub fn to_request(
        request: &Request,
        status: u16,
        reason: impl Into<Cow<'static, str>>,
    ) -> Response {
        Response::to_headers(&request.headers, status, reason)
    }

    pub(crate) fn to_headers(
        request: &Headers,
        status: u16,
        reason: impl Into<Cow<'static, str>>,
    ) -> Response {
        let mut headers = Headers::default();
        for header in [
            Header::Via,
            Header::From,
            Header::To,
            Header::CallId,
            Header::CSeq,
        ] {
            headers.copy(request, header);
        }
        if status == 100 {
            headers.copy(request, Header::Timestamp);
        }
        let reason = match reason.into() {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        Response {
            status,
            reason,
            headers,
            body: Bytes::new(),
        }
    }

    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// Appends the message's octets; Content-Length is written by the body's true length.
    pub fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("SIP/2.0 {} ", self.status).as_bytes());
        let line_end = |byte: &&u8| !matches!(byte, b'\r' | b'\n');
        out.extend(self.reason.iter().filter(line_end));
        out.extend_from_slice(b"\r\n");
        write_rest(&self.headers, &self.body, out);
    }
}

fn write_rest(headers: &Headers, body: &[u8], out: &mut Vec<u8>) {
    for field in headers.fields() {
        if field.name.is(Header::ContentLength) {
            continue;
        }
        out.extend_from_slice(field.name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(&field.value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INVITE: &str = "INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        Max-Forwards: 70\r\nFrom: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: 1\r\n\
        CSeq: 1 INVITE\r\nContact: <sip:b@h>\r\n";

    fn request(octets: &[u8]) -> Request {
        match Message::parse(octets) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    /// An INVITE with `from` replaced by `to`: `ok`, or the status and whether it may be answered.
    fn check(from: &str, to: &str, expected: &str) {
        let text = format!("{INVITE}l: 0\r\n\r\n").replacen(from, to, 1);
        let got = match Message::parse(text.as_bytes()) {
            Ok(_) => "ok".to_owned(),
            Err(error) if error.discard => format!("{}, discarded", error.status),
            Err(error) => error.status.to_string(),
        };
        assert_eq!(got, expected, "{to:?} for {from:?}");
    }

    #[test]
    fn line_ends_folding_case_and_compact_forms_do_not_matter() {
        check("INVITE sip", "\r\n\nINVITE sip", "ok");
        check("From: ", "fROM\t : \r\n ", "ok");
        check("CSeq: 1 INVITE", "cseq: 1\r\n\t \r\n INVITE", "ok");
        check("Contact", "m", "ok");
        let lf = format!("{INVITE}\r\n").replace("\r\n", "\n");
        assert_eq!(
            request(lf.as_bytes()),
            request(format!("{INVITE}\r\n").as_bytes())
        );
    }

    #[test]
    fn start_lines() {
        check("SIP/2.0\r\nVia", "sip/2.0 \r\nVia", "ok");
        check("sip:a@h", "tel:+441", "ok");
        check("sip:a@h", "sips:a@h", "ok");
        check("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", "505");
        check("SIP/2.0\r\nVia", "SIP/2.x\r\nVia", "400");
        check("SIP/2.0\r\nVia", "HTTP/1.1\r\nVia", "400, discarded");
        check("sip:a@h", "mailto:a@h", "416");
        check("sip:a@h", "", "400");
        check("sip:a@h", &format!("sip:{}@h", "a".repeat(9000)), "414");
        check("INVITE sip", "INV@TE sip", "400, discarded");
    }

    #[test]
    fn what_must_be_there_once() {
        for name in ["From: ", "To: ", "Call-ID: ", "CSeq: "] {
            check(name, &format!("X{name}"), "400");
        }
        check("Via: ", "XVia: ", "400, discarded");
        check("Max-Forwards: 70\r\n", "", "ok");
        check("To: ", "t: <sip:c@h>\r\nTo: ", "400");
        check("To: ", "Subject: 1\r\ns: 2\r\nTo: ", "ok");
        check("l: 0", "l: 0\r\nContent-Length: 0", "400");
        check("Call-ID: 1", "Call-ID:", "400");
    }

    #[test]
    fn values_that_cannot_be_right() {
        check("CSeq: 1 ", "CSeq: 2147483648 ", "400");
        check("CSeq: 1 INVITE", "CSeq: 1 BYE", "400");
        check("Max-Forwards: 70", "Max-Forwards: 256", "400");
        check("l: 0", "l: 1", "400");
        check("<sip:b@h>\r\nl", "<sip:b@h>, <sip:c@h\r\nl", "400");
        check("To: ", "Record-Route: <bad>\r\nTo: ", "400");
        check("To: ", "no colon\r\nTo: ", "400");
        check("To: ", "X: a\rb\r\nTo: ", "400");
        check("\r\n\r\n", "\r\n", "400");
    }

    #[test]
    fn an_ack_and_a_response_are_never_answered() {
        check("INVITE sip", "ACK sip", "400, discarded");
        let answer = |text: &str| Message::parse(text.as_bytes()).expect_err("bad").response();
        assert_eq!(answer("SIP/2.0 099 x\r\nVia: SIP/2.0/UDP h\r\n\r\n"), None);
        assert_eq!(answer("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n\r\n"), None);
        assert_eq!(answer(""), None);
        assert_eq!(answer("\0\r\n\r\n"), None);
    }

    #[test]
    fn limits() {
        let many = |count| format!("{}To: ", "Q: y\r\n".repeat(count));
        check("To: ", &many(240), "ok");
        check("To: ", &many(260), "513");
        let big = format!("{INVITE}\r\n{}", "x".repeat(parser::MAX_MESSAGE));
        assert_eq!(
            Message::parse(big.as_bytes())
                .expect_err("too large")
                .status,
            513
        );
    }

    #[test]
    fn refusals_have_what_could_be_read() {
        let text = format!("{INVITE}\r\n").replace("CSeq: 1", "CSeq: x");
        let error = Message::parse(text.as_bytes()).expect_err("malformed");
        let mut octets = vec![];
        error.response().expect("answered").to_bytes(&mut octets);
        let expected = "SIP/2.0 400 Malformed CSeq\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
            From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: x INVITE\r\n\
            Content-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&octets), expected);
    }

    #[test]
    fn odd_bytes_come_back_unchanged() {
        let text = [
            INVITE.as_bytes(),
            b"Subject: \xff\xfe\0\r\nX-\x41: \x80\r\nl: 2\r\n\r\n\r\n",
        ]
        .concat();
        let request = request(&text);
        assert_eq!(
            request.headers.get(Header::Subject).expect("kept")[..],
            *b"\xff\xfe\0"
        );
        let mut octets = vec![];
        request.to_bytes(&mut octets);
        let expected = [
            INVITE.as_bytes(),
            b"Subject: \xff\xfe\0\r\nX-A: \x80\r\nContent-Length: 2\r\n\r\n\r\n",
        ];
        assert_eq!(octets, expected.concat());
    }

    #[test]
    fn responses_copy_what_the_rfc_says() {
        let text = INVITE.replace(
            "Max",
            "Via: SIP/2.0/UDP i, SIP/2.0/UDP j\r\nTimestamp: 5\r\nMax",
        );
        let request = request(format!("{text}\r\n").as_bytes());
        let trying = Response::to_request(&request, 100, "Trying");
        assert_eq!(trying.headers.vias().len(), 3);
        assert!(trying.headers.has(Header::Timestamp) && !trying.headers.has(Header::Contact));
        assert!(
            !Response::to_request(&request, 180, "Ringing")
                .headers
                .has(Header::Timestamp)
        );
    }

    #[test]
    fn nothing_that_is_pushed_becomes_a_header_of_its_own() {
        let mut request = request(format!("{INVITE}\r\n").as_bytes());
        request
            .headers
            .push(Header::Subject, "a\r\nVia: SIP/2.0/UDP evil");
        request.headers.push(Header::ContentLength, "99");
        let mut octets = vec![];
        request.to_bytes(&mut octets);
        let again = self::request(&octets);
        assert_eq!(again.headers.vias().len(), 1);
        assert_eq!(
            again.headers.all(Header::ContentLength).collect::<Vec<_>>(),
            [b"0"]
        );
    }

    fn without_length(message: Message) -> Message {
        let mut message = message;
        match &mut message {
            Message::Request(request) => request.headers.remove(Header::ContentLength),
            Message::Response(response) => response.headers.remove(Header::ContentLength),
        }
        message
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let value = prop::collection::vec(any::<u8>(), 0..20);
        prop_oneof![
            ("[A-Za-z-]{1,12}", value).prop_map(|(name, value)| [
                name.as_bytes(),
                b": ",
                &value,
                b"\r\n"
            ]
            .concat()),
            "(v|Via): SIP/2.0/(UDP|TCP) [a-z]{1,4}(;[a-z]=[a-z\"]{0,3}){0,2}\r\n"
                .prop_map(String::into_bytes),
            "(Route|Contact|m): (<sip:[a-z;=@%]{1,9}>,?){1,2}\r\n".prop_map(String::into_bytes),
            "(Subject|Allow|Accept): [ -~]{0,9}(\r\n [ -~]{0,9})?\r\n".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            response: bool,
            lines in prop::collection::vec(line(), 0..6),
            body in prop::collection::vec(any::<u8>(), 0..30),
        ) {
            let start = if response { "SIP/2.0 200 OK" } else { "INVITE sip:a@h SIP/2.0" };
            let head = INVITE.replace("INVITE sip:a@h SIP/2.0", start);
            let octets = [head.as_bytes(), &lines.concat(), b"\r\n", &body].concat();
            if let Ok(message) = Message::parse(&octets) {
                let mut written = vec![];
                message.to_bytes(&mut written);
                let again = Message::parse(&written).map(without_length);
                prop_assert_eq!(again, Ok(without_length(message)));
            }
        }

        #[test]
        fn mutated_messages_are_read_or_refused(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..12),
        ) {
            let mut octets = format!("{INVITE}l: 3\r\n\r\nabc").into_bytes();
            for (at, byte, edit) in edits {
                let at = at.index(octets.len());
                match edit {
                    0 => octets[at] = byte,
                    1 => octets.insert(at, byte),
                    _ => drop(octets.remove(at)),
                }
            }
            match Message::parse(&octets) {
                Ok(message) => drop(message.headers().contacts()),
                Err(error) => drop(error.response()),
            }
        }
    }
}
