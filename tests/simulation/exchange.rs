//! The caller's exchange, which takes or refuses our REFER and tells what becomes of it (RFC 3515).
//! It stands before the caller's user agent, in the same dialog.

use crate::network::{Datagram, Network};
use crate::world::{caller_address, server_address};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use zeroline::sip::flow::Transmit;
use zeroline::sip::header::Header;
use zeroline::sip::message::{Message, Request, Response};
use zeroline::sip::method::Method;

/// So often a NOTIFY that is not answered goes out, every half second.
const COPIES: u32 = 12;
/// The caller's own requests after the NOTIFYs count on from here, seen from the call's first.
const AFTER_NOTIFIES: u32 = 50;

pub struct Exchange {
    /// 0: nothing is answered.
    status: u16,
    /// After the answer, what is told of the person.
    notifies: Vec<(Duration, u16)>,
    /// The REFER, when it first came, and the answer to it.
    pub referred: Option<(Instant, Request)>,
    sends: BTreeMap<(Instant, u32), Vec<u8>>,
    answered: BTreeSet<u32>,
    sent: u32,
    /// The last that the caller's user agent counted.
    cseq: u32,
}

impl Exchange {
    pub fn new(status: u16, notifies: &[(u64, u16)]) -> Exchange {
        let after = |(ms, status): &(u64, u16)| (Duration::from_millis(*ms), *status);
        Exchange {
            status,
            notifies: notifies.iter().map(after).collect(),
            referred: None,
            sends: BTreeMap::new(),
            answered: BTreeSet::new(),
            sent: 0,
            cseq: 0,
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.sends.keys().next().map(|(at, _)| *at)
    }

    /// Whether the datagram was the exchange's own business.
    pub fn receive(&mut self, now: Instant, datagram: &Datagram) -> bool {
        match Message::parse(&datagram.bytes) {
            Ok(Message::Request(request)) if request.method == Method::Refer => {
                self.refer(now, request);
                true
            }
            Ok(Message::Response(response)) => self.is_of_notify(&response),
            _ => false,
        }
    }

    fn is_of_notify(&mut self, response: &Response) -> bool {
        let cseq = response.headers.cseq().expect("a whole response");
        if cseq.method == Method::Notify {
            self.answered.insert(cseq.number);
        }
        cseq.method == Method::Notify
    }

    fn refer(&mut self, now: Instant, refer: Request) {
        if self.status == 0 {
            self.referred.get_or_insert((now, refer));
            return;
        }
        let response = Response::to_request(&refer, self.status, "As it wants");
        self.send_at(now, |out| response.to_bytes(out));
        if self.referred.is_some() {
            return;
        }
        for (n, (after, status)) in self.notifies.clone().into_iter().enumerate() {
            let cseq = self.cseq + 1 + n as u32;
            let notify = notify(&refer, cseq, status);
            for copy in 0..COPIES {
                let at = now + after + Duration::from_millis(500) * copy;
                self.send_at(at, |out| notify.to_bytes(out));
            }
        }
        self.referred = Some((now, refer));
    }

    fn send_at(&mut self, at: Instant, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.sent += 1;
        self.sends.insert((at, self.sent), bytes);
    }

    pub fn work(&mut self, now: Instant, network: &mut Network) {
        while let Some(entry) = self.sends.first_entry().filter(|it| it.key().0 <= now) {
            let bytes = entry.remove();
            let message = Message::parse(&bytes).expect("we wrote it");
            let cseq = message.headers().cseq().expect("we wrote it");
            let is_told = cseq.method == Method::Notify && self.answered.contains(&cseq.number);
            if !is_told {
                network.send(now, caller_address(), server_address(), &bytes);
            }
        }
    }

    /// What the caller's user agent sends: after the NOTIFYs its requests have to count on from them.
    pub fn pass(&mut self, transmit: &mut Transmit) {
        let Ok(Message::Request(mut request)) = Message::parse(&transmit.bytes) else {
            return;
        };
        let cseq = request.headers.cseq().expect("a whole request");
        self.cseq = self.cseq.max(cseq.number);
        if request.method == Method::Bye && self.referred.is_some() {
            let number = cseq.number + AFTER_NOTIFIES;
            request.headers.set(Header::CSeq, format!("{number} BYE"));
            let mut bytes = Vec::new();
            request.to_bytes(&mut bytes);
            transmit.bytes = bytes.into();
        }
    }

    /// An answer to what was counted on is as the user agent knows it.
    pub fn hand(&self, datagram: &mut Datagram) {
        let Ok(Message::Response(mut response)) = Message::parse(&datagram.bytes) else {
            return;
        };
        let cseq = response.headers.cseq().expect("a whole response");
        if cseq.method == Method::Bye && cseq.number > AFTER_NOTIFIES && self.referred.is_some() {
            let number = cseq.number - AFTER_NOTIFIES;
            response.headers.set(Header::CSeq, format!("{number} BYE"));
            datagram.bytes.clear();
            response.to_bytes(&mut datagram.bytes);
        }
    }
}

fn notify(refer: &Request, cseq: u32, status: u16) -> Request {
    let contact = refer.headers.contact().expect("a REFER has one");
    let mut notify = Request::new(Method::Notify, contact.uri);
    let headers = &mut notify.headers;
    let via = format!(
        "SIP/2.0/UDP {};branch=z9hG4bKnotify{cseq}",
        caller_address()
    );
    headers.push(Header::Via, via);
    let value = |header| refer.headers.get(header).expect("a whole request").clone();
    headers.push(Header::From, value(Header::To));
    headers.push(Header::To, value(Header::From));
    headers.push(Header::CallId, value(Header::CallId));
    headers.push(Header::CSeq, format!("{cseq} NOTIFY"));
    headers.push(Header::MaxForwards, "70");
    headers.push(Header::Event, "refer");
    headers.push(
        Header::SubscriptionState,
        match status {
            ..200 => "active;expires=60",
            _ => "terminated;reason=noresource",
        },
    );
    headers.push(Header::ContentType, "message/sipfrag;version=2.0");
    notify.body = format!("SIP/2.0 {status} Told\r\n").into();
    notify
}
