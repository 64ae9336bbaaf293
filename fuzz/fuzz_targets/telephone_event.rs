//! Telephone-events of one peer: no key is let go that was not pressed, and none stays down.
//!
//! Each packet is seven octets: SSRC, timestamp, the payload's four, and how many milliseconds have
//! passed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use zeroline::rtp::telephone_event::{EventReceived, EventReceiver};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fuzz_target!(|octets: &[u8]| {
    let mut now = *START;
    let mut receiver = EventReceiver::default();
    let (mut pressed, mut let_go) = (0, 0);
    for packet in octets.chunks(7) {
        let [ssrc, timestamp, payload @ .., wait] = packet else {
            break;
        };
        now += Duration::from_millis(u64::from(*wait));
        let_go += usize::from(receiver.poll_ended(now).is_some());
        let timestamp = u32::from(*timestamp) * 160;
        match receiver.handle_packet(now, u32::from(*ssrc), timestamp, payload) {
            EventReceived::Down(_) => pressed += 1,
            EventReceived::Up(_) => let_go += 1,
            EventReceived::Known | EventReceived::NoKey => {}
        }
        assert!(let_go <= pressed);
    }
    let later = now + Duration::from_secs(1);
    receiver.poll_ended(later);
    assert_eq!(receiver.poll_ended(later), None);
});
