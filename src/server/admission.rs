//! Which requests and calls are taken. What is refused costs little, and a caller who cannot be
//! served here is sent to a person where the config names one.

use crate::config::Admission::{Allowed, Blocked, NotAllowed};
use crate::config::Config;
use crate::sip::header::Header;
use crate::sip::message::Request;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a scanner is not answered.
const BLOCKED_FOR: Duration = Duration::from_secs(3600);
/// Scanners that are remembered; when it is full, the ones whose time is over make room, and if
/// there are none the new one is only refused.
const MAX_BLOCKED: usize = 10_000;
/// How often strangers stand in the log.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// After so many sources the limiter forgets those that have been quiet.
const SWEEP_EVERY: u32 = 10_000;
/// What the User-Agent of common SIP scanners contains.
const SCANNERS: [&str; 7] = [
    "friendly-scanner",
    "sipvicious",
    "sipcli",
    "sundayddr",
    "pplsip",
    "vaxsipuseragent",
    "sip-scan",
];

pub struct Admission {
    config: Arc<Config>,
    requests: DefaultKeyedRateLimiter<IpAddr>,
    calls: DefaultKeyedRateLimiter<IpAddr>,
    blocked: FxHashMap<IpAddr, Instant>,
    seen: u32,
    strangers: Strangers,
    /// Shared with the health endpoint.
    ready: Arc<AtomicBool>,
}

/// How a call is turned away: with a status, and with 302 to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub contact: Option<String>,
    pub reason: &'static str,
}

impl Refusal {
    pub fn with(status: u16, reason: &'static str) -> Refusal {
        Refusal {
            status,
            contact: None,
            reason,
        }
    }
}

impl Admission {
    pub fn new(config: Arc<Config>, ready: Arc<AtomicBool>) -> Admission {
        let a_second =
            |count: u32| Quota::per_second(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Admission {
            requests: RateLimiter::keyed(a_second(config.rate.requests_per_second)),
            calls: RateLimiter::keyed(a_second(config.rate.calls_per_second)),
            config,
            blocked: FxHashMap::default(),
            seen: 0,
            strangers: Strangers::default(),
            ready,
        }
    }

    /// No new calls from now on.
    pub fn drain(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        !self.ready.load(Ordering::Relaxed)
    }

    /// Whether a message from there is looked at, if it belongs to no call.
    pub fn takes_message(&mut self, now: Instant, source: IpAddr) -> bool {
        self.seen += 1;
        if self.seen.is_multiple_of(SWEEP_EVERY) {
            self.requests.retain_recent();
            self.calls.retain_recent();
        }
        !self.is_blocked(now, source) && self.requests.check_key(&source).is_ok()
    }

    pub fn may_connect(&self, now: Instant, source: IpAddr) -> bool {
        !self.is_blocked(now, source) && self.config.admit(source) != Blocked
    }

    fn is_blocked(&self, now: Instant, source: IpAddr) -> bool {
        self.blocked.get(&source).is_some_and(|until| now < *until)
    }

    /// Whether calls are taken from there. A stranger that says it is a scanner is not answered
    /// again; a source that the config allows stays, as it may speak for many.
    pub fn knows(&mut self, now: Instant, source: IpAddr, invite: &Request) -> bool {
        let is_allowed = matches!(self.config.admit(source), Allowed { .. });
        if !is_allowed {
            self.strangers.count(now, source);
            if is_scanner(invite) {
                self.block(now, source);
            }
        }
        is_allowed
    }

    /// Whether a REGISTER from there is looked at: agents may be outside of `allow`, scanners not.
    pub fn may_register(&mut self, now: Instant, source: IpAddr, register: &Request) -> bool {
        let scans = is_scanner(register);
        match self.config.admit(source) {
            Blocked => false,
            Allowed { .. } => !scans,
            NotAllowed => {
                if scans {
                    self.block(now, source);
                }
                !scans
            }
        }
    }

    /// For a source that is known. `busy` says why the server itself cannot take a call now.
    pub fn judge_invite(
        &mut self,
        source: IpAddr,
        invite: &Request,
        busy: Option<&'static str>,
    ) -> Result<(), Refusal> {
        if is_scanner(invite) {
            return Err(Refusal::with(403, "its User-Agent is a SIP scanner's"));
        }
        let draining = self.is_draining().then_some("the server is stopping");
        if let Some(reason) = draining.or(busy) {
            return Err(self.elsewhere(reason));
        }
        if self.calls.check_key(&source).is_err() {
            return Err(self.elsewhere("too many calls a second from this source"));
        }
        Ok(())
    }

    /// To a person, if there is one elsewhere.
    pub fn elsewhere(&self, reason: &'static str) -> Refusal {
        match &self.config.human {
            Some(contact) => Refusal {
                status: 302,
                contact: Some(contact.clone()),
                reason,
            },
            None => Refusal::with(503, reason),
        }
    }

    fn block(&mut self, now: Instant, source: IpAddr) {
        if self.blocked.len() >= MAX_BLOCKED {
            self.blocked.retain(|_, until| now < *until);
        }
        if self.blocked.len() < MAX_BLOCKED {
            tracing::warn!(%source, "a SIP scanner: it is not answered for an hour");
            self.blocked.insert(source, now + BLOCKED_FOR);
        }
    }
}

/// Strangers have no records, and at most one line a second in the log.
#[derive(Default)]
struct Strangers {
    told: Option<Instant>,
    untold: u32,
}

impl Strangers {
    fn count(&mut self, now: Instant, source: IpAddr) {
        metrics::counter!("zeroline_strangers_refused_total").increment(1);
        if self.told.is_some_and(|told| now < told + TELL_EVERY) {
            self.untold += 1;
            return;
        }
        let others = std::mem::take(&mut self.untold);
        self.told = Some(now);
        tracing::warn!(%source, others, "a call was refused: the source is not in `allow`");
    }
}

fn is_scanner(invite: &Request) -> bool {
    let user_agent = invite.headers.get(Header::UserAgent);
    let user_agent = user_agent.map(|value| value.to_ascii_lowercase());
    let user_agent = String::from_utf8_lossy(user_agent.as_deref().unwrap_or_default());
    SCANNERS.iter().any(|scanner| user_agent.contains(scanner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::method::Method;
    use crate::sip::uri::Uri;

    fn admission(change: impl FnOnce(&mut Config)) -> Admission {
        let mut config = Config::default();
        change(&mut config);
        Admission::new(Arc::new(config), Arc::new(AtomicBool::new(true)))
    }

    fn source(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// An INVITE of this user agent.
    fn by(user_agent: &str) -> Request {
        let uri: Uri = "sip:hotline@127.0.0.1".parse().expect("it is a URI");
        let mut invite = Request::new(Method::Invite, uri);
        let name = user_agent.to_owned();
        invite.headers.push(Header::UserAgent, name);
        invite
    }

    #[test]
    fn only_allowed_networks_may_call() {
        let now = Instant::now();
        let mut admission = admission(|_| {});
        assert!(admission.knows(now, source("127.0.0.1"), &by("phone")));
        assert!(!admission.knows(now, source("192.0.2.1"), &by("phone")));
    }

    #[test]
    fn a_full_server_sends_callers_to_a_person() {
        let full = Some("all lines are taken");
        let mut with_human = admission(|config| config.human = Some("sip:desk@example.com".into()));
        let verdict = with_human.judge_invite(source("127.0.0.1"), &by("phone"), full);
        let elsewhere = Refusal {
            status: 302,
            contact: Some("sip:desk@example.com".into()),
            reason: "all lines are taken",
        };
        assert_eq!(verdict, Err(elsewhere));
        let mut without = admission(|_| {});
        let verdict = without.judge_invite(source("127.0.0.1"), &by("phone"), full);
        assert_eq!(verdict, Err(Refusal::with(503, "all lines are taken")));
    }

    #[test]
    fn strangers_that_scan_are_not_answered_for_an_hour() {
        let now = Instant::now();
        let mut admission = admission(|_| {});
        let scanner = source("198.51.100.9");
        assert!(admission.takes_message(now, scanner));
        assert!(!admission.knows(now, scanner, &by("phone")));
        assert!(admission.takes_message(now, scanner));
        assert!(!admission.knows(now, scanner, &by("Friendly-Scanner/1")));
        assert!(!admission.takes_message(now, scanner));
        assert!(!admission.may_connect(now, scanner));
        assert!(admission.takes_message(now + BLOCKED_FOR, scanner));
        assert!(admission.may_connect(now + BLOCKED_FOR, scanner));
    }

    #[test]
    fn a_scanner_behind_an_allowed_source_is_refused_and_the_source_stays() {
        let now = Instant::now();
        let mut admission =
            admission(|config| config.allow = vec!["192.0.2.0/24".parse().unwrap()]);
        let trunk = source("192.0.2.9");
        assert!(admission.knows(now, trunk, &by("sipcli/v1.8")));
        let verdict = admission.judge_invite(trunk, &by("sipcli/v1.8"), None);
        assert_eq!(verdict.expect_err("it scans").status, 403);
        assert!(admission.takes_message(now, trunk));
        assert_eq!(admission.judge_invite(trunk, &by("phone"), None), Ok(()));
    }

    #[test]
    fn a_source_has_so_many_calls_a_second() {
        let mut admission = admission(|config| config.rate.calls_per_second = 3);
        let verdicts: Vec<_> = (0..5)
            .map(|_| admission.judge_invite(source("127.0.0.1"), &by("phone"), None))
            .collect();
        assert_eq!(verdicts[..3], [Ok(()), Ok(()), Ok(())]);
        assert!(matches!(verdicts[4], Err(Refusal { status: 503, .. })));
    }
}
