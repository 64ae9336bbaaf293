//! What is heard of a peer: losses, silence, a new source.

use super::*;

/// Plays (milliseconds, datagram) and takes a frame every 20 ms; the kinds, a letter each.
fn decoded(packets: &[(u64, Vec<u8>)], frames: u64) -> (String, Vec<i16>) {
    let start = Instant::now();
    let mut session = session(start, negotiated(Codec::Pcmu));
    session.set_decoding(true);
    let mut packets = packets.iter().peekable();
    let (mut kinds, mut sound) = (String::new(), Vec::new());
    for tick in 1..=frames {
        while let Some((at, datagram)) = packets.next_if(|(at, _)| *at < tick * 20) {
            session.receive_rtp(start + ms(*at), peer(), &mut datagram.clone());
        }
        let mut frame = [1; 160];
        kinds.push(
            match session.decode_frame(start + ms(tick * 20), &mut frame) {
                FrameKind::Sound => 'S',
                FrameKind::Concealed => 'c',
                FrameKind::ComfortNoise => 'n',
                FrameKind::Silence => '-',
            },
        );
        sound.extend(frame);
    }
    (kinds, sound)
}

/// A tone of 400 Hz in µ-law, 20 ms of it: every packet goes on where the last one ended.
fn tone() -> [u8; 160] {
    let wave = |n: usize| (8_000.0 * (n as f32 * std::f32::consts::TAU / 20.0).sin()) as i16;
    let samples: [i16; 160] = std::array::from_fn(wave);
    let mut payload = [0; 160];
    Codec::Pcmu.encode(&samples, &mut payload);
    payload
}

#[test]
fn sound_is_decoded_and_losses_are_concealed() {
    let packets: Vec<_> = (0..20u16)
        .filter(|number| *number != 8)
        .map(|n| (u64::from(n) * 20, rtp(0, n, u32::from(n) * 160, &tone())))
        .collect();
    let (kinds, sound) = decoded(&packets, 27);
    assert_eq!(kinds, "---SSSSSSSScSSSSSSSSSSSccc-");
    // A tone is as good as periodic: its concealment cannot be told from it.
    let played = &sound[4 * 160..23 * 160];
    for (n, pair) in played.chunks(20).collect::<Vec<_>>().windows(2).enumerate() {
        let unlike = pair[0]
            .iter()
            .zip(pair[1])
            .map(|(a, b)| (a - b).abs())
            .max();
        assert!(unlike < Some(2_500), "{unlike:?} at {n}");
    }
}

/// Ten seconds over a network that loses 3%, doubles 2% and delays by up to 50 ms, through a bridge
/// that turns µ-law into A-law: what is heard at its end.
#[test]
fn sound_through_a_bridge_over_a_bad_network() {
    let start = Instant::now();
    let mut random = SmallRng::seed_from_u64(7);
    let mut caller = session(start, negotiated(Codec::Pcmu));
    let mut bridge_in = session(start, negotiated(Codec::Pcmu));
    let mut bridge_out = session(start, negotiated(Codec::Pcma));
    let mut agent = session(start, negotiated(Codec::Pcma));
    agent.set_decoding(true);
    let mut buffer = [0; MAX_DATAGRAM];
    let mut wire = Vec::new();
    for number in 0..500u64 {
        let sent = caller.send_audio(start + ms(number * 20), &tone(), number == 0, &mut buffer);
        let datagram = buffer[..sent.unwrap().1].to_vec();
        if random.random_range(0..100) >= 3 {
            wire.push((number * 20 + random.random_range(0..50), datagram.clone()));
        }
        if random.random_range(0..100) < 2 {
            wire.push((number * 20 + random.random_range(0..90), datagram));
        }
    }
    wire.sort_by_key(|&(at, _)| at);
    let mut wire = wire.into_iter().peekable();
    let mut sound = 0;
    for tick in 1..=500u64 {
        while let Some((at, mut datagram)) = wire.next_if(|&(at, _)| at < tick * 20) {
            let now = start + ms(at);
            let received = bridge_in.receive_rtp(now, peer(), &mut datagram);
            let Some(packet) = received.packet() else {
                continue;
            };
            let payload = &datagram[packet.payload.clone()];
            if let Some((_, length)) = bridge_out.relay(now, packet, payload, &mut buffer) {
                agent.receive_rtp(now, peer(), &mut buffer[..length]);
            }
        }
        let kind = agent.decode_frame(start + ms(tick * 20), &mut [0; 160]);
        sound += u32::from(kind == FrameKind::Sound);
    }
    assert!(sound >= 450, "{sound} frames of 500 were whole");
    let quality = agent.quality();
    let lost = quality.packets_lost as f32 / 500.0;
    assert!((0.01..0.06).contains(&lost), "{quality:?}");
    assert!((3.5..4.3).contains(&quality.mos), "{quality:?}");
    assert!((5.0..40.0).contains(&quality.jitter_ms), "{quality:?}");
}

#[test]
fn comfort_noise_fills_the_peers_silence() {
    let mut packets: Vec<_> = (0..5u16)
        .map(|n| (u64::from(n) * 20, rtp(0, n, u32::from(n) * 160, &tone())))
        .collect();
    packets.push((100, rtp(13, 5, 800, &[50])));
    let (kinds, _) = decoded(&packets, 14);
    assert_eq!(kinds, "---SSSSSnnnnnn");
}

#[test]
fn a_new_source_takes_the_olds_place() {
    let other = |number: u16, payload: &[u8]| {
        let mut datagram = rtp(0, number, 1 << 30, payload);
        datagram[8..12].copy_from_slice(&[9; 4]);
        datagram
    };
    let packets = [
        (0, rtp(0, 1, 0, &tone())),
        (20, rtp(0, 2, 160, &tone())),
        (25, other(9, &tone())),
    ];
    let (kinds, _) = decoded(&packets, 6);
    assert_eq!(kinds, "----Sc");
}

#[test]
fn nobody_listens_nothing_is_kept() {
    let start = Instant::now();
    let mut session = session(start, negotiated(Codec::Pcmu));
    session.receive_rtp(start, peer(), &mut rtp(0, 1, 0, &tone()));
    let mut frame = [1; 160];
    assert_eq!(session.decode_frame(start, &mut frame), FrameKind::Silence);
    assert_eq!(frame, [0; 160]);
    session.set_decoding(true);
    session.set_decoding(false);
    assert!(session.decoder.is_none());
}
