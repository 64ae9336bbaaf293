//! Datagrams on a leg's RTP and RTCP ports, in any order and at any time, while its sound is decoded
//! and reports are written: nothing panics.
//!
//! Each datagram has three octets before it: its length, where it comes from and which port it comes
//! to, and how many milliseconds have passed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::call::media_session::MediaSession;
use zeroline::sdp::direction::Direction;
use zeroline::sdp::offer_answer::{Negotiated, TelephoneEvent};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fuzz_target!(|octets: &[u8]| {
    let mut now = *START;
    let mut session = MediaSession::new(now, negotiated(), 1, Duration::from_secs(1));
    session.set_decoding(true);
    let mut rest = octets;
    while let [length, place, wait, after @ ..] = rest {
        let (datagram, next) = after.split_at(usize::from(*length).min(after.len()));
        rest = next;
        now += Duration::from_millis(u64::from(*wait));
        let source = SocketAddr::new([192, 0, 2, place & 3].into(), 4000);
        let mut datagram = datagram.to_vec();
        if place & 4 == 0 {
            session.receive_rtp(now, source, &mut datagram);
        } else {
            session.receive_rtcp(now, source, &mut datagram);
        }
        session.decode_frame(now, &mut [0; 160]);
        session.poll_key_ended(now);
        if place & 8 != 0 {
            session.renegotiate(negotiated());
        }
    }
});

fn negotiated() -> Negotiated {
    Negotiated {
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: Some(TelephoneEvent {
            send: 96,
            receive: 101,
        }),
        comfort_noise: Some(13),
        ptime_ms: 20,
        remote: Some(SocketAddr::from(([192, 0, 2, 1], 4000))),
        remote_rtcp: Some(SocketAddr::from(([192, 0, 2, 1], 4001))),
        rtcp_mux: true,
        direction: Direction::SendRecv,
    }
}
