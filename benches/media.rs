//! What one packet costs: `cargo bench --bench media`. Nanoseconds, those of the
//! best of many short rounds, which other work on the machine disturbs least.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::call::media_session::{MAX_DATAGRAM, MediaSession};
use zeroline::rtp::packet::{HEADER_LENGTH, Header};
use zeroline::sdp::direction::Direction;
use zeroline::sdp::offer_answer::{LocalMedia, Negotiated, OfferAnswer, TelephoneEvent};

const ROUNDS: usize = 300;
const PACKETS: u32 = 500;

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000))
}

fn session(now: Instant, codec: Codec) -> MediaSession {
    let negotiated = Negotiated {
        codec,
        payload_type: codec.payload_type(),
        telephone_event: Some(TelephoneEvent {
            send: 101,
            receive: 101,
        }),
        comfort_noise: None,
        ptime_ms: 20,
        remote: Some(peer()),
        remote_rtcp: None,
        rtcp_mux: false,
        direction: Direction::SendRecv,
    };
    MediaSession::new(now, negotiated, 1, Duration::ZERO)
}

/// The next packet of 20 ms of a peer.
fn packet(number: u32, buffer: &mut [u8]) -> &mut [u8] {
    let header = Header {
        payload_type: 0,
        marker: false,
        sequence_number: number as u16,
        timestamp: number.wrapping_mul(160),
        ssrc: 7,
    };
    header.write(buffer).expect("there is room");
    &mut buffer[..HEADER_LENGTH + 160]
}

/// Prints what one call of `work` costs; it gets numbers that count up.
fn measure(name: &str, mut work: impl FnMut(u32)) {
    let mut number = 0;
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..PACKETS {
                work(number);
                number = number.wrapping_add(1);
            }
            start.elapsed().as_nanos() as f64 / f64::from(PACKETS)
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:<32} {best:>8.1} ns");
}

fn main() {
    let start = Instant::now();
    let at = |number: u32| start + Duration::from_millis(20) * number;
    let mut incoming = [0; MAX_DATAGRAM];
    let mut outgoing = [0; MAX_DATAGRAM];

    let mut leg = session(start, Codec::Pcmu);
    measure("receive_rtp", |number| {
        let datagram = packet(number, &mut incoming);
        black_box(leg.receive_rtp(at(number), peer(), datagram));
    });
    measure("send_audio", |number| {
        black_box(leg.send_audio(at(number), &[0xFF; 160], false, &mut outgoing));
    });

    let mut leg = session(start, Codec::Pcmu);
    measure("receive_rtp + send_audio", |number| {
        let datagram = packet(number, &mut incoming);
        black_box(leg.receive_rtp(at(number), peer(), datagram));
        black_box(leg.send_audio(at(number), &[0xFF; 160], false, &mut outgoing));
    });

    let mut caller = session(start, Codec::Pcmu);
    let mut agent = session(start, Codec::Pcma);
    measure("receive_rtp + relay, µ to A", |number| {
        let datagram = packet(number, &mut incoming);
        let received = caller.receive_rtp(at(number), peer(), datagram);
        let packet = received.packet().expect("it is sound");
        let payload = &datagram[packet.payload.clone()];
        black_box(agent.relay(at(number), packet, payload, &mut outgoing));
    });

    let mut leg = session(start, Codec::Pcmu);
    leg.set_decoding(true);
    measure("receive_rtp + decode_frame", |number| {
        let datagram = packet(number, &mut incoming);
        leg.receive_rtp(at(number), peer(), datagram);
        let mut frame = [0; 160];
        black_box(leg.decode_frame(at(number), &mut frame));
    });

    let offer = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0 8 18 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
        a=ptime:20\r\na=sendrecv\r\n";
    let local = LocalMedia {
        address: peer().ip(),
        rtp_port: 10_000,
        codecs: Codec::ALL.to_vec(),
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: false,
    };
    measure("answer an offer", |number| {
        let mut leg = OfferAnswer::new(number.into());
        black_box(leg.answer(offer, &local).expect("it is answered"));
    });
}
