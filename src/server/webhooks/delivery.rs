//! One letter's delivery: signed as Standard Webhooks have it, sent, and when to try again.

use crate::store::outbox::Due;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use sha2::Sha256;
use std::time::{Duration, SystemTime};

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// A receiver that asks for a longer one is asked again all the same.
const LONGEST_ASKED: Duration = Duration::from_secs(6 * 3600);
/// From when a letter was first sent; then it is dead.
const GIVE_UP_AFTER: Duration = Duration::from_secs(86_400);
/// Of an answer so much is read, so that the connection can be used again. Nothing in it counts.
const MAX_ANSWER: usize = 16 * 1024;

/// A webhook.
pub struct Target {
    pub url: String,
    /// What letters are signed with.
    pub key: Vec<u8>,
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer was 2xx.
    Delivered,
    Failed {
        reason: String,
        /// The receiver wants no more of it (410).
        gone: bool,
        /// What the receiver asked for by Retry-After.
        after: Option<Duration>,
    },
}

pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    // The one that reqwest takes; it is there already where this is not the first client.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("zeroline/", env!("CARGO_PKG_VERSION")))
        // What callers said is for the address in the config.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Sends a letter once.
pub async fn send(client: &reqwest::Client, target: &Target, letter: &Due, now_ms: u64) -> Verdict {
    let timestamp = now_ms / 1000;
    let signature = signature(&target.key, &letter.id, timestamp, &letter.body);
    let request = client
        .post(&target.url)
        .timeout(target.timeout)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(letter.body.clone());
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return failed(told(error)),
    };
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER);
    let after = after.and_then(|value| retry_after(value.to_str().ok()?, SystemTime::now()));
    let mut read = 0;
    while read < MAX_ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        read += chunk.len();
    }
    match status.as_u16() {
        200..=299 => Verdict::Delivered,
        300..=399 => failed(format!(
            "it answered {status}: put its final address into the config"
        )),
        _ => Verdict::Failed {
            reason: format!("it answered {status}"),
            gone: status == reqwest::StatusCode::GONE,
            after,
        },
    }
}

fn failed(reason: String) -> Verdict {
    Verdict::Failed {
        reason,
        gone: false,
        after: None,
    }
}

/// Without the address, which may hold a password.
fn told(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    // The error itself says only that sending failed; what it comes from says why.
    let mut told = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        told += &format!(": {cause}");
        source = cause.source();
    }
    told
}

/// `v1,` and the base64 of the HMAC-SHA256 of id, Unix time in seconds and body, joined by dots
/// (Standard Webhooks, "signature scheme").
pub fn signature(key: &[u8], id: &str, timestamp: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// When to send a letter again that failed just now: in a second, then after twice the pause each
/// time, an hour at most, for a day from the first time; not before the receiver wants it (`after`). `jitter`: the
/// factor, about 1, that keeps letters that failed together from coming together again.
pub fn next_try(letter: &Due, now_ms: u64, after: Option<Duration>, jitter: f64) -> Option<u64> {
    let doubled = FIRST_PAUSE.saturating_mul(1 << letter.tries.min(16));
    let pause = doubled.min(LONGEST_PAUSE).mul_f64(jitter);
    let pause = pause.max(after.unwrap_or_default().min(LONGEST_ASKED));
    let at_ms = now_ms.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
    // It may have waited long before, for the server or for its secret.
    let since_ms = if letter.tries == 0 {
        now_ms
    } else {
        letter.made_ms
    };
    let until_ms = since_ms.saturating_add(GIVE_UP_AFTER.as_millis() as u64);
    (at_ms <= until_ms).then_some(at_ms)
}

/// Seconds or an HTTP date (RFC 9110, 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value.trim()).ok()?;
    at.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;
    use crate::config::webhooks::signing_key;

    /// The vector that the libraries of Standard Webhooks are tested with.
    #[test]
    fn letters_are_signed_as_every_standard_webhooks_library_expects() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let key = signing_key(&secret).expect("it is a good one");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            signature(&key, id, 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    fn letter(tries: u32) -> Due {
        Due {
            id: String::new(),
            body: String::new(),
            made_ms: 0,
            tries,
        }
    }

    #[test]
    fn pauses_double_to_an_hour_and_end_after_a_day() {
        let pause = |tries, jitter| next_try(&letter(tries), 0, None, jitter);
        assert_eq!(
            [0, 1, 2, 11].map(|tries| pause(tries, 1.0)),
            [Some(1_000), Some(2_000), Some(4_000), Some(2_048_000)]
        );
        assert_eq!(pause(12, 1.0), Some(3_600_000));
        assert_eq!(pause(u32::MAX, 0.75), Some(2_700_000));
        let day_ms = 86_400_000;
        assert_eq!(
            next_try(&letter(1), day_ms - 2_000, None, 1.0),
            Some(day_ms)
        );
        assert_eq!(next_try(&letter(1), day_ms - 1_999, None, 1.0), None);
        // From the first failure to the last there are some three dozen tries.
        let (mut now_ms, mut tries) = (0, 0);
        while let Some(next_ms) = next_try(&letter(tries), now_ms, None, 1.0) {
            (now_ms, tries) = (next_ms, tries + 1);
        }
        assert!((30..40).contains(&tries), "{tries}");
    }

    #[test]
    fn a_day_of_tries_begins_with_the_first_however_long_it_waited() {
        let weekend_ms = 60 * 3_600_000;
        let mut late = letter(0);
        assert_eq!(
            next_try(&late, weekend_ms, None, 1.0),
            Some(weekend_ms + 1_000)
        );
        late.tries = 1;
        assert_eq!(next_try(&late, weekend_ms, None, 1.0), None);
    }

    #[test]
    fn a_receiver_says_when_to_come_back() {
        let asked = Some(Duration::from_secs(120));
        assert_eq!(next_try(&letter(0), 0, asked, 1.0), Some(120_000));
        assert_eq!(next_try(&letter(11), 0, asked, 1.0), Some(2_048_000));
        let never = Some(Duration::MAX);
        assert_eq!(next_try(&letter(0), 0, never, 1.0), Some(6 * 3_600_000));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let date = "Sun, 06 Nov 1994 08:50:37 GMT";
        assert_eq!(retry_after(date, now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("soon", now), None);
    }
}
