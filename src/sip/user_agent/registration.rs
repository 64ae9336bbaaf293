//! Registrations (RFC 3261, 10.2): bindings that are made, refreshed, kept reachable (RFC 5626) and
//! removed.

use super::client::retry_after;
use super::{Owner, UserAgent};
use crate::sip::flow::Flow;
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::slab::Key;
use crate::sip::uri::Uri;
use crate::sip::user_agent::authorizer::Authorizer;
use crate::sip::user_agent::command::{CommandError, Registration};
use crate::sip::user_agent::event::{Event, RegistrationId};
use crate::sip::user_agent::transactions::Purpose;
use crate::sip::values::CSeq;
use bytes::Bytes;
use rand::RngExt;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SHORTEST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// A registrar that grants less is asked again no sooner than this.
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);

/// One registration.
pub(super) struct Binding {
    pub registration: Registration,
    /// Which of the registrar's addresses is asked, and those to ask when it fails.
    pub flow: Flow,
    pub untried: VecDeque<Flow>,
    registrar: Uri,
    address_of_record: NameAddr,
    call_id: String,
    from_tag: String,
    cseq: u32,
    pub authorizer: Option<Box<Authorizer>>,
    /// Asked for, in seconds; raised by a 423. 0 while it is removed.
    expires: u32,
    /// How often in a row it failed.
    failures: u32,
    /// REGISTER again, to refresh or after a failure.
    refresh: Option<Instant>,
    keep_alive: Option<Instant>,
    pub armed: Option<Instant>,
}

impl Binding {
    pub fn next_timeout(&self) -> Option<Instant> {
        match (self.refresh, self.keep_alive) {
            (Some(refresh), Some(keep_alive)) => Some(refresh.min(keep_alive)),
            (refresh, keep_alive) => refresh.or(keep_alive),
        }
    }

    pub fn next_cseq(&mut self) -> u32 {
        self.cseq = self.cseq.saturating_add(1);
        self.cseq
    }

    /// All of the registrar's addresses are to be tried, from the first on.
    pub fn start_over(&mut self) {
        self.flow = self.registration.flow;
        self.untried = self.registration.fallbacks.iter().copied().collect();
    }
}

impl UserAgent {
    /// Registers, and keeps registered until `unregister`.
    pub fn register(
        &mut self,
        now: Instant,
        registration: Registration,
    ) -> Result<RegistrationId, CommandError> {
        let malformed = |_| CommandError::Malformed;
        let registrar: Uri = registration.registrar.parse().map_err(malformed)?;
        let aor: Uri = registration.address_of_record.parse().map_err(malformed)?;
        let (call_id, tag) = (self.token().to_string(), self.token().to_string());
        let credentials = registration.credentials.clone();
        let expires = u32::try_from(registration.expires.as_secs())
            .unwrap_or(u32::MAX)
            .max(1);
        let keep_alive = registration.keep_alive.map(|interval| now + interval);
        let key = self.registrations.insert(Binding {
            flow: registration.flow,
            untried: registration.fallbacks.iter().copied().collect(),
            registration,
            registrar,
            address_of_record: NameAddr::new(aor),
            call_id,
            from_tag: tag,
            cseq: 0,
            authorizer: credentials.map(|credentials| Box::new(Authorizer::new(credentials))),
            expires,
            failures: 0,
            refresh: None,
            keep_alive,
            armed: None,
        });
        let id = RegistrationId(key.ok_or(CommandError::TableFull)?);
        self.send_register(now, id);
        Ok(id)
    }

    /// Removes the binding; `Unregistered` tells when it is done.
    pub fn unregister(&mut self, now: Instant, id: RegistrationId) -> Result<(), CommandError> {
        let binding = self.registrations.get_mut(id.0).ok_or(CommandError::Gone)?;
        binding.expires = 0;
        binding.refresh = None;
        binding.keep_alive = None;
        self.send_register(now, id);
        Ok(())
    }

    pub(super) fn send_register(&mut self, now: Instant, id: RegistrationId) {
        let Some(binding) = self.registrations.get_mut(id.0) else {
            return;
        };
        let number = binding.next_cseq();
        let flow = binding.flow;
        let mut request = Request::new(Method::Register, binding.registrar.clone());
        let headers = &mut request.headers;
        let from = binding
            .address_of_record
            .clone()
            .with_tag(&binding.from_tag);
        headers.push(Header::MaxForwards, "70");
        headers.push(Header::From, from.to_bytes());
        headers.push(Header::To, binding.address_of_record.to_bytes());
        headers.push(Header::CallId, binding.call_id.clone());
        let method = Method::Register;
        headers.push(Header::CSeq, CSeq { number, method }.to_string());
        headers.push(Header::Expires, binding.expires.to_string());
        if let Some(authorizer) = &mut binding.authorizer {
            authorizer.authorize(&mut request);
        }
        self.introduce(&flow, &mut request.headers);
        if self
            .send(now, flow, request, Purpose::Register(id))
            .is_none()
        {
            self.registration_failed(now, id, None, None);
        }
        self.arm(Owner::Registration(id.0));
    }

    pub(super) fn register_answered(
        &mut self,
        now: Instant,
        id: RegistrationId,
        client: Key,
        response: &Response,
    ) {
        let headers = &response.headers;
        match response.status {
            ..200 => {}
            200..300 => self.registered(now, id, headers),
            423 if self.raise_expires(now, id, client, headers) => {}
            status => self.registration_failed(now, id, Some(status), retry_after(headers)),
        }
    }

    fn registered(&mut self, now: Instant, id: RegistrationId, headers: &Headers) {
        let Some(ours) = self.registrations.get(id.0).map(|b| self.contact(&b.flow)) else {
            return;
        };
        let Some(binding) = self.registrations.get_mut(id.0) else {
            return;
        };
        if binding.expires == 0 {
            self.registrations.remove(id.0);
            self.events
                .push_back(Event::Unregistered { registration: id });
            return;
        }
        let granted = granted(headers, &ours).unwrap_or(binding.expires);
        let expires = Duration::from_secs(u64::from(granted));
        // Early enough for a few attempts, but not in the first half.
        let early = expires
            .mul_f32(0.1)
            .clamp(Duration::from_secs(5), Duration::from_secs(60));
        let refresh = expires
            .saturating_sub(early)
            .max(expires / 2)
            .max(SHORTEST_REFRESH);
        binding.failures = 0;
        binding.refresh = Some(now + refresh);
        self.arm(Owner::Registration(id.0));
        self.events.push_back(Event::Registered {
            registration: id,
            expires,
        });
    }

    /// 423: asks for what the registrar takes (RFC 3261, 10.2.8).
    fn raise_expires(
        &mut self,
        now: Instant,
        id: RegistrationId,
        client: Key,
        headers: &Headers,
    ) -> bool {
        let text = headers
            .get(Header::MinExpires)
            .and_then(|v| std::str::from_utf8(v).ok());
        let Some(min_expires) = text.and_then(|text| text.trim().parse::<u32>().ok()) else {
            return false;
        };
        let Some(binding) = self.registrations.get_mut(id.0) else {
            return false;
        };
        if binding.expires == 0 || min_expires <= binding.expires {
            return false;
        }
        binding.expires = min_expires;
        self.send_again(now, client, |request| {
            request
                .headers
                .set(Header::Expires, min_expires.to_string());
        })
    }

    /// Tells it and tries again later; after wrong credentials or an unknown address never.
    pub(super) fn registration_failed(
        &mut self,
        now: Instant,
        id: RegistrationId,
        status: Option<u16>,
        retry_after: Option<Duration>,
    ) {
        let spread: f32 = self.rng.random_range(0.75..1.25);
        let Some(binding) = self.registrations.get_mut(id.0) else {
            return;
        };
        if binding.expires == 0 {
            self.registrations.remove(id.0);
            self.events
                .push_back(Event::Unregistered { registration: id });
            return;
        }
        if matches!(status, None | Some(408 | 503)) && self.try_next_registrar(now, id) {
            return;
        }
        let Some(binding) = self.registrations.get_mut(id.0) else {
            return;
        };
        let vain = matches!(status, Some(400..=407 | 416 | 420 | 423));
        let doubled = SHORTEST_RETRY.saturating_mul(1 << binding.failures.min(6));
        binding.failures = binding.failures.saturating_add(1);
        let wait = retry_after.unwrap_or(doubled.mul_f32(spread));
        let retry_in = (!vain).then(|| wait.clamp(SHORTEST_RETRY, LONGEST_RETRY));
        binding.refresh = retry_in.map(|wait| now + wait);
        self.arm(Owner::Registration(id.0));
        self.events.push_back(Event::RegistrationFailed {
            registration: id,
            status,
            retry_in,
        });
    }

    pub(super) fn fire_registration(&mut self, now: Instant, key: Key) {
        let Some(binding) = self.registrations.get_mut(key) else {
            return;
        };
        if binding.keep_alive.is_some_and(|at| at <= now) {
            let flow = binding.flow;
            let interval = binding.registration.keep_alive.unwrap_or(LONGEST_RETRY);
            binding.keep_alive = Some(now + interval.max(Duration::from_secs(1)));
            self.transmit(flow, Bytes::from_static(b"\r\n\r\n"));
        }
        let Some(binding) = self.registrations.get_mut(key) else {
            return;
        };
        if binding.refresh.is_some_and(|at| at <= now) {
            binding.refresh = None;
            self.send_register(now, RegistrationId(key));
        }
    }
}

/// The seconds that a registrar grants: of our Contact, of the only one, or of Expires. Others'
/// Contacts for the same address of record say nothing about ours.
fn granted(headers: &Headers, ours: &str) -> Option<u32> {
    let ours = NameAddr::parse(ours.as_bytes()).ok()?;
    let contacts = headers.contacts();
    let same = |other: &&NameAddr| ours.uri.equivalent(&other.uri);
    let only = match &contacts[..] {
        [only] => Some(only),
        _ => None,
    };
    let binding = contacts.iter().find(same).or(only);
    let of_contact = binding.and_then(|contact| contact.params.get("expires")?.parse().ok());
    of_contact.or_else(|| headers.expires())
}
