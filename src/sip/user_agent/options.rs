//! OPTIONS outside of a dialog (RFC 3261, 11): whether a peer answers.

use super::{Owner, UserAgent};
use crate::sip::header::Header;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::uri::Uri;
use crate::sip::user_agent::command::{CommandError, Options};
use crate::sip::user_agent::event::{Event, OptionsId};
use crate::sip::user_agent::transactions::Purpose;
use crate::sip::user_agent::transmit::SDP;
use crate::sip::values::CSeq;
use std::time::Instant;

impl UserAgent {
    /// `OptionsAnswered` tells, once, what came of it.
    pub fn ask_options(
        &mut self,
        now: Instant,
        options: Options,
    ) -> Result<OptionsId, CommandError> {
        let malformed = |_| CommandError::Malformed;
        let target: Uri = options.target.parse().map_err(malformed)?;
        let from = NameAddr::parse(options.from.as_bytes()).map_err(malformed)?;
        let (call_id, tag) = (self.token().to_string(), self.token().to_string());
        let method = Method::Options;
        let to = NameAddr::new(target.clone());
        let mut request = Request::new(method.clone(), target);
        let headers = &mut request.headers;
        headers.push(Header::MaxForwards, "70");
        headers.push(Header::From, from.with_tag(&tag).to_bytes());
        headers.push(Header::To, to.to_bytes());
        headers.push(Header::CallId, call_id);
        headers.push(Header::CSeq, CSeq { number: 1, method }.to_string());
        headers.push(Header::Accept, SDP);
        self.introduce(&options.flow, &mut request.headers);
        let sent = self.send(now, options.flow, request, Purpose::Options);
        let key = sent.ok_or(CommandError::TableFull)?;
        if let Some(client) = self.clients.slab.get_mut(key) {
            client.machine.give_up_at(now + options.timeout);
        }
        self.arm(Owner::Client(key));
        Ok(OptionsId(key))
    }

    pub(super) fn options_answered(&mut self, id: OptionsId, response: &Response) {
        if response.status >= 200 {
            self.options_ended(id, Some(response.status));
        }
    }

    pub(super) fn options_ended(&mut self, options: OptionsId, status: Option<u16>) {
        self.events
            .push_back(Event::OptionsAnswered { options, status });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::flow::{Flow, Protocol};
    use crate::sip::message::Message;
    use crate::sip::user_agent::config::Config;
    use std::time::Duration;

    const WAIT: Duration = Duration::from_secs(4);

    fn flow(protocol: Protocol) -> Flow {
        Flow {
            protocol,
            local: "192.0.2.1:5060".parse().expect("it is an address"),
            remote: "192.0.2.2:5060".parse().expect("it is an address"),
        }
    }

    fn asked(protocol: Protocol) -> (UserAgent, Instant, OptionsId, Request) {
        let mut agent = UserAgent::new(Config::default(), 3);
        let now = Instant::now();
        let options = Options {
            flow: flow(protocol),
            target: "sip:desk@pbx.example.com".into(),
            from: "<sip:us@192.0.2.1>".into(),
            timeout: WAIT,
        };
        let id = agent.ask_options(now, options).expect("there is room");
        let sent = agent.poll_transmit().expect("it is sent");
        let Ok(Message::Request(request)) = Message::parse(&sent.bytes) else {
            panic!("{sent:?}");
        };
        (agent, now, id, request)
    }

    /// The statuses that were told.
    fn told(agent: &mut UserAgent, id: OptionsId) -> Vec<Option<u16>> {
        let events = std::iter::from_fn(|| agent.poll_event());
        let told = events.map(|event| match event {
            Event::OptionsAnswered { options, status } if options == id => status,
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    fn answer(agent: &mut UserAgent, now: Instant, request: &Request, status: u16) {
        let mut bytes = Vec::new();
        Response::to_request(request, status, "").to_bytes(&mut bytes);
        agent.receive(now, flow(Protocol::Udp), &bytes);
    }

    #[test]
    fn the_request_has_what_the_rfc_wants_and_the_final_status_is_told_once() {
        for status in [200, 401, 404, 407, 503] {
            let (mut agent, now, id, request) = asked(Protocol::Udp);
            assert_eq!(request.method, Method::Options);
            assert_eq!(request.uri.to_string(), "sip:desk@pbx.example.com");
            let headers = &request.headers;
            let accept = headers.get(Header::Accept).map(|it| it.as_ref());
            assert_eq!(accept, Some(&b"application/sdp"[..]));
            assert!(headers.get(Header::Contact).is_some());
            assert!(headers.from().is_some_and(|from| from.tag().is_some()));
            assert!(headers.to().is_some_and(|to| to.tag().is_none()));
            answer(&mut agent, now, &request, 100);
            assert_eq!(told(&mut agent, id), []);
            answer(&mut agent, now, &request, status);
            answer(&mut agent, now, &request, status);
            assert_eq!(told(&mut agent, id), [Some(status)]);
            agent.handle_timeout(now + Duration::from_secs(60));
            assert_eq!(told(&mut agent, id), []);
            assert_eq!(agent.load().client_transactions, 0);
        }
    }

    #[test]
    fn silence_is_told_in_time_and_what_comes_later_is_nothing() {
        let (mut agent, now, id, request) = asked(Protocol::Udp);
        let mut sent = 1;
        while let Some(due) = agent.next_timeout() {
            agent.handle_timeout(due);
            sent += std::iter::from_fn(|| agent.poll_transmit()).count();
            if due == now + WAIT {
                break;
            }
        }
        // At 0, 0.5, 1.5 and 3.5 s.
        assert_eq!((sent, told(&mut agent, id)), (4, vec![None]));
        assert_eq!(agent.load().client_transactions, 0);
        answer(&mut agent, now + WAIT, &request, 200);
        assert_eq!(told(&mut agent, id), []);
    }

    #[test]
    fn a_connection_that_fails_is_told_at_once() {
        let (mut agent, now, id, _) = asked(Protocol::Tcp);
        agent.transport_failed(now, flow(Protocol::Tcp));
        assert_eq!(told(&mut agent, id), [None]);
    }
}
