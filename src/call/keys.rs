//! One key source a call: a key that arrives by two ways counts once.
//!
//! Telephone-events go first where they were negotiated, then SIP INFO; tones in the sound are
//! looked at only where no telephone-events were negotiated. A phone that agreed to telephone-events
//! and then sends INFO is heard all the same until its first telephone-event: its owner must reach
//! a person too.

use crate::events::KeySource;
use crate::key::Key;
use std::time::{Duration, Instant};

/// Equal keys from different sources within this time are one.
const SAME_KEY: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
pub struct KeyGate {
    telephone_event_negotiated: bool,
    /// The best source that a key came from so far.
    heard: Option<KeySource>,
    last: Option<(Key, KeySource, Instant)>,
}

impl KeyGate {
    pub fn new(telephone_event_negotiated: bool) -> Self {
        Self {
            telephone_event_negotiated,
            heard: None,
            last: None,
        }
    }

    /// A new session description was agreed on. What was heard so far holds unless it has gone.
    pub fn renegotiate(&mut self, telephone_event_negotiated: bool) {
        self.telephone_event_negotiated = telephone_event_negotiated;
        if !telephone_event_negotiated && self.heard == Some(KeySource::TelephoneEvent) {
            self.heard = None;
        }
    }

    /// Whether a key counts.
    pub fn accept(&mut self, now: Instant, key: Key, source: KeySource) -> bool {
        if !self.listens_to(source) {
            return false;
        }
        self.heard = Some(source);
        let is_same = self.last.is_some_and(|(last_key, last_source, at)| {
            last_key == key
                && last_source != source
                && now.saturating_duration_since(at) <= SAME_KEY
        });
        self.last = Some((key, source, now));
        !is_same
    }

    fn listens_to(&self, source: KeySource) -> bool {
        match source {
            KeySource::TelephoneEvent => true,
            KeySource::Info => self.heard != Some(KeySource::TelephoneEvent),
            KeySource::InBand => self.wants_in_band(),
        }
    }

    /// Whether tones need to be looked for in the sound.
    pub fn wants_in_band(&self) -> bool {
        !self.telephone_event_negotiated && matches!(self.heard, None | Some(KeySource::InBand))
    }

    /// Where keys are expected from.
    pub fn source(&self) -> KeySource {
        match self.heard {
            Some(source) => source,
            None if self.telephone_event_negotiated => KeySource::TelephoneEvent,
            None => KeySource::InBand,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use KeySource::*;

    /// Feeds (milliseconds, key, source); whether each counts.
    fn accepted(negotiated: bool, keys: &[(u64, char, KeySource)]) -> Vec<bool> {
        let start = Instant::now();
        let mut gate = KeyGate::new(negotiated);
        let mut accept = |&(ms, key, source): &(u64, char, KeySource)| {
            let key = Key::from_char(key).unwrap();
            gate.accept(start + Duration::from_millis(ms), key, source)
        };
        keys.iter().map(&mut accept).collect()
    }

    #[test]
    fn telephone_events_shut_the_others_out() {
        assert_eq!(
            accepted(
                true,
                &[
                    (0, '1', TelephoneEvent),
                    (500, '1', Info),
                    (900, '1', InBand),
                    (999, '1', TelephoneEvent)
                ]
            ),
            [true, false, false, true]
        );
    }

    #[test]
    fn without_telephone_events_info_goes_before_tones() {
        assert_eq!(
            accepted(
                false,
                &[
                    (0, '1', InBand),
                    (60, '1', Info),
                    (500, '2', Info),
                    (600, '2', InBand)
                ]
            ),
            [true, false, true, false]
        );
    }

    #[test]
    fn info_is_heard_from_a_phone_that_sends_nothing_better() {
        assert_eq!(
            accepted(true, &[(0, '0', Info), (300, '0', Info)]),
            [true, true]
        );
        // The telephone-event of the same press follows, and is the source from then on.
        assert_eq!(
            accepted(
                true,
                &[(0, '0', Info), (50, '0', TelephoneEvent), (500, '0', Info)]
            ),
            [true, false, false]
        );
    }

    #[test]
    fn a_fast_typist_is_no_echo() {
        assert_eq!(
            accepted(true, &[(0, '1', TelephoneEvent), (80, '1', TelephoneEvent)]),
            [true, true]
        );
        assert_eq!(
            accepted(true, &[(0, '1', Info), (80, '2', TelephoneEvent)]),
            [true, true]
        );
        assert_eq!(
            accepted(true, &[(0, '1', Info), (101, '1', TelephoneEvent)]),
            [true, true]
        );
    }

    #[test]
    fn tones_are_looked_for_only_where_nothing_better_is() {
        assert!(!KeyGate::new(true).wants_in_band());
        let mut gate = KeyGate::new(false);
        assert!(gate.wants_in_band());
        assert_eq!(gate.source(), InBand);
        gate.accept(Instant::now(), Key::ZERO, Info);
        assert!(!gate.wants_in_band());
        assert_eq!(gate.source(), Info);
    }
}
