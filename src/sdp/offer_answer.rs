//! Offer/answer (RFC 3264) for one leg: one audio stream of G.711 with telephone-events.
//!
//! The state kept between exchanges is what the RFC asks for: the origin's version grows by one
//! when our description changes and only then, media lines keep their places, payload types their
//! meaning. An exchange that fails leaves everything as it was.

use super::audio_line::{AudioLine, Unusable};
use super::direction::Direction;
use super::session_description::{self, ParseError};
use crate::audio::codecs::Codec;
use sdp_types::{Attribute, Connection, Media, Origin, Session};
use std::net::{IpAddr, SocketAddr};

/// The payload type under which we offer telephone-events.
const TELEPHONE_EVENT: u8 = 101;

/// What we have to offer.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalMedia {
    /// Where the peer can reach us: the advertised address, not the bound one.
    pub address: IpAddr,
    /// RTCP is on the next port, but for `rtcp_mux`.
    pub rtp_port: u16,
    /// In the order in which they are offered; in answers the peer's order counts.
    pub codecs: Vec<Codec>,
    pub ptime_ms: u8,
    pub direction: Direction,
    /// Whether RTP and RTCP can share the RTP port (RFC 5761).
    pub rtcp_mux: bool,
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq)]
pub struct Negotiated {
    pub codec: Codec,
    /// Of the audio that we send.
    pub payload_type: u8,
    /// Present if keys come and go as telephone-events (RFC 4733).
    pub telephone_event: Option<TelephoneEvent>,
    /// The payload type of comfort noise (RFC 3389).
    pub comfort_noise: Option<u8>,
    /// The length of the packets that we send.
    pub ptime_ms: u8,
    /// Where the peer wants RTP; `None` while held, or where only its packets will tell.
    pub remote: Option<SocketAddr>,
    pub remote_rtcp: Option<SocketAddr>,
    pub rtcp_mux: bool,
    /// From our side.
    pub direction: Direction,
}

/// The payload types of telephone-events; an offer and its answer may number them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    pub send: u8,
    pub receive: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    #[error("the session description cannot be read: {0}")]
    Malformed(#[from] ParseError),
    #[error("no audio stream is offered")]
    NoAudio,
    #[error("the audio is offered over a transport other than RTP/AVP")]
    Transport,
    #[error("no offered codec is PCMU or PCMA")]
    NoCommonCodec,
    #[error("an answer came without an offer of ours")]
    NoOffer,
}

impl NegotiationError {
    /// The SIP status that refuses an offer for this.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::NoOffer => 400,
            Self::NoAudio | Self::Transport | Self::NoCommonCodec => 488,
        }
    }
}

/// One leg's side of offer/answer. A clone serves where one offer gets answers from several places
/// (forked INVITEs).
#[derive(Debug, Clone)]
pub struct OfferAnswer {
    session_id: u64,
    /// What we said last, as offer or answer.
    last: Option<Session>,
    /// Our audio stream's place among the media lines.
    audio: usize,
    /// The payload type under which we get telephone-events, once that is agreed on.
    telephone_event: Option<u8>,
    /// Our latest offer, until an offer of the peer's comes after it.
    offered: Option<LocalMedia>,
    /// Whether keys may be telephone-events.
    wants_events: bool,
}

impl OfferAnswer {
    /// `session_id` names the session for the peer; it should be hard to guess and unique.
    pub fn new(session_id: u64) -> Self {
        Self {
            // RFC 3264, 5: what fits into a signed number of 64 bits.
            session_id: session_id >> 1,
            last: None,
            audio: 0,
            telephone_event: None,
            offered: None,
            wants_events: true,
        }
    }

    /// Neither offers telephone-events nor agrees to them: keys go another way.
    pub fn without_telephone_events(mut self) -> Self {
        self.wants_events = false;
        self
    }

    /// Answers an offer: what was agreed on, and the answer's text.
    pub fn answer(
        &mut self,
        offer: &[u8],
        local: &LocalMedia,
    ) -> Result<(Negotiated, Vec<u8>), NegotiationError> {
        let offer = session_description::parse(offer)?;
        let (audio, line) = self.choose_line(&offer, local)?;
        let mut negotiated = agree(&line, local, None)?;
        negotiated.telephone_event = negotiated.telephone_event.filter(|_| self.wants_events);
        let telephone_event = negotiated.telephone_event.map(|events| events.receive);
        let formats = Formats {
            codecs: &[(negotiated.payload_type, negotiated.codec)],
            telephone_event,
            comfort_noise: negotiated.comfort_noise,
            rtcp_mux: negotiated.rtcp_mux,
        };
        let medias = offer.medias.iter().enumerate().map(|(place, media)| {
            if place == audio {
                let ours = LocalMedia {
                    ptime_ms: negotiated.ptime_ms,
                    direction: negotiated.direction,
                    ..local.clone()
                };
                audio_media(&media.proto, &ours, &formats)
            } else {
                rejected(media)
            }
        });
        let text = self.describe(local.address, medias.collect());
        self.audio = audio;
        self.telephone_event = telephone_event;
        self.offered = None;
        Ok((negotiated, text))
    }

    /// Makes an offer, the first or a later one. An earlier offer that got no answer is forgotten.
    pub fn offer(&mut self, local: &LocalMedia) -> Vec<u8> {
        let codecs: Vec<_> = local
            .codecs
            .iter()
            .map(|&codec| (codec.payload_type(), codec))
            .collect();
        let formats = Formats {
            codecs: &codecs,
            telephone_event: self
                .wants_events
                .then(|| self.telephone_event.unwrap_or(TELEPHONE_EVENT)),
            comfort_noise: None,
            rtcp_mux: local.rtcp_mux,
        };
        let ours = audio_media("RTP/AVP", local, &formats);
        let mut medias = match &self.last {
            Some(last) => last.medias.clone(),
            None => Vec::new(),
        };
        match medias.get_mut(self.audio) {
            Some(place) => *place = ours,
            None => medias.push(ours),
        }
        self.offered = Some(local.clone());
        self.describe(local.address, medias)
    }

    /// Takes the answer to our last offer. It may come more than once, in a provisional and in the
    /// final response, and the last one holds.
    pub fn accept_answer(&mut self, answer: &[u8]) -> Result<Negotiated, NegotiationError> {
        let local = self.offered.as_ref().ok_or(NegotiationError::NoOffer)?;
        let answer = session_description::parse(answer)?;
        let media = answer.medias.get(self.audio);
        let line = read_line(&answer, media.ok_or(NegotiationError::NoAudio)?)?;
        let receive = self.telephone_event.unwrap_or(TELEPHONE_EVENT);
        let mut negotiated = agree(&line, local, Some(receive))?;
        negotiated.telephone_event = negotiated.telephone_event.filter(|_| self.wants_events);
        self.telephone_event = negotiated.telephone_event.map(|events| events.receive);
        Ok(negotiated)
    }

    /// The stream that carried the audio so far if it still can, else the first that can.
    fn choose_line(
        &self,
        offer: &Session,
        local: &LocalMedia,
    ) -> Result<(usize, AudioLine), NegotiationError> {
        let places = std::iter::once(self.audio).chain(0..offer.medias.len());
        let mut first_error = NegotiationError::NoAudio;
        for place in places {
            let Some(media) = offer.medias.get(place) else {
                continue;
            };
            match read_line(offer, media) {
                Ok(line) if common_codec(&line, local).is_some() => return Ok((place, line)),
                Ok(_) => first_error = NegotiationError::NoCommonCodec,
                Err(NegotiationError::NoAudio) => {}
                Err(error) if first_error == NegotiationError::NoAudio => first_error = error,
                Err(_) => {}
            }
        }
        Err(first_error)
    }

    /// Our description with these media; its version grows when it differs from our last.
    fn describe(&mut self, address: IpAddr, medias: Vec<Media>) -> Vec<u8> {
        let version = self
            .last
            .as_ref()
            .map_or(1, |last| last.origin.sess_version);
        let mut session = Session {
            origin: Origin::with_ip_addr(self.session_id, version, address),
            session_name: "-".to_owned(),
            session_description: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: Some(Connection::from_ip_addr(address)),
            bandwidths: Vec::new(),
            times: Vec::new(),
            time_zones: Vec::new(),
            key: None,
            attributes: Vec::new(),
            medias,
        };
        if self.last.as_ref().is_some_and(|last| *last != session) {
            session.origin.sess_version += 1;
        }
        let text = session_description::serialise(&session);
        self.last = Some(session);
        text
    }
}

fn read_line(session: &Session, media: &Media) -> Result<AudioLine, NegotiationError> {
    AudioLine::read(session, media).map_err(|unusable| match unusable {
        Unusable::NotAudio => NegotiationError::NoAudio,
        Unusable::Transport => NegotiationError::Transport,
    })
}

fn common_codec(line: &AudioLine, local: &LocalMedia) -> Option<(u8, Codec)> {
    let mut codecs = line.codecs.iter();
    codecs
        .find(|(_, codec)| local.codecs.contains(codec))
        .copied()
}

/// `events` is the payload type under which we offered telephone-events; in an answer of ours it
/// is the peer's own.
fn agree(
    line: &AudioLine,
    local: &LocalMedia,
    events: Option<u8>,
) -> Result<Negotiated, NegotiationError> {
    let (payload_type, codec) = common_codec(line, local).ok_or(NegotiationError::NoCommonCodec)?;
    let rtcp_mux = line.rtcp_mux && local.rtcp_mux;
    Ok(Negotiated {
        codec,
        payload_type,
        telephone_event: line.telephone_event.map(|send| TelephoneEvent {
            send,
            receive: events.unwrap_or(send),
        }),
        comfort_noise: line.comfort_noise,
        ptime_ms: line.ptime_ms,
        remote: line.remote,
        remote_rtcp: line.remote_rtcp,
        rtcp_mux,
        direction: line.direction.reversed().and(local.direction),
    })
}

/// What stands on our audio line.
struct Formats<'a> {
    codecs: &'a [(u8, Codec)],
    telephone_event: Option<u8>,
    comfort_noise: Option<u8>,
    rtcp_mux: bool,
}

fn audio_media(proto: &str, local: &LocalMedia, formats: &Formats) -> Media {
    let mut fmt = String::new();
    let mut attributes = Vec::with_capacity(8);
    let mut format = |payload_type: u8, name: &str| {
        if !fmt.is_empty() {
            fmt.push(' ');
        }
        fmt.push_str(&payload_type.to_string());
        attributes.push(attribute("rtpmap", format!("{payload_type} {name}/8000")));
    };
    for &(payload_type, codec) in formats.codecs {
        format(payload_type, codec.name());
    }
    if let Some(payload_type) = formats.comfort_noise {
        format(payload_type, "CN");
    }
    if let Some(payload_type) = formats.telephone_event {
        format(payload_type, "telephone-event");
        attributes.push(attribute("fmtp", format!("{payload_type} 0-15")));
    }
    attributes.push(attribute("ptime", local.ptime_ms.to_string()));
    if formats.rtcp_mux {
        attributes.push(flag("rtcp-mux"));
    }
    attributes.push(flag(local.direction.attribute()));
    media("audio", local.rtp_port, proto, fmt, attributes)
}

/// RFC 3264, 6: a stream is refused with port 0, in its place, with at least one format.
fn rejected(offered: &Media) -> Media {
    let format = offered.fmt.split(' ').next().unwrap_or("0");
    media(
        &offered.media,
        0,
        &offered.proto,
        format.to_owned(),
        Vec::new(),
    )
}

fn media(name: &str, port: u16, proto: &str, fmt: String, attributes: Vec<Attribute>) -> Media {
    Media {
        media: name.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes,
    }
}

fn attribute(name: &str, value: String) -> Attribute {
    Attribute {
        attribute: name.to_owned(),
        value: Some(value),
    }
}

fn flag(name: &str) -> Attribute {
    Attribute {
        attribute: name.to_owned(),
        value: None,
    }
}

#[cfg(test)]
mod tests;
