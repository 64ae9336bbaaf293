use super::EventReceived::*;
use super::*;
use proptest::prelude::*;

const ONE: Key = Key::ZERO;

/// Feeds (milliseconds, timestamp, event, end, duration).
fn received(packets: &[(u64, u32, u8, bool, u16)]) -> Vec<EventReceived> {
    let start = Instant::now();
    let mut receiver = EventReceiver::default();
    let mut feed = |&(ms, timestamp, event, end, duration): &(u64, u32, u8, bool, u16)| {
        let [high, low] = duration.to_be_bytes();
        let payload = [event, u8::from(end) << 7 | 10, high, low];
        receiver.handle_packet(start + Duration::from_millis(ms), 7, timestamp, &payload)
    };
    packets.iter().map(&mut feed).collect()
}

#[test]
fn a_key_counts_once_on_its_first_packet() {
    assert_eq!(
        received(&[
            (0, 1000, 0, false, 160),
            (20, 1000, 0, false, 320),
            (40, 1000, 0, true, 480),
            (40, 1000, 0, true, 480),
            (40, 1000, 0, true, 480),
            (200, 2600, 0, false, 160),
        ]),
        [Down(ONE), Known, Up(ONE), Known, Known, Down(ONE)]
    );
}

#[test]
fn any_packet_of_an_event_will_do() {
    assert_eq!(
        received(&[(40, 1000, 0, true, 480), (40, 1000, 0, true, 480)]),
        [Down(ONE), Known]
    );
    // All end packets lost; the next key is another event.
    assert_eq!(
        received(&[(0, 1000, 0, false, 160), (300, 3400, 0, false, 160)]),
        [Down(ONE), Down(ONE)]
    );
}

#[test]
fn late_packets_of_an_earlier_event_are_no_key() {
    assert_eq!(
        received(&[
            (0, 1000, 0, false, 160),
            (100, 2000, 11, false, 160),
            (110, 1000, 0, true, 480),
            (120, 2000, 11, true, 320),
        ]),
        [Down(ONE), Down(Key::HASH), Known, Up(Key::HASH)]
    );
}

#[test]
fn long_events_are_one_key() {
    let second = 1000u32.wrapping_add(0xFFFF);
    assert_eq!(
        received(&[
            (0, 1000, 0, false, 160),
            (8_180, 1000, 0, false, 0xFFFF),
            (8_200, second, 0, false, 160),
            (8_210, 1000, 0, false, 0xFFFF),
            (8_220, second, 0, true, 320),
        ]),
        [Down(ONE), Known, Known, Known, Up(ONE)]
    );
    // Timestamps that wrap are no end.
    let wrapped = (u32::MAX - 10).wrapping_add(0xFFFF);
    assert_eq!(
        received(&[
            (0, u32::MAX - 10, 0, false, 65_000),
            (20, wrapped, 0, false, 8)
        ]),
        [Down(ONE), Known]
    );
}

#[test]
fn a_timestamp_that_counts_up_with_the_duration_is_one_key() {
    assert_eq!(
        received(&[
            (0, 1000, 0, false, 160),
            (20, 1160, 0, false, 320),
            (60, 1480, 0, false, 640),
            (70, 1320, 0, false, 480),
            (80, 1640, 0, true, 800),
            (80, 1640, 0, true, 800),
        ]),
        [Down(ONE), Known, Known, Known, Up(ONE), Known]
    );
}

#[test]
fn what_is_no_key_is_told() {
    assert_eq!(
        received(&[(0, 1, 16, false, 160), (0, 1, 255, false, 160)]),
        [NoKey, NoKey]
    );
    assert_eq!(
        EventReceiver::default().handle_packet(Instant::now(), 1, 1, &[1, 2, 3]),
        NoKey
    );
}

#[test]
fn a_lost_end_ends_by_time() {
    let now = Instant::now();
    let mut receiver = EventReceiver::default();
    receiver.handle_packet(now, 7, 1000, &[0, 10, 0, 160]);
    assert_eq!(receiver.poll_ended(now + Duration::from_millis(199)), None);
    assert_eq!(
        receiver.poll_ended(now + Duration::from_millis(200)),
        Some(ONE)
    );
    assert_eq!(receiver.poll_ended(now + Duration::from_millis(400)), None);
}

/// Every packet with the time at which it is sent.
fn sent(keys: &[ToSend], ptime_ms: u8) -> Vec<(u64, EventPacket)> {
    let mut sender = EventSender::default();
    sender.queue(keys).unwrap();
    let mut packets = Vec::new();
    let mut ms = 0;
    while !sender.is_idle() {
        packets.extend(sender.next_packet(ptime_ms).map(|packet| (ms, packet)));
        ms += u64::from(ptime_ms);
    }
    packets
}

#[test]
fn a_key_is_sent_with_growing_durations_and_three_ends() {
    let packets = sent(&[ToSend::Key(Key::HASH)], 20);
    let told: Vec<_> = packets
        .iter()
        .map(|(ms, packet)| (*ms, packet.payload, packet.first))
        .collect();
    assert_eq!(
        told,
        [
            (0, [11, 10, 0, 160], true),
            (20, [11, 10, 1, 64], false),
            (40, [11, 10, 1, 224], false),
            (60, [11, 10, 2, 128], false),
            (80, [11, 10, 3, 32], false),
            (100, [11, 138, 3, 32], false),
            (120, [11, 138, 3, 32], false),
            (140, [11, 138, 3, 32], false),
        ]
    );
}

#[test]
fn pauses_part_keys() {
    let half = ToSend::Pause(Duration::from_millis(500));
    let packets = sent(&[ToSend::Key(ONE), half, ToSend::Key(ONE)], 20);
    let starts: Vec<_> = packets
        .iter()
        .filter(|(_, packet)| packet.first)
        .map(|(ms, _)| *ms)
        .collect();
    assert_eq!(starts, [0, 160 + 100 + 500]);
}

#[test]
fn the_queue_is_bounded() {
    let mut sender = EventSender::default();
    assert_eq!(
        sender.queue(&[ToSend::Key(ONE); MAX_WAITING + 1]),
        Err(TooManyKeys)
    );
    assert!(sender.is_idle());
    assert_eq!(sender.queue(&[ToSend::Key(ONE); MAX_WAITING]), Ok(()));
    assert_eq!(sender.queue(&[ToSend::Key(ONE)]), Err(TooManyKeys));
}

proptest! {
    /// Keys sent over a network that loses, doubles and reorders: each is told once, in order,
    /// as long as one packet of it comes through.
    #[test]
    fn every_key_once(
        codes in proptest::collection::vec(0u8..16, 1..12),
        ptime in prop_oneof![Just(10u8), Just(20), Just(30), Just(60)],
        base in any::<u32>(),
        fate in proptest::collection::vec((0u8..100, 0u8..100, 0u64..60), 400),
    ) {
        let keys: Vec<_> = codes.iter().filter_map(|&code| Key::from_event_code(code)).collect();
        let to_send: Vec<_> = keys.iter().map(|&key| ToSend::Key(key)).collect();
        let mut event = usize::MAX;
        let mut timestamp = base;
        let mut wire = Vec::new();
        for ((ms, packet), &(loss, double, delay)) in sent(&to_send, ptime).iter().zip(&fate) {
            if packet.first {
                event = event.wrapping_add(1);
                timestamp = base.wrapping_add(*ms as u32 * 8);
            }
            if loss >= 30 {
                wire.push((ms + delay, event, timestamp, packet.payload));
            }
            if double < 10 {
                wire.push((ms + delay + 5, event, timestamp, packet.payload));
            }
        }
        wire.sort_by_key(|&(ms, ..)| ms);
        let start = Instant::now();
        let mut receiver = EventReceiver::default();
        let mut heard = Vec::new();
        for (ms, _, timestamp, payload) in &wire {
            let now = start + Duration::from_millis(*ms);
            if let Down(key) = receiver.handle_packet(now, 7, *timestamp, payload) {
                heard.push(key);
            }
        }
        let came: std::collections::BTreeSet<_> = wire.iter().map(|&(_, event, ..)| event).collect();
        let expected: Vec<_> = came.iter().map(|&event| keys[event]).collect();
        prop_assert_eq!(heard, expected);
    }

    #[test]
    fn any_bytes_are_borne(packets in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..8)), 0..40)) {
        let mut receiver = EventReceiver::default();
        let now = Instant::now();
        for (timestamp, payload) in packets {
            receiver.handle_packet(now, 7, timestamp, &payload);
            receiver.poll_ended(now);
        }
    }
}
