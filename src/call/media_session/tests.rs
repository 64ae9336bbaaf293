use super::*;
use crate::rtp::rtcp;
use crate::sdp::direction::Direction;
use crate::sdp::offer_answer::TelephoneEvent;
use proptest::prelude::*;

fn peer() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 4_000))
}

fn negotiated(codec: Codec) -> Negotiated {
    Negotiated {
        codec,
        payload_type: codec.payload_type(),
        telephone_event: Some(TelephoneEvent {
            send: 97,
            receive: 101,
        }),
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(peer()),
        remote_rtcp: Some(SocketAddr::new(peer().ip(), 4_001)),
        rtcp_mux: false,
        direction: Direction::SendRecv,
    }
}

fn session(now: Instant, negotiated: Negotiated) -> MediaSession {
    MediaSession::new(now, negotiated, 1, Duration::from_secs(1_700_000_000))
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn rtp(payload_type: u8, sequence_number: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        payload_type,
        marker: false,
        sequence_number,
        timestamp,
        ssrc: 77,
    };
    let mut datagram = vec![0; HEADER_LENGTH];
    header.write(&mut datagram).unwrap();
    datagram.extend(payload);
    datagram
}

fn ignored(reason: Ignored) -> Received {
    Received::Ignored(reason)
}

#[test]
fn a_session_is_small() {
    let size = std::mem::size_of::<MediaSession>();
    assert!(size <= 1_024, "{size} bytes");
}

#[test]
fn tells_what_packets_mean() {
    let now = Instant::now();
    let mut session = session(now, negotiated(Codec::Pcmu));
    let mut receive = |mut datagram: Vec<u8>| session.receive_rtp(now, peer(), &mut datagram);
    let kinds = |received: Received| received.packet().map(|packet| packet.kind);
    assert_eq!(
        kinds(receive(rtp(0, 1, 0, &[0; 160]))),
        Some(PacketKind::Audio(Codec::Pcmu))
    );
    assert_eq!(
        kinds(receive(rtp(8, 2, 160, &[0; 160]))),
        Some(PacketKind::Audio(Codec::Pcma))
    );
    assert_eq!(
        kinds(receive(rtp(13, 3, 320, &[60]))),
        Some(PacketKind::ComfortNoise)
    );
    assert_eq!(
        receive(rtp(96, 4, 480, &[0; 160])),
        ignored(Ignored::PayloadType)
    );
    assert_eq!(
        receive(rtp(0, 3, 320, &[0; 160])),
        ignored(Ignored::Duplicate)
    );
    assert_eq!(
        receive(rtp(0, 40_000, 0, &[0; 160])),
        ignored(Ignored::Stray)
    );
    assert_eq!(receive(rtp(0, 5, 480, &[])), ignored(Ignored::Empty));
    assert_eq!(
        receive(rtp(101, 6, 480, &[16, 10, 0, 160])),
        ignored(Ignored::NoKey)
    );
    assert_eq!(receive(vec![0; 20]), ignored(Ignored::NotRtp));
}

#[test]
fn a_key_in_the_very_first_packet_counts_once() {
    let now = Instant::now();
    let mut session = session(now, negotiated(Codec::Pcmu));
    let mut receive = |number, payload: [u8; 4]| {
        session.receive_rtp(now, peer(), &mut rtp(101, number, 800, &payload))
    };
    assert!(matches!(
        receive(1, [0, 10, 0, 160]),
        Received::Key(Key::ZERO, _)
    ));
    assert!(matches!(receive(2, [0, 10, 1, 64]), Received::KeyHeld(_)));
    assert!(matches!(
        receive(3, [0, 138, 1, 224]),
        Received::KeyUp(Key::ZERO, _)
    ));
    assert!(matches!(receive(4, [0, 138, 1, 224]), Received::KeyHeld(_)));
}

#[test]
fn strangers_are_not_heard() {
    let now = Instant::now();
    let mut session = session(now, negotiated(Codec::Pcmu));
    let nat = SocketAddr::from(([203, 0, 113, 9], 9_000));
    let stranger = SocketAddr::from(([203, 0, 113, 66], 9_000));
    let mut buffer = [0; MAX_DATAGRAM];
    session.receive_rtp(now, nat, &mut rtp(0, 1, 0, &[0; 160]));
    let received = session.receive_rtp(now, stranger, &mut rtp(101, 9_000, 0, &[0, 10, 0, 160]));
    assert_eq!(received, ignored(Ignored::NotFromPeer));
    let (destination, length) = session
        .send_audio(now, &[7; 160], true, &mut buffer)
        .unwrap();
    assert_eq!((destination, length), (nat, 172));
}

#[test]
fn sound_goes_out_on_one_line_of_time() {
    let start = Instant::now();
    let mut session = session(start, negotiated(Codec::Pcma));
    let mut buffer = [0; MAX_DATAGRAM];
    let mut send = |at: u64, talkspurt| {
        let sent = session.send_audio(start + ms(at), &[9; 160], talkspurt, &mut buffer);
        let (_, length) = sent.unwrap();
        Header::read(&buffer[..length]).unwrap().0
    };
    let first = send(0, true);
    assert_eq!((first.payload_type, first.marker), (8, true));
    let second = send(20, false);
    assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 160);
    assert_eq!(
        second.sequence_number.wrapping_sub(first.sequence_number),
        1
    );
    let later = send(1_000, true);
    assert_eq!(later.timestamp.wrapping_sub(first.timestamp), 8_000);
    assert_eq!(later.sequence_number.wrapping_sub(first.sequence_number), 2);
    assert!(later.marker && !second.marker);
}

#[test]
fn nothing_is_sent_to_a_peer_that_holds() {
    let start = Instant::now();
    let mut session = session(start, negotiated(Codec::Pcmu));
    let mut buffer = [0; MAX_DATAGRAM];
    assert!(
        session
            .send_audio(start, &[9; 160], true, &mut buffer)
            .is_some()
    );
    let held = Negotiated {
        direction: Direction::RecvOnly,
        ..negotiated(Codec::Pcmu)
    };
    session.renegotiate(held);
    assert!(
        session
            .send_audio(start + ms(20), &[9; 160], false, &mut buffer)
            .is_none()
    );
    session.renegotiate(negotiated(Codec::Pcmu));
    let sent = session.send_audio(start + ms(520), &[9; 160], false, &mut buffer);
    let (header, _) = Header::read(&buffer[..sent.unwrap().1]).unwrap();
    assert!(header.marker, "the sound begins anew");
}

#[test]
fn keys_are_sent_as_events() {
    let start = Instant::now();
    let mut session = session(start, negotiated(Codec::Pcmu));
    let mut buffer = [0; MAX_DATAGRAM];
    session.send_keys(&[ToSend::Key(Key::HASH)]).unwrap();
    let mut packets = Vec::new();
    for tick in 0.. {
        if !session.keys_waiting() {
            break;
        }
        if let Some((_, length)) = session.send_key_packet(start + ms(20 * tick), &mut buffer) {
            let (header, payload) = Header::read(&buffer[..length]).unwrap();
            packets.push((header, buffer[payload][0], buffer[HEADER_LENGTH + 1]));
        }
    }
    assert_eq!(packets.len(), 8);
    let first = packets[0].0;
    assert!(first.marker);
    for (place, (header, event, flags)) in packets.iter().enumerate() {
        assert_eq!((header.payload_type, *event), (97, 11));
        assert_eq!(header.timestamp, first.timestamp);
        assert_eq!(
            header.sequence_number,
            first.sequence_number.wrapping_add(place as u16)
        );
        assert_eq!(flags & 0x80 != 0, place >= 5);
    }
    let without = Negotiated {
        telephone_event: None,
        ..negotiated(Codec::Pcmu)
    };
    session.renegotiate(without);
    let refused = session.send_keys(&[ToSend::Key(Key::ZERO)]);
    assert_eq!(refused, Err(CannotSendKeys::NotNegotiated));
}

#[test]
fn a_bridge_turns_laws_and_payload_types() {
    let now = Instant::now();
    let mut caller = session(now, negotiated(Codec::Pcmu));
    let agent_media = Negotiated {
        telephone_event: Some(TelephoneEvent {
            send: 120,
            receive: 120,
        }),
        ..negotiated(Codec::Pcma)
    };
    let mut agent = session(now, agent_media);
    let mut buffer = [0; MAX_DATAGRAM];
    let mut pass = |mut datagram: Vec<u8>| {
        let received = caller.receive_rtp(now, peer(), &mut datagram);
        let packet = received.packet().unwrap();
        let payload = &datagram[packet.payload.clone()];
        let (_, length) = agent.relay(now, packet, payload, &mut buffer)?;
        let (header, payload) = Header::read(&buffer[..length]).unwrap();
        Some((header, buffer[payload].to_vec()))
    };
    let silence = Codec::Pcmu.descriptor().silence;
    let (first, sound) = pass(rtp(0, 1, 1_000, &[silence; 160])).unwrap();
    assert_eq!((first.payload_type, first.marker), (8, true));
    assert_eq!(sound, [Codec::Pcma.descriptor().silence; 160]);
    let (key, payload) = pass(rtp(101, 2, 1_160, &[0, 10, 0, 160])).unwrap();
    assert_eq!((key.payload_type, payload), (120, vec![0, 10, 0, 160]));
    assert_eq!(key.timestamp, first.timestamp.wrapping_add(160));
    assert_eq!(key.sequence_number, first.sequence_number.wrapping_add(1));
    assert_eq!(
        pass(rtp(13, 3, 1_320, &[60])),
        None,
        "the agent did not agree to it"
    );
    let (next, _) = pass(rtp(0, 4, 1_480, &[silence; 160])).unwrap();
    assert_eq!(next.sequence_number, first.sequence_number.wrapping_add(2));
}

#[test]
fn reports_and_the_round_trip() {
    let start = Instant::now();
    let mut session = session(start, negotiated(Codec::Pcmu));
    let mut buffer = [0; MAX_DATAGRAM];
    assert_eq!(session.poll_rtcp(start, &mut buffer), None);
    session.send_audio(start, &[0; 160], true, &mut buffer);
    session.receive_rtp(start, peer(), &mut rtp(0, 1, 0, &[0; 160]));

    let due = session.next_rtcp();
    let (destination, length) = session.poll_rtcp(due, &mut buffer).unwrap();
    assert_eq!(destination, SocketAddr::new(peer().ip(), 4_001));
    assert!(session.next_rtcp() > due);
    let report = rtcp::read(&buffer[..length], 77).unwrap();
    assert_eq!(report.about_us.unwrap().extended_sequence_number, 1);

    // The peer answers after 30 ms on the way and 100 ms in its hands.
    let block = rtcp::ReportBlock {
        ssrc: report.ssrc,
        fraction_lost: 0,
        cumulative_lost: 0,
        extended_sequence_number: 0,
        jitter: 0,
        last_sender_report: rtcp::middle(report.sender_ntp.unwrap()),
        delay_since_sender_report: 6_554,
    };
    let answer = rtcp::Report {
        ssrc: 77,
        cname: "peer",
        sender: None,
        block: Some(block),
        bye: true,
    };
    let length = answer.write(&mut buffer).unwrap();
    let from = SocketAddr::new(peer().ip(), 5_555);
    let at = due + ms(130);
    let received = session.receive_rtcp(at, from, &mut buffer[..length]);
    assert_eq!(received, RtcpReceived::Bye);
    assert_eq!(session.last_received(), Some(at));
    let trip = session.control.round_trip().unwrap();
    assert!(trip.abs_diff(ms(30)) < ms(1), "{trip:?}");
    assert_eq!(session.bye(at, &mut buffer).unwrap().0, from);
    let stranger = SocketAddr::from(([203, 0, 113, 66], 4_001));
    let length = answer.write(&mut buffer).unwrap();
    let received = session.receive_rtcp(at, stranger, &mut buffer[..length]);
    assert_eq!(received, RtcpReceived::Ignored);
}

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

#[test]
fn keys_wait_while_the_peer_holds() {
    let now = Instant::now();
    let held = Negotiated {
        direction: Direction::RecvOnly,
        ..negotiated(Codec::Pcmu)
    };
    let mut session = session(now, held);
    let mut buffer = [0; MAX_DATAGRAM];
    session.send_keys(&[ToSend::Key(Key::ZERO)]).unwrap();
    assert_eq!(session.send_key_packet(now, &mut buffer), None);
    session.renegotiate(negotiated(Codec::Pcmu));
    let (_, length) = session.send_key_packet(now, &mut buffer).unwrap();
    assert!(Header::read(&buffer[..length]).unwrap().0.marker);
}

#[test]
fn rtcp_goes_where_the_peer_really_is() {
    let start = Instant::now();
    let destination = |negotiated: Negotiated, source: Option<SocketAddr>| {
        let mut session = session(start, negotiated);
        if let Some(source) = source {
            session.receive_rtp(start, source, &mut rtp(0, 1, 0, &[0; 160]));
        }
        let due = session.next_rtcp();
        let sent = session.poll_rtcp(due, &mut [0; MAX_DATAGRAM]);
        sent.map(|(destination, _)| destination.to_string())
    };
    let told = |text: &str| Some(text.to_owned());
    let usual = negotiated(Codec::Pcmu);
    let nat = SocketAddr::from(([203, 0, 113, 9], 9_000));
    assert_eq!(destination(usual.clone(), None), told("198.51.100.1:4001"));
    assert_eq!(
        destination(usual.clone(), Some(peer())),
        told("198.51.100.1:4001")
    );
    assert_eq!(
        destination(usual.clone(), Some(nat)),
        told("203.0.113.9:9001")
    );
    let unknown = Negotiated {
        remote: None,
        remote_rtcp: None,
        ..usual.clone()
    };
    assert_eq!(destination(unknown.clone(), None), None);
    assert_eq!(
        destination(unknown.clone(), Some(nat)),
        told("203.0.113.9:9001")
    );
    let held = Negotiated {
        direction: Direction::RecvOnly,
        ..unknown
    };
    assert_eq!(destination(held, Some(nat)), None);
    let mux = Negotiated {
        rtcp_mux: true,
        ..usual
    };
    assert_eq!(destination(mux, Some(nat)), told("203.0.113.9:9000"));
}

#[test]
fn quality_is_told() {
    let start = Instant::now();
    let mut session = session(start, negotiated(Codec::Pcmu));
    for number in (0..100u16).filter(|number| number % 10 != 3) {
        let at = start + ms(u64::from(number) * 20);
        let timestamp = u32::from(number) * 160;
        session.receive_rtp(at, peer(), &mut rtp(0, number, timestamp, &[0; 160]));
    }
    let quality = session.quality();
    assert_eq!((quality.packets_received, quality.packets_lost), (90, 10));
    assert!(quality.mos > 3.0 && quality.mos < 4.0, "{}", quality.mos);
}

#[test]
fn silence_by_its_own_word_is_no_lost_peer() {
    let now = Instant::now();
    let mut session = session(now, negotiated(Codec::Pcmu));
    assert!(session.expects_media());
    session.receive_rtp(now, peer(), &mut rtp(13, 1, 0, &[60]));
    assert!(!session.expects_media());
    session.receive_rtp(now, peer(), &mut rtp(0, 2, 160, &[0; 160]));
    assert!(session.expects_media());
}

proptest! {
    #[test]
    fn any_datagram_is_borne(
        mut datagram in proptest::collection::vec(any::<u8>(), 0..200),
        payload_type in prop_oneof![Just(0u8), Just(8), Just(13), Just(101), Just(200)],
    ) {
        let now = Instant::now();
        let mut session = session(now, negotiated(Codec::Pcmu));
        session.receive_rtp(now, peer(), &mut datagram);
        session.receive_rtcp(now, peer(), &mut datagram);
        if let [first, second, ..] = datagram.as_mut_slice() {
            *first = *first & 0x3F | 0x80;
            *second = payload_type;
        }
        let received = session.receive_rtp(now, peer(), &mut datagram);
        if let Some(packet) = received.packet() {
            let payload = datagram[packet.payload.clone()].to_vec();
            let mut buffer = [0; MAX_DATAGRAM];
            session.relay(now, packet, &payload, &mut buffer);
            session.relay(now, packet, &payload, &mut buffer[..20]);
        }
    }

    /// Keys from one session to another over a network that loses 30%, doubles and reorders.
    #[test]
    fn every_key_once_from_end_to_end(
        codes in proptest::collection::vec(0u8..16, 1..8),
        fate in proptest::collection::vec((0u8..100, 0u8..100, 0u64..50), 200),
    ) {
        let start = Instant::now();
        let keys: Vec<_> = codes.iter().filter_map(|&code| Key::from_event_code(code)).collect();
        let sending = Negotiated {
            telephone_event: Some(TelephoneEvent { send: 101, receive: 97 }),
            ..negotiated(Codec::Pcmu)
        };
        let mut sender = session(start, sending);
        let to_send: Vec<_> = keys.iter().map(|&key| ToSend::Key(key)).collect();
        sender.send_keys(&to_send).unwrap();
        let mut wire = Vec::new();
        let mut buffer = [0; MAX_DATAGRAM];
        let mut came = std::collections::BTreeSet::new();
        let mut fates = fate.iter();
        for at in (0..).step_by(20) {
            if !sender.keys_waiting() {
                break;
            }
            let Some((_, length)) = sender.send_key_packet(start + ms(at), &mut buffer) else { continue };
            let &(loss, double, delay) = fates.next().unwrap();
            let (header, _) = Header::read(&buffer[..length]).unwrap();
            for (chance, late) in [(loss >= 30, delay), (double < 10, delay + 3)] {
                if chance {
                    wire.push((at + late, buffer[..length].to_vec()));
                    came.insert(header.timestamp);
                }
            }
        }
        wire.sort_by_key(|&(at, _)| at);
        let mut receiver = session(start, negotiated(Codec::Pcmu));
        let mut heard = Vec::new();
        for (at, mut datagram) in wire {
            if let Received::Key(key, _) = receiver.receive_rtp(start + ms(at), peer(), &mut datagram) {
                heard.push(key);
            }
        }
        prop_assert_eq!(heard.len(), came.len());
        if came.len() == keys.len() {
            prop_assert_eq!(heard, keys);
        }
    }
}
