//! Dialogs (RFC 3261, 12): what both sides know of each other once a request has been answered.

use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::token::Token;
use crate::sip::uri::Uri;
use crate::sip::values::CSeq;
use bytes::Bytes;

/// Where a request stands among those of its dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    InOrder,
    /// Lower than one that came before: 500 (RFC 3261, 12.2.2).
    OutOfOrder,
    /// The same number again by another way: 482.
    Repeated,
}

#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: Box<str>,
    /// Our From, their To, with the tag. Byte for byte, as both must stay.
    local: Box<[u8]>,
    /// Our To, their From; without a tag until the dialog is established.
    remote: Box<[u8]>,
    local_tag: Token,
    /// Empty until the dialog is established, or for a peer of RFC 2543's time.
    remote_tag: Box<str>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    /// The peer's Contact.
    remote_target: Uri,
    route_set: Vec<NameAddr>,
}

impl Dialog {
    /// As the user agent server, when `request` comes (RFC 3261, 12.1.1). `None` if it lacks what
    /// a request must have. Without a Contact (RFC 2543) the From is the target.
    pub fn of_server(request: &Request, local_tag: Token) -> Option<Self> {
        let headers = &request.headers;
        let from = headers.from()?;
        Some(Self {
            call_id: headers.call_id()?.into(),
            local: with_tag(headers.get(Header::To)?, local_tag).into(),
            remote: headers.get(Header::From)?.as_ref().into(),
            local_tag,
            remote_tag: from.tag().unwrap_or_default().into(),
            local_cseq: 0,
            remote_cseq: Some(headers.cseq()?.number),
            remote_target: headers.contact().map_or(from.uri, |contact| contact.uri),
            route_set: headers.record_routes(),
        })
    }

    /// As the user agent client, before the first request. `from` has no tag.
    pub fn of_client(
        call_id: &str,
        from: &NameAddr,
        to: &NameAddr,
        target: Uri,
        route: Vec<NameAddr>,
        local_tag: Token,
    ) -> Self {
        Self {
            call_id: call_id.into(),
            local: with_tag(&from.to_bytes(), local_tag).into(),
            remote: to.to_bytes().into(),
            local_tag,
            remote_tag: Box::default(),
            local_cseq: 0,
            remote_cseq: None,
            remote_target: target,
            route_set: route,
        }
    }

    /// Takes over what a response that makes the dialog says (RFC 3261, 12.1.2).
    pub fn establish(&mut self, response: &Response) {
        let headers = &response.headers;
        if let Some(to) = headers.get(Header::To) {
            self.remote = to.as_ref().into();
        }
        let to = headers.to();
        self.remote_tag = to
            .as_ref()
            .and_then(NameAddr::tag)
            .unwrap_or_default()
            .into();
        self.route_set = headers.record_routes();
        self.route_set.reverse();
        self.refresh_target(headers);
    }

    /// The Contact of a target refresh request or its 2xx.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(contact) = headers.contact() {
            self.remote_target = contact.uri;
        }
    }

    /// Whether a request from `remote_tag` belongs to this dialog.
    pub fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        *self.call_id == *call_id && *self.remote_tag == *remote_tag
    }

    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    pub fn local_tag(&self) -> Token {
        self.local_tag
    }

    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// After a request of this dialog was sent from a copy of it.
    pub fn set_local_cseq(&mut self, number: u32) {
        self.local_cseq = number;
    }

    /// Looks at the CSeq of a request from the peer; not for ACK and CANCEL.
    pub fn receive_cseq(&mut self, number: u32) -> Order {
        match self.remote_cseq {
            Some(last) if number < last => Order::OutOfOrder,
            Some(last) if number == last => Order::Repeated,
            _ => {
                self.remote_cseq = Some(number);
                Order::InOrder
            }
        }
    }

    /// The URI whose host a request of this dialog is sent to: the first route, or the target.
    pub fn next_hop(&self) -> &Uri {
        self.route_set
            .first()
            .map_or(&self.remote_target, |route| &route.uri)
    }

    /// The next request of this dialog (RFC 3261, 12.2.1.1), complete but for Via.
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.request_with_cseq(method, self.local_cseq)
    }

    /// An ACK has the CSeq number of its INVITE.
    pub fn ack(&self, cseq: u32) -> Request {
        self.request_with_cseq(Method::Ack, cseq)
    }

    fn request_with_cseq(&self, method: Method, number: u32) -> Request {
        let mut request = Request::new(method.clone(), self.remote_target.clone());
        let headers = &mut request.headers;
        headers.push(Header::MaxForwards, "70");
        headers.push(Header::From, self.local.to_vec());
        headers.push(Header::To, self.remote.to_vec());
        headers.push(
            Header::CallId,
            Bytes::copy_from_slice(self.call_id.as_bytes()),
        );
        headers.push(Header::CSeq, CSeq { number, method }.to_string());
        let mut routes = self.route_set.iter();
        let strict = self
            .route_set
            .first()
            .filter(|first| !first.uri.is_loose_router());
        if let Some(strict) = strict {
            routes.next();
            request.uri = strict.uri.clone();
        }
        for route in routes {
            request.headers.push(Header::Route, route.to_bytes());
        }
        if strict.is_some() {
            let target = NameAddr::new(self.remote_target.clone());
            request.headers.push(Header::Route, target.to_bytes());
        }
        request
    }
}

/// A From or To value with a tag of ours; one that has a tag already stays as it is.
pub fn with_tag(value: &[u8], tag: Token) -> Vec<u8> {
    let tagged = NameAddr::parse(value).is_ok_and(|address| address.tag().is_some());
    if tagged {
        value.to_vec()
    } else {
        [value, format!(";tag={tag}").as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;

    fn token(text: &str) -> Token {
        Token::parse(text).expect("16 hexadecimal digits")
    }

    fn invite(record_routes: &str) -> Request {
        let text = format!(
            "INVITE sip:hotline@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n\
             From: \"Ann\" <sip:ann@a.example>;tag=ann1\r\n\
             To: sip:hotline@b.example\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\n\
             Contact: <sip:ann@192.0.2.9:5070>\r\n{record_routes}\r\n"
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn written(request: &Request) -> String {
        let mut bytes = Vec::new();
        request.to_bytes(&mut bytes);
        String::from_utf8(bytes).expect("it is ASCII")
    }

    fn server(record_routes: &str) -> Dialog {
        let tag = token("00000000000000aa");
        Dialog::of_server(&invite(record_routes), tag).expect("the INVITE is complete")
    }

    #[test]
    fn requests_go_to_the_contact_with_both_tags_and_growing_cseqs() {
        let mut dialog = server("");
        assert_eq!(
            written(&dialog.request(Method::Bye)),
            "BYE sip:ann@192.0.2.9:5070 SIP/2.0\r\nMax-Forwards: 70\r\n\
             From: sip:hotline@b.example;tag=00000000000000aa\r\n\
             To: \"Ann\" <sip:ann@a.example>;tag=ann1\r\nCall-ID: c1\r\nCSeq: 1 BYE\r\n\
             Content-Length: 0\r\n\r\n"
        );
        assert_eq!(
            dialog
                .request(Method::Info)
                .headers
                .cseq()
                .map(|c| c.number),
            Some(2)
        );
        assert!(dialog.matches("c1", "ann1"));
        assert!(!dialog.matches("c1", "ann2") && !dialog.matches("c2", "ann1"));
    }

    #[test]
    fn loose_routes_stay_in_the_route_and_strict_ones_swap_with_the_target() {
        let loose = server("Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n")
            .request(Method::Bye);
        assert_eq!(loose.uri.to_string(), "sip:ann@192.0.2.9:5070");
        let routes = |request: &Request| -> Vec<String> {
            request
                .headers
                .routes()
                .iter()
                .map(|r| r.uri.to_string())
                .collect()
        };
        assert_eq!(routes(&loose), ["sip:p1.example;lr", "sip:p2.example;lr"]);
        let mut dialog =
            server("Record-Route: <sip:p1.example>\r\nRecord-Route: <sip:p2.example;lr>\r\n");
        assert_eq!(dialog.next_hop().to_string(), "sip:p1.example");
        let strict = dialog.request(Method::Bye);
        assert_eq!(strict.uri.to_string(), "sip:p1.example");
        assert_eq!(
            routes(&strict),
            ["sip:p2.example;lr", "sip:ann@192.0.2.9:5070"]
        );
    }

    #[test]
    fn a_client_takes_tag_target_and_reversed_route_from_the_response() {
        let address = |uri: &str| NameAddr::new(uri.parse::<Uri>().expect("it is a URI"));
        let mut dialog = Dialog::of_client(
            "c2",
            &address("sip:bot@b.example"),
            &address("sip:agent@a.example"),
            "sip:agent@a.example".parse().expect("it is a URI"),
            Vec::new(),
            token("00000000000000bb"),
        );
        let request = dialog.request(Method::Invite);
        let mut response = Response::to_request(&request, 200, "OK");
        response
            .headers
            .set(Header::To, "<sip:agent@a.example>;tag=x");
        response
            .headers
            .push(Header::Contact, "<sip:agent@192.0.2.3>");
        response.headers.push(
            Header::RecordRoute,
            "<sip:p1.example;lr>,<sip:p2.example;lr>",
        );
        dialog.establish(&response);
        assert!(dialog.matches("c2", "x"));
        let ack = dialog.ack(1);
        assert_eq!(ack.uri.to_string(), "sip:agent@192.0.2.3");
        assert_eq!(
            ack.headers.cseq().map(|c| c.to_string()).as_deref(),
            Some("1 ACK")
        );
        let first = ack.headers.routes().first().map(|r| r.uri.to_string());
        assert_eq!(first.as_deref(), Some("sip:p2.example;lr"));
    }

    #[test]
    fn tells_order_by_cseq() {
        let mut dialog = server("");
        assert_eq!(dialog.receive_cseq(9), Order::InOrder);
        assert_eq!(dialog.receive_cseq(8), Order::OutOfOrder);
        assert_eq!(dialog.receive_cseq(9), Order::Repeated);
        assert_eq!(dialog.receive_cseq(10), Order::InOrder);
    }
}
