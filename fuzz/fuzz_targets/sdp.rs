//! A peer's session description, as an offer, as the answer to ours and as a later offer: none
//! panics, and what we write is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zeroline::audio::codecs::Codec;
use zeroline::sdp::direction::Direction;
use zeroline::sdp::offer_answer::{LocalMedia, OfferAnswer};
use zeroline::sdp::session_description::{parse, serialise};

fuzz_target!(|text: &[u8]| {
    if let Ok(session) = parse(text) {
        parse(&serialise(&session)).expect("what was written is read");
    }
    let local = LocalMedia {
        address: "192.0.2.1".parse().expect("an address"),
        rtp_port: 4000,
        codecs: Codec::ALL.to_vec(),
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: true,
    };
    let mut callee = OfferAnswer::new(1);
    if let Ok((_, answer)) = callee.answer(text, &local) {
        parse(&answer).expect("an answer of ours is read");
        callee.answer(text, &local).expect("the same offer again");
    }
    let mut caller = OfferAnswer::new(2);
    parse(&caller.offer(&local)).expect("an offer of ours is read");
    let _ = caller.accept_answer(text);
    let _ = caller.answer(text, &local);
});
