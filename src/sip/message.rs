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

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
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
