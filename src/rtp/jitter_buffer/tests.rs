use super::*;
use proptest::prelude::*;
use std::time::Duration;

const FRAME: usize = 160;
const BASE: u32 = u32::MAX - 1_000;

/// A buffer whose frames of 20 ms are taken in time, and what was heard.
struct Player {
    start: Instant,
    buffer: JitterBuffer,
    elapsed_ms: u64,
    heard: Vec<Option<u8>>,
}

impl Player {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            buffer: JitterBuffer::new(),
            elapsed_ms: 0,
            heard: Vec::new(),
        }
    }

    /// Takes the frames that are due before `ms`.
    fn run_to(&mut self, ms: u64) {
        while self.elapsed_ms + 20 <= ms {
            self.elapsed_ms += 20;
            let now = self.start + Duration::from_millis(self.elapsed_ms);
            self.buffer.begin_frame(now, FRAME, true);
            let mut left = FRAME;
            while left > 0 {
                let (taken, bytes) = match self.buffer.next_part(left) {
                    Part::Sound(_, payload) => (payload.len(), Some(payload.to_vec())),
                    Part::Missing(missing) => (missing, None),
                };
                assert!(taken > 0 && taken <= left, "{taken} of {left}");
                left -= taken;
                match bytes {
                    Some(bytes) => self.heard.extend(bytes.into_iter().map(Some)),
                    None => self.heard.extend(std::iter::repeat_n(None, taken)),
                }
            }
        }
    }

    /// A packet of 20 ms whose every byte is its number's last eight bits.
    fn insert(&mut self, ms: u64, number: u32) -> Inserted {
        self.run_to(ms);
        let timestamp = BASE.wrapping_add(number * 160);
        let now = self.start + Duration::from_millis(ms);
        self.buffer.insert(
            now,
            timestamp,
            number == 0,
            Codec::Pcmu,
            &[number as u8; FRAME],
        )
    }

    /// What was heard, a letter a change: numbers, and `-` for what was missing.
    fn told(&self) -> String {
        let mut told = Vec::new();
        let mut runs = self.heard.chunk_by(|a, b| a == b);
        for run in &mut runs {
            told.push(match run[0] {
                Some(number) => number.to_string(),
                None => format!("-{}", run.len() / 8),
            });
        }
        told.join(" ")
    }
}

/// Inserts (milliseconds, number) and plays to `end`.
fn played(packets: &[(u64, u32)], end: u64) -> String {
    let mut player = Player::new();
    for &(ms, number) in packets {
        player.insert(ms, number);
    }
    player.run_to(end);
    player.told()
}

#[test]
fn the_first_packet_waits_60_ms() {
    assert_eq!(played(&[(0, 0), (20, 1), (40, 2)], 160), "-60 0 1 2 -40");
}

#[test]
fn order_is_restored_and_doubles_are_dropped() {
    assert_eq!(
        played(&[(0, 0), (40, 2), (41, 1), (42, 2), (60, 3)], 140),
        "-60 0 1 2 3"
    );
    let mut player = Player::new();
    assert_eq!(player.insert(0, 0), Inserted::Kept);
    assert_eq!(player.insert(1, 0), Inserted::Duplicate);
}

#[test]
fn a_lost_packet_is_missing_in_its_place() {
    assert_eq!(played(&[(0, 0), (40, 2), (60, 3)], 140), "-60 0 -20 2 3");
}

#[test]
fn a_packet_too_late_makes_all_wait_longer() {
    let mut player = Player::new();
    for number in 0..10 {
        player.insert(u64::from(number) * 20, number);
    }
    // The eleventh is 100 ms late, and the others behind it with it.
    for number in 10..20 {
        player.insert(300.max(u64::from(number) * 20), number);
    }
    assert!(
        player.buffer.delay_ms() > 90,
        "{}",
        player.buffer.delay_ms()
    );
    player.run_to(600);
    let told = player.told();
    assert!(
        told.contains("9 -40 10 11") && told.contains("18 19"),
        "{told}"
    );
}

#[test]
fn what_was_overtaken_is_late() {
    let mut player = Player::new();
    for number in [0, 1, 3, 4, 5] {
        player.insert(u64::from(number) * 20, number);
    }
    player.run_to(140);
    assert_eq!(player.insert(150, 2), Inserted::Late);
}

#[test]
fn the_delay_shrinks_where_the_network_is_even() {
    let mut player = Player::new();
    for number in 0..1_000 {
        player.insert(u64::from(number) * 20, number);
    }
    assert!(
        player.buffer.delay_ms() <= 40,
        "{}",
        player.buffer.delay_ms()
    );
    // Only whole frames were left out for it.
    let heard = player.heard.iter().flatten().count();
    assert_eq!(heard % FRAME, 0);
    assert!((993 * FRAME..1_000 * FRAME).contains(&heard), "{heard}");
}

#[test]
fn a_source_whose_clock_stood_still_is_heard_at_once() {
    let mut player = Player::new();
    for number in 0..10 {
        player.insert(u64::from(number) * 20, number);
    }
    for number in 10..20 {
        let inserted = player.insert(u64::from(number) * 20 + 600, number);
        assert_eq!(inserted, Inserted::Kept);
    }
    player.run_to(1_200);
    let told = player.told();
    assert!(
        told.ends_with(" 9 -600 10 11 12 13 14 15 16 17 18 19 -140"),
        "{told}"
    );
}

#[test]
fn the_line_of_time_may_jump() {
    for jump in [
        8_001,
        1 << 20,
        u32::MAX / 2,
        u32::MAX - 8_001,
        u32::MAX - 2_000,
    ] {
        let mut player = Player::new();
        let mut kept = 0;
        for number in 0..100u32 {
            let ms = u64::from(number) * 20;
            player.run_to(ms);
            let jumped = if number >= 20 { jump } else { 0 };
            let now = player.start + Duration::from_millis(ms);
            let timestamp = (number * 160).wrapping_add(jumped);
            let sound = [number as u8; FRAME];
            let inserted = player
                .buffer
                .insert(now, timestamp, false, Codec::Pcma, &sound);
            kept += u32::from(inserted == Inserted::Kept);
        }
        player.run_to(2_200);
        assert!(kept >= 90, "{kept} with {jump}");
        assert_eq!(player.heard.iter().flatten().last(), Some(&99), "{jump}");
    }
}

#[test]
fn packets_of_any_length_are_played_whole() {
    let mut player = Player::new();
    let mut timestamp = 0u32;
    let mut sent = Vec::new();
    let lengths = [240, 80, 480, 1, 159, 320].iter().cycle().take(60);
    for (number, &length) in lengths.enumerate() {
        let ms = u64::from(timestamp / 8);
        player.run_to(ms);
        let now = player.start + Duration::from_millis(ms);
        let sound = vec![number as u8; length];
        let inserted = player
            .buffer
            .insert(now, timestamp, false, Codec::Pcmu, &sound);
        assert_eq!(inserted, Inserted::Kept);
        sent.extend(sound);
        timestamp += length as u32;
    }
    player.run_to(2_000);
    // In even arrival at most a few frames are left out to shorten the delay.
    let heard: Vec<_> = player.heard.iter().flatten().copied().collect();
    assert!(heard.len() + 4 * FRAME >= sent.len());
    assert!(heard.is_sorted());
}

#[test]
fn bad_lengths_are_refused() {
    let mut buffer = JitterBuffer::new();
    let mut insert = |payload: &[u8]| buffer.insert(Instant::now(), 0, false, Codec::Pcmu, payload);
    assert_eq!(insert(&[]), Inserted::BadLength);
    assert_eq!(insert(&[0; MAX_PAYLOAD + 1]), Inserted::BadLength);
    assert_eq!(insert(&[0; MAX_PAYLOAD]), Inserted::Kept);
}

proptest! {
    /// Over a network that delays each packet by up to 40 ms, loses and doubles some: all that came
    /// is heard, once, in order, with what was lost missing in its place.
    #[test]
    fn what_comes_within_the_delay_is_heard(
        fate in proptest::collection::vec((0u64..40, 0u8..100, 0u8..100), 1..250),
    ) {
        let mut wire = Vec::new();
        for (number, &(delay, loss, double)) in fate.iter().enumerate() {
            let ms = number as u64 * 20;
            if loss >= 10 || number == 0 {
                wire.push((ms + delay, number as u32));
            }
            if double < 10 && loss >= 10 {
                wire.push((ms + delay + 7, number as u32));
            }
        }
        wire.sort_unstable();
        let mut player = Player::new();
        for &(ms, number) in &wire {
            player.insert(ms, number);
        }
        player.run_to(fate.len() as u64 * 20 + 400);
        let mut came: Vec<u32> = wire.iter().map(|&(_, number)| number).collect();
        came.sort_unstable();
        came.dedup();
        let heard: Vec<u8> = player.heard.iter().flatten().copied().collect();
        let runs: Vec<u8> = heard.chunk_by(|a, b| a == b).map(|run| run[0]).collect();
        // Frames may be left out where all wait longer than they need, never played twice.
        let mut expected = came.iter().map(|&number| number as u8);
        for run in &runs {
            prop_assert!(expected.any(|number| number == *run), "{} is out of order", run);
        }
        prop_assert!(heard.len() <= came.len() * FRAME);
        prop_assert!(heard.len() + 4 * FRAME >= came.len() * FRAME, "{} of {}", heard.len(), came.len() * FRAME);
    }

    /// Whatever comes whenever, frames are filled and the delay stays within its bounds.
    #[test]
    fn anything_is_borne(
        packets in proptest::collection::vec((0u64..60, any::<u32>(), any::<bool>(), 0usize..500, 0u8..4), 0..300),
    ) {
        let mut player = Player::new();
        let (mut ms, mut near) = (0, 0u32);
        for (passed, timestamp, marker, length, wild) in packets {
            ms += passed;
            player.run_to(ms);
            near = near.wrapping_add(timestamp % 1_000);
            let timestamp = if wild == 0 { timestamp } else { near };
            let now = player.start + Duration::from_millis(ms);
            player.buffer.insert(now, timestamp, marker, Codec::Pcma, &vec![1; length]);
            prop_assert!((20..=200).contains(&player.buffer.delay_ms()));
        }
        player.run_to(ms + 1_000);
    }
}
