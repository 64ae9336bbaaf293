use super::*;
use crate::audio::tones;
use crate::rtp::packet::Header;

#[test]
fn key_tones_are_heard_in_the_law_in_which_they_come() {
    let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP 8\r\n";
    for law in [Codec::Pcma, Codec::Pcmu] {
        let address = "192.0.2.2:5000".parse().unwrap();
        let mut leg = Leg::new(LegNumber::CALLER, address, 1, Duration::ZERO);
        leg.answer(Instant::now(), offer.as_bytes()).unwrap();
        assert_eq!(leg.codec(), Codec::Pcma);
        let tone = tones::key_tone(Key::ZERO);
        let heard = tone.chunks(160).find_map(|samples| {
            let mut payload = [0; 160];
            law.encode(samples, &mut payload);
            leg.detect_keys(law, &payload[..samples.len()]).pressed
        });
        assert_eq!(heard, Some(Key::ZERO), "{law:?}");
    }
}

#[derive(Default)]
struct Packets(usize);

impl PacketSink for Packets {
    fn send(&mut self, _: LegNumber, _: Channel, _: SocketAddr, _: &[u8]) {
        self.0 += 1;
    }
}

fn leg(number: u16) -> Leg {
    let address = ([192, 0, 2, 1], 4000 + 2 * number).into();
    Leg::new(LegNumber(number), address, number.into(), Duration::ZERO)
}

/// A leg that has agreed on telephone-events with its peer.
fn agreed(now: Instant, by: TrunkKeys) -> Leg {
    let (mut leg, mut peer) = (leg(1).keys_by(by), leg(2));
    let answer = peer.answer(now, &leg.offer()).expect("it is an offer");
    leg.accept_answer(now, &answer).expect("it is an answer");
    leg
}

/// How many packets go out for one of a key of the other leg's, which began at `timestamp`.
fn relayed(leg: &mut Leg, now: Instant, sequence_number: u16, timestamp: u32) -> usize {
    let packet = Packet {
        kind: PacketKind::TelephoneEvent,
        header: Header {
            payload_type: 101,
            marker: false,
            sequence_number,
            timestamp,
            ssrc: 7,
        },
        payload: 0..4,
    };
    let mut sent = Packets::default();
    leg.relay(now, &packet, &[1, 10, 0, 160], &mut sent);
    sent.0
}

/// However long the caller holds it.
#[test]
fn a_key_that_began_while_others_were_sent_is_not_passed_on_beside_them() {
    let now = Instant::now();
    let mut leg = agreed(now, TrunkKeys::Rfc4733);
    assert_eq!(relayed(&mut leg, now, 1, 800), 1);
    assert!(leg.relays_keys());
    leg.send_keys("1");
    assert_eq!(relayed(&mut leg, now, 2, 1_600), 0);
    assert!(!leg.relays_keys(), "it is to be sent behind the other");
    leg.send_keys("2");
    let mut sent = Packets::default();
    for _ in 0..100 {
        leg.send_key(now, &mut sent);
    }
    assert!(!leg.is_sending_keys() && sent.0 >= 10, "{}", sent.0);
    assert_eq!(relayed(&mut leg, now, 3, 1_600), 0, "it is still held");
    assert_eq!(relayed(&mut leg, now, 4, 8_000), 1, "the next key");
    assert!(leg.relays_keys());
}

#[test]
fn keys_that_go_another_way_are_not_passed_on_as_events() {
    let now = Instant::now();
    for by in [TrunkKeys::Info, TrunkKeys::InBand] {
        let mut leg = agreed(now, by);
        assert_eq!(relayed(&mut leg, now, 1, 800), 0, "{by:?}");
        assert!(!leg.relays_keys());
        leg.send_keys("5");
        let five = Key::from_char('5').filter(|_| by == TrunkKeys::Info);
        assert_eq!(leg.poll_info_key(now), five);
        assert_eq!(leg.is_sending_keys(), by == TrunkKeys::InBand);
    }
}
