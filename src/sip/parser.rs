//! From octets to a message: start line, header lines, body, and what makes a message malformed.

use crate::sip::error::Malformed;
use crate::sip::header::Header;
use crate::sip::headers::{Headers, Name};
use crate::sip::lexer;
use crate::sip::message::{Message, Request, Response};
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::uri::Uri;
use crate::sip::values::CSeq;
use crate::sip::via::Via;
use bytes::{BufMut, Bytes, BytesMut};
use std::ops::Range;

/// A whole message; more is answered 513.
pub const MAX_MESSAGE: usize = 65_535;
/// The octets up to the body; more is answered 513. Phones send some 1,000, proxies add a few
/// hundred each.
pub const MAX_HEAD: usize = 16_384;
/// Header lines of one message; more is answered 513.
pub const MAX_HEADERS: usize = 256;
/// The start line's octets; more is answered 414.
pub const MAX_START_LINE: usize = 8_192;

const _: () =
    assert!(MAX_START_LINE < MAX_HEAD && MAX_HEADERS * 4 < MAX_HEAD && MAX_HEAD < MAX_MESSAGE);

/// A message that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({status})")]
pub struct ParseError {
    /// What a UAS answers.
    pub status: u16,
    pub reason: &'static str,
    /// The request's method, if it could be read.
    pub method: Option<Method>,
    /// What could be read of the header fields.
    pub headers: Headers,
    /// Nothing may be answered: it is a response, an ACK, no SIP, or it has no Via.
    pub discard: bool,
}

impl ParseError {
    /// The answer, with the header fields that could be read; `None` if nothing may be answered.
    pub fn response(&self) -> Option<Response> {
        let answer = || Response::to_headers(&self.headers, self.status, self.reason);
        (!self.discard).then(answer)
    }
}

#[derive(Debug, Clone)]
enum Start {
    Request { method: Method, uri: Uri },
    Response { status: u16, reason: Bytes },
}

/// Why a message is refused; becomes a [`ParseError`] with what was read around it.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    status: u16,
    reason: &'static str,
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Refusal {
        refuse(400, malformed.0)
    }
}

const BAD_START: Refusal = refuse(400, "Malformed start line");

const fn refuse(status: u16, reason: &'static str) -> Refusal {
    Refusal { status, reason }
}

/// Reads a message that is whole: a datagram, or what was framed on a stream.
pub fn parse(datagram: Bytes) -> Result<Message, ParseError> {
    let head = Head::parse(datagram.clone());
    let rest = datagram.slice(head.length..);
    let body = match head.content_length() {
        Ok(None) => Ok(rest),
        Ok(Some(length)) if length <= rest.len() => Ok(rest.slice(..length)),
        Ok(Some(_)) => Err(Malformed("Body shorter than Content-Length")),
        Err(malformed) => Err(malformed),
    };
    match body {
        _ if datagram.len() > MAX_MESSAGE => Err(head.refuse(513, "Message Too Large")),
        Ok(body) => head.with_body(body),
        Err(malformed) => Err(head.refuse(400, malformed.0)),
    }
}

/// A message up to its empty line, good or not.
#[derive(Debug)]
pub struct Head {
    start: Result<Start, Refusal>,
    /// The method of what is surely meant as a request.
    method: Option<Method>,
    /// The start line is surely meant as a response's.
    response: bool,
    headers: Headers,
    fault: Result<(), Refusal>,
    /// Octets up to the body.
    length: usize,
}

impl Head {
    pub fn parse(text: Bytes) -> Head {
        let mut lines = Lines::new(&text);
        let start = lines.next().unwrap_or_default();
        let start_line = text.get(start.clone()).unwrap_or_default();
        let mut headers = Headers::default();
        let mut fault = parse_headers(&text, &mut lines, &mut headers);
        if lines.at > MAX_HEAD {
            fault = Err(refuse(513, "Message Too Large"));
        }
        Head {
            start: parse_start(&text, start_line),
            method: start_method(start_line),
            response: is_response(start_line),
            headers,
            fault,
            length: lines.at,
        }
    }

    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Whether the start line is one of SIP, even if a malformed one.
    pub fn is_sip(&self) -> bool {
        self.method.is_some() || self.response
    }

    /// `None` if there is no Content-Length; one that is malformed or there twice is an error.
    pub fn content_length(&self) -> Result<Option<usize>, Malformed> {
        let mut values = self.headers.lines(Header::ContentLength);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        match (lexer::decimal(value), values.next()) {
            (Some(length), None) => Ok(Some(length)),
            _ => Err(Malformed("Malformed Content-Length")),
        }
    }

    /// The message, if the head was good.
    pub fn with_body(mut self, body: Bytes) -> Result<Message, ParseError> {
        match self.check() {
            Err(refusal) => Err(self.refuse(refusal.status, refusal.reason)),
            Ok(Start::Request { method, uri }) => Ok(Message::Request(Request {
                method,
                uri,
                headers: self.headers,
                body,
            })),
            Ok(Start::Response { status, reason }) => Ok(Message::Response(Response {
                status,
                reason,
                headers: self.headers,
                body,
            })),
        }
    }

    fn check(&mut self) -> Result<Start, Refusal> {
        let start = std::mem::replace(&mut self.start, Err(BAD_START))?;
        self.fault?;
        check(&start, &self.headers)?;
        Ok(start)
    }

    /// Refuses the message with what was read of it.
    pub fn refuse(self, status: u16, reason: &'static str) -> ParseError {
        let answerable = self.method.as_ref().is_some_and(|m| *m != Method::Ack);
        ParseError {
            status,
            reason,
            discard: !answerable || !self.headers.has(Header::Via),
            method: self.method,
            headers: self.headers,
        }
    }
}

/// Reads a MIME part: header lines, an empty line, the content (RFC 2046, 5.1).
pub fn parse_part(part: &Bytes) -> Option<(Headers, Bytes)> {
    let mut lines = Lines { text: part, at: 0 };
    let mut headers = Headers::default();
    parse_headers(part, &mut lines, &mut headers).ok()?;
    Some((headers, part.slice(lines.at..)))
}

/// The lines up to the empty one, by their octets' positions, without their ends (CRLF or LF).
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    fn new(text: &[u8]) -> Lines<'_> {
        let line_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let at = text.iter().take_while(line_end).count();
        Lines { text, at }
    }

    /// `None` where the text ends without a line end.
    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        let line = rest.get(..length)?;
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        let start = self.at;
        self.at += line.len() + 1;
        Some(start..start + length)
    }

    /// A line with those that continue it, and whether there were such (RFC 3261, 7.3.1).
    fn next_folded(&mut self) -> Option<(Range<usize>, bool)> {
        let mut line = self.next()?;
        let first_end = line.end;
        while !line.is_empty() && matches!(self.text.get(self.at), Some(b' ' | b'\t')) {
            line.end = self.next()?.end;
        }
        let folded = line.end != first_end;
        Some((line, folded))
    }
}

fn parse_start(datagram: &Bytes, line: &[u8]) -> Result<Start, Refusal> {
    let bad = BAD_START;
    if line.len() > MAX_START_LINE {
        return Err(refuse(414, "Request-URI Too Long"));
    }
    let line = lexer::trim_end(line);
    if is_response(line) {
        return parse_status(datagram, line).ok_or(bad);
    }
    let first = line.iter().position(|byte| *byte == b' ').ok_or(bad)?;
    let last = line.iter().rposition(|byte| *byte == b' ').ok_or(bad)?;
    let method = line.get(..first).and_then(Method::parse).ok_or(bad)?;
    let version = line.get(last + 1..).ok_or(bad)?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let status = if is_version(version) { 505 } else { 400 };
        return Err(refuse(status, "Version Not Supported"));
    }
    let uri = Uri::parse(line.get(first + 1..last).ok_or(bad)?)?;
    Ok(Start::Request { method, uri })
}

/// The status code has three digits, the reason phrase may be missing.
fn parse_status(datagram: &Bytes, line: &[u8]) -> Option<Start> {
    let rest = line.get(b"SIP/2.0 ".len()..)?;
    let (code, reason) = rest.split_at_checked(3)?;
    let status = lexer::decimal(code).filter(|code| (100..700).contains(code))?;
    if !reason.is_empty() && !reason.starts_with(b" ") {
        return None;
    }
    let reason = datagram.slice_ref(lexer::trim(reason));
    Some(Start::Response { status, reason })
}

fn is_response(line: &[u8]) -> bool {
    line.get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/2.0 "))
}

/// `SIP/1.0`: a version, if none of ours.
fn is_version(text: &[u8]) -> bool {
    let name = text.get(..4);
    let numbers = text.get(4..).unwrap_or_default();
    let digits = |part: &[u8]| lexer::decimal::<u64>(part).is_some();
    name.is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/"))
        && lexer::split_once(numbers, b'.').is_some_and(|(a, b)| digits(a) && digits(b))
}

/// The method of what is surely meant as a request.
fn start_method(line: &[u8]) -> Option<Method> {
    let line = lexer::trim_end(line);
    let version = line.rsplit(|byte| *byte == b' ').next()?;
    let is_sip = version
        .get(..4)
        .is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/"));
    let method = line.split(|byte| *byte == b' ').next()?;
    Method::parse(method).filter(|_| is_sip)
}

/// Reads the header lines into `headers`. Goes on behind a line that is malformed, so that the
/// answer can have the others, and tells the first fault.
fn parse_headers(
    datagram: &Bytes,
    lines: &mut Lines<'_>,
    headers: &mut Headers,
) -> Result<(), Refusal> {
    let mut fault = Ok(());
    while let Some((line, folded)) = lines.next_folded() {
        if line.is_empty() {
            return fault;
        }
        if headers.len() == MAX_HEADERS {
            return Err(refuse(513, "Too many header fields"));
        }
        match parse_header(&datagram.slice(line), folded) {
            Ok((name, value)) => headers.push_field(name, value),
            Err(malformed) => fault = fault.and(Err(malformed.into())),
        }
    }
    Err(refuse(400, "Missing empty line"))
}

fn parse_header(line: &Bytes, folded: bool) -> Result<(Name, Bytes), Malformed> {
    let bad = Malformed("Malformed header field");
    let (name, value) = lexer::split_once(line, b':').ok_or(bad)?;
    let name = lexer::trim_end(name);
    lexer::token(name).ok_or(bad)?;
    let name = match Header::parse(name) {
        Some(header) => Name::Known(header),
        None => Name::Other(line.slice_ref(name)),
    };
    let value = lexer::trim(value);
    if folded {
        return Ok((name, unfold(value)));
    }
    // A CR alone is a line end to some; what it hides must not travel on.
    if value.contains(&b'\r') {
        return Err(bad);
    }
    Ok((name, line.slice_ref(value)))
}

/// One space for each line end and the white space around it (RFC 3261, 7.3.1).
fn unfold(value: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(value.len());
    for line in value.split(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = lexer::trim(line);
        if !out.is_empty() && !line.is_empty() {
            out.put_u8(b' ');
        }
        out.put_slice(line);
    }
    out.freeze()
}

/// What every message must have, and what may stand once only.
fn check(start: &Start, headers: &Headers) -> Result<(), Refusal> {
    let mut seen = 0_u128;
    for field in headers.fields() {
        if let Name::Known(header) = field.name
            && header.is_single()
        {
            if seen & header.bit() != 0 {
                return Err(refuse(400, "Header field stands twice"));
            }
            seen |= header.bit();
        }
    }
    if !headers.has(Header::Via) {
        return Err(refuse(400, "Missing Via"));
    }
    // A response's other Vias are not ours to judge.
    let vias = match start {
        Start::Request { .. } => usize::MAX,
        Start::Response { .. } => 1,
    };
    for via in headers.all(Header::Via).take(vias) {
        Via::parse(via)?;
    }
    let value = |header, missing| headers.get(header).ok_or(refuse(400, missing));
    NameAddr::parse(value(Header::From, "Missing From")?)?;
    NameAddr::parse(value(Header::To, "Missing To")?)?;
    let cseq = CSeq::parse(value(Header::CSeq, "Missing CSeq")?)?;
    let call_id = value(Header::CallId, "Missing Call-ID")?;
    if call_id.is_empty() || std::str::from_utf8(call_id).is_err() {
        return Err(refuse(400, "Malformed Call-ID"));
    }
    check_addresses(headers)?;
    let Start::Request { method, uri } = start else {
        return Ok(());
    };
    if cseq.method != *method {
        return Err(refuse(400, "CSeq has another method"));
    }
    if headers.has(Header::MaxForwards) && headers.max_forwards().is_none() {
        return Err(refuse(400, "Malformed Max-Forwards"));
    }
    if let Uri::Other { .. } = uri {
        return Err(refuse(416, "Unsupported URI Scheme"));
    }
    Ok(())
}

/// The addresses that dialogs are made of.
fn check_addresses(headers: &Headers) -> Result<(), Malformed> {
    for header in [Header::Contact, Header::RecordRoute, Header::Route] {
        for value in headers.all(header) {
            if header != Header::Contact || value != b"*" {
                NameAddr::parse(value)?;
            }
        }
    }
    Ok(())
}
