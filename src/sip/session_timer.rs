//! Session timers (RFC 4028): how long a session may last without a refresh, and who refreshes it.

use crate::sip::values::{Refresher, SessionExpires};
use std::time::{Duration, Instant};

/// The smallest interval that the RFC allows, in seconds (section 4).
pub const SMALLEST_INTERVAL: u32 = 90;

/// The header field's value.
pub fn written(value: SessionExpires) -> String {
    match value.refresher {
        Some(Refresher::Uac) => format!("{};refresher=uac", value.seconds),
        Some(Refresher::Uas) => format!("{};refresher=uas", value.seconds),
        None => value.seconds.to_string(),
    }
}

/// What a request says of session timers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    pub session_expires: Option<SessionExpires>,
    /// The request's Min-SE, in seconds.
    pub min_se: Option<u32>,
    /// `timer` stands in the request's Supported.
    pub supported: bool,
}

/// The interval asked for is below our Min-SE: 422.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntervalTooSmall;

/// What the 2xx to a request says (RFC 4028, 9). `ours` is the interval that we want, `min_se` the
/// smallest that we take, both in seconds.
pub fn answer(
    wish: Wish,
    ours: Option<u32>,
    min_se: u32,
) -> Result<Option<SessionExpires>, IntervalTooSmall> {
    let min_se = min_se.max(SMALLEST_INTERVAL);
    let floor = wish.min_se.unwrap_or(0).max(min_se);
    let Some(asked) = wish.session_expires else {
        return Ok(ours.map(|seconds| SessionExpires {
            seconds: seconds.max(floor),
            refresher: Some(refresher(None, wish.supported)),
        }));
    };
    if asked.seconds < min_se && wish.supported {
        return Err(IntervalTooSmall);
    }
    let seconds = ours.map_or(asked.seconds, |ours| ours.min(asked.seconds));
    Ok(Some(SessionExpires {
        seconds: seconds.max(floor),
        refresher: Some(refresher(asked.refresher, wish.supported)),
    }))
}

/// Table 2 of the RFC: a peer without support can't refresh; else its wish, else it does.
fn refresher(asked: Option<Refresher>, supported: bool) -> Refresher {
    if supported {
        asked.unwrap_or(Refresher::Uac)
    } else {
        Refresher::Uas
    }
}

/// A session timer in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimer {
    pub seconds: u32,
    pub we_refresh: bool,
}

impl SessionTimer {
    /// From the Session-Expires of a 2xx that `we` sent as the server, or received as the client.
    pub fn from_response(value: SessionExpires, we_are_uas: bool) -> Self {
        let refresher = value.refresher.unwrap_or(Refresher::Uac);
        Self {
            seconds: value.seconds.max(SMALLEST_INTERVAL),
            we_refresh: (refresher == Refresher::Uas) == we_are_uas,
        }
    }

    /// When we refresh: after half the interval (RFC 4028, 10).
    pub fn refresh_at(&self, now: Instant) -> Option<Instant> {
        self.we_refresh
            .then(|| now + Duration::from_secs(u64::from(self.seconds / 2)))
    }

    /// When we refresh again after a refusal: a peer that lost its way for a moment is asked often
    /// enough before its own timer runs out, and one that always refuses is not pestered.
    pub fn retry_at(&self, now: Instant) -> Instant {
        now + Duration::from_secs(u64::from(self.seconds / 10))
    }

    /// When the session is over without a refresh: shortly before the interval ends (RFC 4028, 10).
    pub fn expires_at(&self, now: Instant) -> Instant {
        now + Duration::from_secs(u64::from(self.seconds - (self.seconds / 3).min(32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(session_expires: &str, min_se: Option<u32>, supported: bool) -> Wish {
        Wish {
            session_expires: SessionExpires::parse(session_expires.as_bytes()).ok(),
            min_se,
            supported,
        }
    }

    fn answered(wish: Wish, ours: Option<u32>) -> Option<String> {
        let value = answer(wish, ours, 90).expect("the interval is not too small");
        value.map(written)
    }

    #[test]
    fn answers_as_the_server() {
        let cases = [
            (wish("1800", None, true), None, Some("1800;refresher=uac")),
            (
                wish("1800;refresher=uas", None, true),
                None,
                Some("1800;refresher=uas"),
            ),
            (
                wish("1800;refresher=uac", None, false),
                None,
                Some("1800;refresher=uas"),
            ),
            (
                wish("3600", None, true),
                Some(1800),
                Some("1800;refresher=uac"),
            ),
            (
                wish("3600", Some(2000), true),
                Some(1800),
                Some("2000;refresher=uac"),
            ),
            (wish("30", None, false), None, Some("90;refresher=uas")),
            (wish("", None, true), Some(1800), Some("1800;refresher=uac")),
            (
                wish("", None, false),
                Some(1800),
                Some("1800;refresher=uas"),
            ),
            (wish("", None, true), None, None),
        ];
        for (wish, ours, expected) in cases {
            assert_eq!(answered(wish, ours).as_deref(), expected, "{wish:?}");
        }
    }

    #[test]
    fn refuses_a_short_interval_when_the_peer_can_ask_again() {
        assert_eq!(
            answer(wish("60", None, true), None, 90),
            Err(IntervalTooSmall)
        );
        assert_eq!(
            answer(wish("100", None, true), None, 120),
            Err(IntervalTooSmall)
        );
    }

    #[test]
    fn knows_who_refreshes_and_when() {
        let now = Instant::now();
        let value = SessionExpires::parse(b"1800;refresher=uas").expect("it is well-formed");
        let server = SessionTimer::from_response(value, true);
        assert_eq!(server.refresh_at(now), Some(now + Duration::from_secs(900)));
        assert_eq!(server.expires_at(now), now + Duration::from_secs(1768));
        let client = SessionTimer::from_response(value, false);
        assert_eq!(client.refresh_at(now), None);
        let shortest = SessionTimer {
            seconds: 90,
            we_refresh: false,
        };
        assert_eq!(shortest.expires_at(now), now + Duration::from_secs(60));
    }
}
