use super::*;
use proptest::prelude::*;

fn local() -> LocalMedia {
    LocalMedia {
        address: "192.0.2.9".parse().unwrap(),
        rtp_port: 10_000,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: false,
    }
}

fn held() -> LocalMedia {
    LocalMedia {
        direction: Direction::SendOnly,
        ..local()
    }
}

/// A description from 198.51.100.1 with these lines.
fn sdp(lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n{lines}"
    )
}

fn answer(lines: &str) -> Result<(Negotiated, String), NegotiationError> {
    let mut leg = OfferAnswer::new(10);
    let (negotiated, text) = leg.answer(sdp(lines).as_bytes(), &local())?;
    Ok((negotiated, String::from_utf8(text).unwrap()))
}

fn answered(lines: &str) -> Negotiated {
    answer(lines).expect("is answered").0
}

/// From the first media line on.
fn answer_media(lines: &str) -> String {
    let (_, text) = answer(lines).expect("is answered");
    text[text.find("m=").unwrap()..].replace("\r\n", "|")
}

fn refused(lines: &str) -> u16 {
    answer(lines).expect_err("is refused").status()
}

fn socket(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn answers_a_usual_offer() {
    let (negotiated, text) = answer(
        "m=audio 4000 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n",
    )
    .unwrap();
    assert_eq!(
        negotiated,
        Negotiated {
            codec: Codec::Pcma,
            payload_type: 8,
            telephone_event: Some(TelephoneEvent {
                send: 101,
                receive: 101
            }),
            comfort_noise: None,
            ptime_ms: 20,
            remote: socket("198.51.100.1:4000"),
            remote_rtcp: socket("198.51.100.1:4001"),
            rtcp_mux: false,
            direction: Direction::SendRecv,
        }
    );
    assert_eq!(
        text,
        "v=0\r\no=- 5 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 10000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    assert_eq!(answered("m=audio 4000 RTP/AVP 0 8").codec, Codec::Pcmu);
    assert_eq!(answered("m=audio 4000 RTP/AVP 18 8").codec, Codec::Pcma);
    let renumbered = answered("m=audio 4000 RTP/AVP 96\na=rtpmap:96 pcma/8000/1");
    assert_eq!(
        (renumbered.codec, renumbered.payload_type),
        (Codec::Pcma, 96)
    );
    // A static number that is mapped to something else is that something.
    assert_eq!(
        refused("m=audio 4000 RTP/AVP 0\na=rtpmap:0 PCMU/16000"),
        488
    );
    assert_eq!(
        refused("m=audio 4000 RTP/AVP 0\na=rtpmap:0 PCMU/8000/2"),
        488
    );
}

#[test]
fn telephone_event_may_have_any_number() {
    let events = |lines: &str| answered(lines).telephone_event.map(|events| events.send);
    let offer = |number: u8| {
        format!("m=audio 4000 RTP/AVP 0 {number}\na=rtpmap:{number} telephone-event/8000")
    };
    for number in [96, 97, 100, 127, 35] {
        assert_eq!(events(&offer(number)), Some(number));
    }
    assert_eq!(
        events("m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 Telephone-Event/8000/1"),
        Some(101)
    );
    assert_eq!(
        events(
            "m=audio 4000 RTP/AVP 0 110 101\na=rtpmap:110 telephone-event/48000\na=rtpmap:101 telephone-event/8000"
        ),
        Some(101)
    );
    assert_eq!(
        events("m=audio 4000 RTP/AVP 0\na=rtpmap:101 telephone-event/8000"),
        None
    );
}

#[test]
fn comfort_noise_is_taken() {
    assert_eq!(
        answered("m=audio 4000 RTP/AVP 0 13").comfort_noise,
        Some(13)
    );
    assert_eq!(
        answer_media("m=audio 4000 RTP/AVP 0 13"),
        "m=audio 10000 RTP/AVP 0 13|a=rtpmap:0 PCMU/8000|a=rtpmap:13 CN/8000|a=ptime:20|a=sendrecv|"
    );
    assert_eq!(
        answered("m=audio 4000 RTP/AVP 0 19\na=rtpmap:19 CN/8000").comfort_noise,
        Some(19)
    );
}

#[test]
fn ptime_stays_within_10_to_60() {
    let ptime = |lines: &str| answered(&format!("m=audio 4000 RTP/AVP 0\n{lines}")).ptime_ms;
    assert_eq!(ptime(""), 20);
    assert_eq!(ptime("a=ptime:0"), 20);
    assert_eq!(ptime("a=ptime:10"), 10);
    assert_eq!(ptime("a=ptime:30"), 30);
    assert_eq!(ptime("a=ptime:60"), 60);
    assert_eq!(ptime("a=ptime:5"), 10);
    assert_eq!(ptime("a=ptime:200"), 60);
    assert_eq!(ptime("a=ptime:25"), 20);
    assert_eq!(ptime("a=ptime:99999999999"), 20);
    assert_eq!(ptime("a=ptime:40\na=maxptime:30"), 30);
    assert_eq!(ptime("a=maxptime:10"), 10);
}

#[test]
fn rtcp_goes_where_it_is_asked_for() {
    let rtcp = |line: &str| answered(&format!("m=audio 4000 RTP/AVP 0\n{line}")).remote_rtcp;
    assert_eq!(rtcp(""), socket("198.51.100.1:4001"));
    assert_eq!(rtcp("a=rtcp:53020"), socket("198.51.100.1:53020"));
    assert_eq!(
        rtcp("a=rtcp:53020 IN IP4 203.0.113.5"),
        socket("203.0.113.5:53020")
    );
    assert_eq!(rtcp("a=rtcp:53020 IN IP4 224.0.0.1"), None);
    assert_eq!(rtcp("a=rtcp:x"), None);
    // We do not offer to share the port unless told so.
    let offer = "m=audio 4000 RTP/AVP 0\na=rtcp-mux";
    assert!(!answer_media(offer).contains("rtcp-mux"));
    let mux = LocalMedia {
        rtcp_mux: true,
        ..local()
    };
    let (negotiated, text) = OfferAnswer::new(1)
        .answer(sdp(offer).as_bytes(), &mux)
        .unwrap();
    assert!(negotiated.rtcp_mux && String::from_utf8(text).unwrap().contains("a=rtcp-mux\r\n"));
    assert_eq!(negotiated.remote_rtcp, negotiated.remote);
}

#[test]
fn media_lines_keep_their_places() {
    assert_eq!(
        answer_media(
            "m=video 5000 RTP/AVP 96 97\nm=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 8\n\
             m=image 0 udptl t38\n"
        ),
        "m=video 0 RTP/AVP 96|m=audio 10000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=ptime:20|a=sendrecv|\
         m=audio 0 RTP/AVP 8|m=image 0 udptl t38|"
    );
    assert_eq!(
        answered("m=audio 4000 RTP/SAVP 0\nm=audio 4002 RTP/AVP 8").remote,
        socket("198.51.100.1:4002")
    );
    assert_eq!(
        answered("m=audio 4000 RTP/AVP 18\nm=audio 4002 RTP/AVP 8").codec,
        Codec::Pcma
    );
}

#[test]
fn what_we_do_not_have_is_refused() {
    assert_eq!(refused("m=audio 4000 RTP/AVP 18 3"), 488);
    assert_eq!(refused("m=audio 4000 RTP/SAVP 0"), 488);
    assert_eq!(refused("m=audio 4000 UDP/TLS/RTP/SAVPF 0"), 488);
    assert_eq!(refused("m=video 4000 RTP/AVP 96"), 488);
    assert_eq!(refused("m=audio 0 RTP/AVP 0"), 488);
    assert_eq!(refused(""), 488);
    assert_eq!(refused("m=audio"), 400);
    assert_eq!(
        answer("m=audio 4000 RTP/AVP 18"),
        Err(NegotiationError::NoCommonCodec)
    );
    assert_eq!(
        answer("m=audio 4000 RTP/SAVP 0"),
        Err(NegotiationError::Transport)
    );
}

#[test]
fn avpf_and_its_feedback_are_taken_as_plain_rtp() {
    assert_eq!(
        answer_media(
            "m=audio 4000 RTP/AVPF 0\na=rtcp-fb:0 nack\na=crypto:1 x inline:y\na=ice-lite"
        ),
        "m=audio 10000 RTP/AVPF 0|a=rtpmap:0 PCMU/8000|a=ptime:20|a=sendrecv|"
    );
}

#[test]
fn hold_and_resume() {
    let direction = |lines: &str| {
        let negotiated = answered(&format!("m=audio 4000 RTP/AVP 0\n{lines}"));
        (negotiated.direction, negotiated.remote.is_some())
    };
    assert_eq!(direction("a=sendonly"), (Direction::RecvOnly, true));
    assert_eq!(direction("a=recvonly"), (Direction::SendOnly, true));
    assert_eq!(direction("a=inactive"), (Direction::Inactive, true));
    assert_eq!(direction("a=sendrecv"), (Direction::SendRecv, true));
    // RFC 2543's way, which the field has not left.
    assert_eq!(direction("c=IN IP4 0.0.0.0"), (Direction::RecvOnly, false));
    assert_eq!(direction("c=IN IP6 ::"), (Direction::RecvOnly, false));
    let session_level = "a=sendonly\nm=audio 4000 RTP/AVP 0\n";
    assert_eq!(answered(session_level).direction, Direction::RecvOnly);
    // The stream's own word goes before the session's.
    let both = "a=inactive\nm=audio 4000 RTP/AVP 0\na=sendrecv";
    assert_eq!(answered(both).direction, Direction::SendRecv);
}

#[test]
fn nothing_is_sent_to_many() {
    assert_eq!(
        answered("m=audio 4000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127").remote,
        None
    );
    assert_eq!(
        answered("m=audio 4000 RTP/AVP 0\nc=IN IP4 255.255.255.255").remote,
        None
    );
    assert_eq!(
        answered("m=audio 4000 RTP/AVP 0\nc=IN IP4 host.example").remote,
        None
    );
}

#[test]
fn the_version_grows_only_with_a_change() {
    let version = |text: Vec<u8>| {
        let session = session_description::parse(&text).unwrap();
        (session.origin.sess_id, session.origin.sess_version)
    };
    let mut leg = OfferAnswer::new(20);
    let plain = sdp("m=audio 4000 RTP/AVP 0");
    let hold = sdp("m=audio 4000 RTP/AVP 0\na=sendonly");
    let expected = [
        (&plain, 1),
        (&plain, 1),
        (&hold, 2),
        (&hold, 2),
        (&plain, 3),
    ];
    for (offer, expected) in expected {
        let (_, text) = leg.answer(offer.as_bytes(), &local()).unwrap();
        assert_eq!(version(text), ("10".to_owned(), expected));
    }
    assert_eq!(version(leg.offer(&held())).1, 4);
    assert_eq!(
        leg.answer(sdp("m=audio 1 RTP/AVP 18").as_bytes(), &local())
            .unwrap_err()
            .status(),
        488
    );
    let (_, text) = leg.answer(plain.as_bytes(), &local()).unwrap();
    assert_eq!(version(text).1, 5);
}

#[test]
fn a_later_offer_moves_media_and_changes_the_codec() {
    let mut leg = OfferAnswer::new(1);
    leg.answer(sdp("m=audio 4000 RTP/AVP 0").as_bytes(), &local())
        .unwrap();
    let moved = sdp("m=audio 4100 RTP/AVP 8\nc=IN IP4 203.0.113.7");
    let (negotiated, _) = leg.answer(moved.as_bytes(), &local()).unwrap();
    assert_eq!(negotiated.codec, Codec::Pcma);
    assert_eq!(negotiated.remote, socket("203.0.113.7:4100"));
}

#[test]
fn the_stream_that_carried_the_audio_goes_on() {
    let mut leg = OfferAnswer::new(1);
    leg.answer(
        sdp("m=audio 0 RTP/AVP 0\nm=audio 4002 RTP/AVP 0").as_bytes(),
        &local(),
    )
    .unwrap();
    let both = sdp("m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 0");
    let (negotiated, _) = leg.answer(both.as_bytes(), &local()).unwrap();
    assert_eq!(negotiated.remote, socket("198.51.100.1:4002"));
}

#[test]
fn our_offer_and_its_answer() {
    let mut leg = OfferAnswer::new(10);
    assert_eq!(
        String::from_utf8(leg.offer(&local())).unwrap(),
        "v=0\r\no=- 5 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 10000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    let text = sdp("m=audio 4000 RTP/AVP 8 97\na=rtpmap:97 telephone-event/8000\na=ptime:30");
    let negotiated = leg.accept_answer(text.as_bytes()).unwrap();
    assert_eq!(negotiated.codec, Codec::Pcma);
    assert_eq!(negotiated.ptime_ms, 30);
    let events = TelephoneEvent {
        send: 97,
        receive: 101,
    };
    assert_eq!(negotiated.telephone_event, Some(events));
    // The final response brings it again.
    assert_eq!(leg.accept_answer(text.as_bytes()), Ok(negotiated));
    leg.answer(sdp("m=audio 4000 RTP/AVP 0").as_bytes(), &local())
        .unwrap();
    assert_eq!(
        leg.accept_answer(text.as_bytes()),
        Err(NegotiationError::NoOffer)
    );
}

#[test]
fn our_later_offer_keeps_every_place_and_number() {
    let mut leg = OfferAnswer::new(1);
    let offer = sdp(
        "m=video 5000 RTP/AVP 96\nm=audio 4000 RTP/AVP 0 100\na=rtpmap:100 telephone-event/8000",
    );
    leg.answer(offer.as_bytes(), &local()).unwrap();
    let text = String::from_utf8(leg.offer(&held())).unwrap();
    assert!(
        text.contains("m=video 0 RTP/AVP 96\r\nm=audio 10000 RTP/AVP 0 8 100\r\n"),
        "{text}"
    );
    assert!(text.contains("a=sendonly\r\n"));
    let answer = sdp("m=video 0 RTP/AVP 96\nm=audio 4000 RTP/AVP 0\na=recvonly");
    let negotiated = leg.accept_answer(answer.as_bytes()).unwrap();
    assert_eq!(negotiated.direction, Direction::SendOnly);
}

#[test]
fn an_answer_that_refuses_our_stream() {
    let refuse = |lines: &str| {
        let mut leg = OfferAnswer::new(1);
        leg.offer(&local());
        leg.accept_answer(sdp(lines).as_bytes()).unwrap_err()
    };
    assert_eq!(refuse("m=audio 0 RTP/AVP 0"), NegotiationError::NoAudio);
    assert_eq!(refuse(""), NegotiationError::NoAudio);
    assert_eq!(
        refuse("m=audio 4000 RTP/AVP 18"),
        NegotiationError::NoCommonCodec
    );
}

#[test]
fn ipv6() {
    let offer =
        "v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nm=audio 4000 RTP/AVP 0";
    let local = LocalMedia {
        address: "2001:db8::9".parse().unwrap(),
        ..local()
    };
    let (negotiated, text) = OfferAnswer::new(1)
        .answer(offer.as_bytes(), &local)
        .unwrap();
    assert_eq!(negotiated.remote, socket("[2001:db8::1]:4000"));
    assert!(
        String::from_utf8(text)
            .unwrap()
            .contains("c=IN IP6 2001:db8::9\r\n")
    );
}

proptest! {
    #[test]
    fn hostile_offers_never_panic(lines in proptest::collection::vec(
        prop_oneof![
            "m=(audio|video) [0-9]{1,6} (RTP/AVP|x) [0-9 ]{0,20}",
            "a=(rtpmap|fmtp|ptime|maxptime|rtcp):[ -~]{0,30}",
            "c=IN IP[46] [0-9.:/]{0,20}",
            "[ -~]{0,40}",
        ], 0..30)
    ) {
        let _ = answer(&lines.join("\r\n"));
        let mut leg = OfferAnswer::new(1);
        leg.offer(&local());
        let _ = leg.accept_answer(sdp(&lines.join("\n")).as_bytes());
    }

    /// Whatever is offered beside it, an answer has a line for each of the offer's, in order.
    #[test]
    fn every_line_is_answered(media in proptest::collection::vec("(audio|video|text)", 0..6), audio in 0usize..6) {
        let mut lines: Vec<_> = media.iter().map(|m| format!("m={m} 9000 RTP/AVP 99")).collect();
        let audio = audio.min(lines.len());
        lines.insert(audio, "m=audio 4000 RTP/AVP 8".to_owned());
        let (_, text) = answer(&lines.join("\r\n")).unwrap();
        let answered = session_description::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(answered.medias.len(), lines.len());
        for (place, media) in answered.medias.iter().enumerate() {
            prop_assert_eq!(media.port != 0, place == audio);
        }
    }
}
