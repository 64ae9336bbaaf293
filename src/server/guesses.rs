//! Wrong passwords, by where they come from: a source that guesses is not listened to for a while.
//!
//! What is counted came with a challenge of ours for that address ([`crate::sip::digest_server`]), so
//! nobody is silenced by packets that another wrote in their name.

use rustc_hash::FxHashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// In a minute. A telephone with a wrong password tries once or twice, and a desk has several.
const MOST: u32 = 20;
const WITHIN: Duration = Duration::from_secs(60);
/// Sources that are remembered; when it is full of guessers, those of one more are not counted.
const MAX_SOURCES: usize = 10_000;

#[derive(Default)]
pub(super) struct Guesses(FxHashMap<IpAddr, (Instant, u32)>);

impl Guesses {
    /// A password from there was wrong.
    pub fn count(&mut self, now: Instant, source: IpAddr) {
        let source = network(source);
        if self.0.len() >= MAX_SOURCES {
            self.0.retain(|_, (until, _)| now < *until);
        }
        if self.0.len() >= MAX_SOURCES && !self.0.contains_key(&source) {
            return;
        }
        let counted = self.0.entry(source).or_insert((now + WITHIN, 0));
        if now >= counted.0 {
            *counted = (now + WITHIN, 0);
        }
        counted.1 += 1;
        if counted.1 == MOST {
            tracing::warn!(%source, "too many wrong passwords: agents there are not listened to for a minute");
        }
    }

    /// Whether so many were wrong that no further one is looked at.
    pub fn are_too_many(&self, now: Instant, source: IpAddr) -> bool {
        let counted = self.0.get(&network(source));
        counted.is_some_and(|(until, count)| now < *until && *count >= MOST)
    }
}

/// Of IPv6 the /64: whoever has one address of it has them all (RFC 6177).
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_too_often_is_not_listened_to_for_a_while_and_others_are() {
        let now = Instant::now();
        let [guesser, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        let mut guesses = Guesses::default();
        for _ in 0..MOST {
            assert!(!guesses.are_too_many(now, guesser));
            guesses.count(now, guesser);
        }
        guesses.count(now, other);
        assert!(guesses.are_too_many(now, guesser));
        assert!(!guesses.are_too_many(now, other));
        let later = now + WITHIN;
        assert!(!guesses.are_too_many(later, guesser));
        guesses.count(later, guesser);
        assert!(!guesses.are_too_many(later, guesser));
    }

    #[test]
    fn who_has_many_addresses_of_one_network_is_one_source() {
        let now = Instant::now();
        let mut guesses = Guesses::default();
        let ip = |text: String| text.parse::<IpAddr>().expect("an address");
        for host in 0..MOST {
            guesses.count(now, ip(format!("2001:db8:1:2:{host:x}::1")));
        }
        assert!(guesses.are_too_many(now, ip("2001:db8:1:2::ffff".into())));
        assert!(!guesses.are_too_many(now, ip("2001:db8:1:3::1".into())));
        for _ in 0..MOST {
            guesses.count(now, ip("192.0.2.1".into()));
        }
        assert!(guesses.are_too_many(now, ip("::ffff:192.0.2.1".into())));
        assert!(!guesses.are_too_many(now, ip("::ffff:192.0.2.2".into())));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let mut guesses = Guesses::default();
        for n in 0..MAX_SOURCES as u32 + 10 {
            guesses.count(now, IpAddr::from(n.to_be_bytes()));
        }
        assert_eq!(guesses.0.len(), MAX_SOURCES);
        guesses.count(now + WITHIN, IpAddr::from([255, 0, 0, 1]));
        assert_eq!(guesses.0.len(), 1);
    }
}
