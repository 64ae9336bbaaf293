use super::*;
use crate::rtp::rtcp;
use crate::sdp::direction::Direction;
use crate::sdp::offer_answer::TelephoneEvent;
use proptest::prelude::*;

mod sound;

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
