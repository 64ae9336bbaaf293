//! What comes in: parsed, matched to its transaction, looked over as RFC 3261, 8.2 asks, and handed
//! to its dialog.

use super::transmit::{SDP, response_bytes, response_flow};
use super::{Owner, UserAgent};
use crate::sip::dialog::with_tag;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::message::{Message, Request, Response};
use crate::sip::method::Method;
use crate::sip::multipart::body_part;
use crate::sip::parser::ParseError;
use crate::sip::server_transaction::{ServerTransaction, State};
use crate::sip::slab::Key;
use crate::sip::token::Token;
use crate::sip::uri::Uri;
use crate::sip::user_agent::event::LegId;
use crate::sip::user_agent::transactions::{merge_id, server_id};
use crate::sip::via::{MAGIC_COOKIE, Via};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// The option tags that a Require may have.
const EXTENSIONS: [&str; 2] = ["100rel", "timer"];

impl UserAgent {
    /// One datagram, or one message as framed on a stream.
    pub fn receive(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return self.receive_keep_alive(flow, bytes);
        }
        match Message::parse(bytes) {
            Ok(message) => self.receive_message(now, flow, message),
            Err(error) => self.receive_bad(flow, &error),
        }
    }

    /// A message that is parsed already, as a stream's codec gives it.
    pub fn receive_message(&mut self, now: Instant, flow: Flow, message: Message) {
        match message {
            Message::Request(request) => self.receive_request(now, flow, request),
            Message::Response(response) => self.receive_response(now, response),
        }
        self.settle();
    }

    /// A message that could not be parsed or framed: answered without state, if it may be.
    pub fn receive_bad(&mut self, flow: Flow, error: &ParseError) {
        let Some(mut response) = error.response() else {
            return;
        };
        if response.headers.to().is_some()
            && let Some(to) = response.headers.get(Header::To)
        {
            let to = with_tag(to, Token::random(&mut self.rng));
            response.headers.set(Header::To, to);
        }
        let name = self.config.user_agent.clone();
        response.headers.push(Header::Server, name);
        let Some(mut via) = response.headers.top_via() else {
            return self.transmit(flow, response_bytes(&response));
        };
        via.mark_received(flow.remote);
        response.headers.set_first(Header::Via, &via.to_bytes());
        self.transmit(response_flow(flow, &via), response_bytes(&response));
    }

    /// A peer's ping on a stream is a double CRLF and has a single one as its pong (RFC 5626, 3.5.1).
    fn receive_keep_alive(&mut self, flow: Flow, bytes: &[u8]) {
        if flow.protocol == Protocol::Tcp && bytes == b"\r\n\r\n" {
            self.transmit(flow, Bytes::from_static(b"\r\n"));
        }
    }

    /// The connection is closed, could not be made, or the network refuses what is sent there.
    pub fn transport_failed(&mut self, now: Instant, flow: Flow) {
        for key in self.clients.waiting_on(flow) {
            self.request_lost(now, key);
        }
        self.settle();
    }

    fn receive_request(&mut self, now: Instant, flow: Flow, mut request: Request) {
        let (Some(mut via), Some(id)) = (request.headers.top_via(), server_id(&request)) else {
            return;
        };
        via.mark_received(flow.remote);
        request.headers.set_first(Header::Via, &via.to_bytes());
        let known = self.servers.find(&id);
        match (&request.method, known) {
            (Method::Ack, _) => self.receive_ack(now, known, &request),
            (Method::Cancel, _) => self.receive_cancel(now, flow, &via, (&id, known), &request),
            (_, Some(key)) => self.receive_retransmission(key),
            (Method::Invite, None) => self.receive_invite(now, flow, &via, id, request),
            (_, None) => self.receive_other(now, flow, &via, id, request),
        }
    }

    fn receive_retransmission(&mut self, key: Key) {
        let Some(server) = self.servers.slab.get(key) else {
            return;
        };
        if let Some(bytes) = server.machine.receive_retransmission() {
            let flow = server.flow;
            self.transmit(flow, bytes);
        }
    }

    fn receive_ack(&mut self, now: Instant, known: Option<Key>, ack: &Request) {
        if let Some(key) = known
            && let Some(server) = self.servers.slab.get_mut(key)
        {
            let for_dialog = server.machine.receive_ack(now);
            if server.machine.state() == State::Terminated {
                self.servers.remove(key);
            }
            self.arm(Owner::Server(key));
            if !for_dialog {
                return;
            }
        }
        if let Some(leg) = self.find_leg(ack) {
            self.acknowledged(now, leg, ack);
        }
    }

    /// Answered without a transaction: a repeated CANCEL has the same answer again.
    fn receive_cancel(
        &mut self,
        now: Instant,
        flow: Flow,
        via: &Via,
        (id, known): (&str, Option<Key>),
        cancel: &Request,
    ) {
        let server = known.and_then(|key| self.servers.slab.get(key));
        let (status, tag) = match server {
            Some(server) => (200, server.local_tag),
            None => (481, Token::derived(self.secret, id)),
        };
        let response = self.response_to(cancel, status, tag);
        self.transmit(response_flow(flow, via), response_bytes(&response));
        if let Some(key) = known {
            self.cancelled(now, key, cancel);
        }
    }

    fn receive_invite(
        &mut self,
        now: Instant,
        flow: Flow,
        via: &Via,
        id: Box<str>,
        request: Request,
    ) {
        let local_tag = self.token();
        let reply_to = response_flow(flow, via);
        if self.servers.slab.is_full() {
            return self.answer_overload(reply_to, &request, local_tag);
        }
        let merged = merge_id(&request).is_some_and(|id| self.servers.find_merged(&id).is_some());
        let reliable = flow.protocol.is_reliable();
        let machine = ServerTransaction::new(now, true, reliable, self.config.timers);
        let request = Arc::new(request);
        let inserted = self
            .servers
            .insert(id, machine, reply_to, request.clone(), local_tag);
        let key = inserted.expect("the table is not full");
        self.arm(Owner::Server(key));
        if merged {
            return self.refuse(now, key, 482);
        }
        if let Some(refusal) = self.object(&request, local_tag) {
            self.respond(now, key, refusal);
            return;
        }
        let in_dialog = request.headers.to().is_some_and(|to| to.tag().is_some());
        match self.find_leg(&request) {
            Some(leg) => self.receive_reinvite(now, flow, leg, key, &request),
            None if in_dialog => self.refuse(now, key, 481),
            None => self.receive_call(now, flow, via, key, request),
        }
    }

    /// Too much to do: 503 without state, and when to come again.
    pub(super) fn answer_overload(&mut self, reply_to: Flow, request: &Request, tag: Token) {
        let mut response = self.response_to(request, 503, tag);
        let retry_after = self.config.retry_after.to_string();
        response.headers.push(Header::RetryAfter, retry_after);
        self.transmit(reply_to, response_bytes(&response));
    }

    /// Whether it belongs to a call or a transaction of ours, however many others come.
    pub fn awaits(&self, message: &Message) -> bool {
        match message {
            Message::Request(request) => {
                let known = || server_id(request).and_then(|id| self.servers.find(&id));
                self.find_leg(request).is_some() || known().is_some()
            }
            Message::Response(response) => self.find_client(response).is_some(),
        }
    }

    /// Answers a request with the status and these lines, and keeps nothing (RFC 3261, 8.2.7).
    pub fn answer_without_state(
        &mut self,
        flow: Flow,
        request: &Request,
        status: u16,
        lines: &[(Header, String)],
    ) {
        let (Some(mut via), Some(id)) = (request.headers.top_via(), server_id(request)) else {
            return;
        };
        via.mark_received(flow.remote);
        let tag = Token::derived(self.secret, &id);
        let mut response = self.response_to(request, status, tag);
        response.headers.set_first(Header::Via, &via.to_bytes());
        put(lines, &mut response);
        self.transmit(response_flow(flow, &via), response_bytes(&response));
    }

    /// Answers a request that is not an INVITE's, and has the same answer for its repetitions. Without
    /// state where the table is full.
    pub fn answer(
        &mut self,
        now: Instant,
        flow: Flow,
        mut request: Request,
        status: u16,
        lines: &[(Header, String)],
    ) {
        let (Some(mut via), Some(id)) = (request.headers.top_via(), server_id(&request)) else {
            return;
        };
        via.mark_received(flow.remote);
        request.headers.set_first(Header::Via, &via.to_bytes());
        let tag = self.token();
        let reliable = flow.protocol.is_reliable();
        let machine = ServerTransaction::new(now, false, reliable, self.config.timers);
        let mut response = self.response_to(&request, status, tag);
        put(lines, &mut response);
        let reply_to = response_flow(flow, &via);
        match self
            .servers
            .insert(id, machine, reply_to, Arc::new(request), tag)
        {
            Some(key) => _ = self.respond(now, key, response),
            None => self.transmit(reply_to, response_bytes(&response)),
        }
    }

    /// Requests other than INVITE, ACK and CANCEL. Those of no dialog are answered without state:
    /// anybody may send them, and nobody needs more than the same answer again.
    fn receive_other(
        &mut self,
        now: Instant,
        flow: Flow,
        via: &Via,
        id: Box<str>,
        request: Request,
    ) {
        let reply_to = response_flow(flow, via);
        let Some(leg) = self.find_leg(&request) else {
            let tag = Token::derived(self.secret, &id);
            let response = self
                .object(&request, tag)
                .unwrap_or_else(|| self.answer_out_of_dialog(&flow, &request, tag));
            return self.transmit(reply_to, response_bytes(&response));
        };
        let local_tag = self.token();
        let reliable = flow.protocol.is_reliable();
        let machine = ServerTransaction::new(now, false, reliable, self.config.timers);
        let request = Arc::new(request);
        let inserted = self
            .servers
            .insert(id, machine, reply_to, request.clone(), local_tag);
        let response = match self.object(&request, local_tag) {
            Some(refusal) => Some(refusal),
            None => self.receive_in_dialog(now, flow, leg, inserted, &request, local_tag),
        };
        match (response, inserted) {
            (Some(response), Some(key)) => {
                self.respond(now, key, response);
            }
            (Some(response), None) => self.transmit(reply_to, response_bytes(&response)),
            (None, _) => {}
        }
        if request.method == Method::Prack {
            self.go_on_after_prack(now, leg);
        }
    }

    /// What any request is looked over for (RFC 3261, 8.2.1 to 8.2.3); the refusal, if any.
    fn object(&self, request: &Request, tag: Token) -> Option<Response> {
        let headers = &request.headers;
        let refuse = |status| Some(self.response_to(request, status, tag));
        match &request.method {
            Method::Other(_) => return refuse(501),
            Method::Register | Method::Message | Method::Subscribe | Method::Publish => {
                return refuse(405);
            }
            _ => {}
        }
        if matches!(request.uri, Uri::Other { .. }) {
            return refuse(416);
        }
        let unknown = |tag: &String| !EXTENSIONS.contains(&tag.as_str());
        let mut required = headers.require();
        required.retain(unknown);
        if !required.is_empty() {
            let mut response = self.response_to(request, 420, tag);
            response
                .headers
                .push(Header::Unsupported, required.join(", "));
            return Some(response);
        }
        if matches!(
            request.method,
            Method::Invite | Method::Update | Method::Prack
        ) {
            return self.object_to_body(request, tag);
        }
        None
    }

    /// Bodies that must be session descriptions, and a peer that must take ours.
    fn object_to_body(&self, request: &Request, tag: Token) -> Option<Response> {
        let headers = &request.headers;
        let encoded = headers
            .all(Header::ContentEncoding)
            .any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        let optional = headers
            .get(Header::ContentDisposition)
            .is_some_and(|value| lower_case(value).contains("handling=optional"));
        let foreign = !request.body.is_empty() && sdp_of(request).is_none() && !optional;
        if encoded || foreign {
            let mut response = self.response_to(request, 415, tag);
            response.headers.push(Header::Accept, SDP);
            if encoded {
                response.headers.push(Header::AcceptEncoding, "identity");
            }
            return Some(response);
        }
        let takes_sdp = request.method != Method::Invite || headers.accepts(SDP);
        (!takes_sdp).then(|| self.response_to(request, 406, tag))
    }

    /// A request of no dialog of ours.
    fn answer_out_of_dialog(&self, flow: &Flow, request: &Request, tag: Token) -> Response {
        let in_dialog = request.headers.to().is_some_and(|to| to.tag().is_some());
        match request.method {
            Method::Options if !in_dialog => self.capabilities(flow, request, tag),
            Method::Refer if !in_dialog => self.response_to(request, 405, tag),
            _ => self.response_to(request, 481, tag),
        }
    }

    /// The answer to an OPTIONS (RFC 3261, 11.2).
    pub(super) fn capabilities(&self, flow: &Flow, request: &Request, tag: Token) -> Response {
        let mut response = self.response_to(request, 200, tag);
        self.introduce(flow, &mut response.headers);
        response.headers.push(Header::Accept, SDP);
        response.headers.push(Header::AcceptEncoding, "identity");
        response.headers.push(Header::AcceptLanguage, "en");
        response
    }

    /// Where we sent the INVITE that `request` is, if it is one of ours that has no final response
    /// yet. Nobody guesses its branch: who repeats it was sent it.
    pub fn sent_invite(&self, request: &Request) -> Option<Flow> {
        let via = request.headers.top_via()?;
        let branch = Token::parse(via.branch()?.strip_prefix(MAGIC_COOKIE)?)?;
        let client = self.clients.slab.get(self.clients.find(branch, false)?)?;
        let sent = client.request.as_ref()?;
        let is_same =
            sent.method == Method::Invite && sent.headers.call_id() == request.headers.call_id();
        is_same.then_some(client.flow)
    }

    /// The leg that a request within a dialog belongs to: by our tag, then Call-ID and theirs. A leg
    /// without a dialog yet is found by our tag and Call-ID.
    fn find_leg(&self, request: &Request) -> Option<LegId> {
        let headers = &request.headers;
        let tag = Token::parse(headers.to()?.tag()?)?;
        let leg = *self.dialogs.get(&tag)?;
        let from = headers.from()?;
        let remote_tag = from.tag().unwrap_or_default();
        let dialog = &self.legs.get(leg.0)?.dialog;
        let early = dialog.remote_tag().is_empty();
        let expected = if early { "" } else { remote_tag };
        dialog.matches(headers.call_id()?, expected).then_some(leg)
    }
}

fn put(lines: &[(Header, String)], response: &mut Response) {
    for (header, value) in lines {
        response.headers.push(*header, value.clone());
    }
}

/// The session description in a request, alone or in a multipart.
pub(super) fn sdp_of(request: &Request) -> Option<Bytes> {
    sdp_body(&request.headers, &request.body)
}

/// The session description in a body, alone or in a multipart.
pub(super) fn sdp_body(headers: &Headers, body: &Bytes) -> Option<Bytes> {
    body_part(headers, body, SDP).filter(|sdp| !sdp.is_empty())
}

pub(super) fn lower_case(text: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(text.as_ref()).to_ascii_lowercase()
}

/// Whether a message's Allow has UPDATE.
pub(super) fn allows_update(headers: &Headers) -> bool {
    headers.lists(Header::Allow, Method::Update.as_str())
}
