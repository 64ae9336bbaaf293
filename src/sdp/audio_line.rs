//! What a peer says about one audio stream: an `m=audio` line with its attributes.

use super::direction::Direction;
use super::session_description::connection_address;
use crate::audio::codecs::Codec;
use crate::audio::comfort_noise;
use crate::audio::frame::{DEFAULT_PTIME, MAX_PTIME, MIN_PTIME};
use sdp_types::{Attribute, Media, Session};
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};

const DEFAULT_PTIME_MS: u8 = DEFAULT_PTIME.as_millis() as u8;
const MIN_PTIME_MS: u8 = MIN_PTIME.as_millis() as u8;
const MAX_PTIME_MS: u8 = MAX_PTIME.as_millis() as u8;
/// Formats after these are ignored: no phone lists as many, and each costs a look at the others.
const MAX_FORMATS: usize = 32;

/// Why a stream cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Another medium, or switched off with port 0.
    NotAudio,
    /// SRTP, or something unknown.
    Transport,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AudioLine {
    /// The codecs that we have too, in the peer's order.
    pub codecs: SmallVec<[(u8, Codec); 4]>,
    /// Payload type of `telephone-event/8000` (RFC 4733).
    pub telephone_event: Option<u8>,
    pub comfort_noise: Option<u8>,
    /// What the peer wants to get, brought into 10–60 ms.
    pub ptime_ms: u8,
    /// Where the peer wants RTP; `None` while held by 0.0.0.0, or where it gives a host name.
    pub remote: Option<SocketAddr>,
    pub remote_rtcp: Option<SocketAddr>,
    pub rtcp_mux: bool,
    /// From the peer's side.
    pub direction: Direction,
}

impl AudioLine {
    pub fn read(session: &Session, media: &Media) -> Result<Self, Unusable> {
        if !media.media.eq_ignore_ascii_case("audio") || media.port == 0 {
            return Err(Unusable::NotAudio);
        }
        let plain = ["RTP/AVP", "RTP/AVPF"];
        if !plain.iter().any(|p| media.proto.eq_ignore_ascii_case(p)) {
            return Err(Unusable::Transport);
        }
        let connection = media.connections.first().or(session.connection.as_ref());
        let address = connection.and_then(connection_address);
        let held = address.is_some_and(|address| address.is_unspecified());
        let remote = address
            .filter(|&address| is_unicast(address))
            .map(|address| SocketAddr::new(address, media.port));
        let rtcp_mux = media.has_attribute("rtcp-mux");
        let mut line = Self {
            codecs: SmallVec::new(),
            telephone_event: None,
            comfort_noise: None,
            ptime_ms: ptime(session, media),
            remote,
            remote_rtcp: remote.and_then(|remote| rtcp_address(media, remote, rtcp_mux)),
            rtcp_mux,
            direction: direction(session, media, held),
        };
        line.read_formats(media);
        Ok(line)
    }

    fn read_formats(&mut self, media: &Media) {
        let formats = media.fmt.split(' ').take(MAX_FORMATS);
        for payload_type in formats.filter_map(payload_type) {
            let Some((name, clock_rate)) = rtpmap(media, payload_type) else {
                match Codec::from_payload_type(payload_type) {
                    Some(codec) => self.codecs.push((payload_type, codec)),
                    None if payload_type == comfort_noise::PAYLOAD_TYPE => {
                        self.comfort_noise = Some(payload_type);
                    }
                    None => {}
                }
                continue;
            };
            if clock_rate != 8_000 {
                continue;
            }
            if name.eq_ignore_ascii_case("telephone-event") {
                self.telephone_event.get_or_insert(payload_type);
            } else if name.eq_ignore_ascii_case("CN") {
                self.comfort_noise.get_or_insert(payload_type);
            } else if let Some(codec) = Codec::from_rtpmap(name, clock_rate) {
                self.codecs.push((payload_type, codec));
            }
        }
    }
}

fn payload_type(format: &str) -> Option<u8> {
    format.parse().ok().filter(|&number| number < 128)
}

/// `a=rtpmap:<payload type> <name>/<clock rate>[/<channels>]`; more than one channel is not ours.
fn rtpmap(media: &Media, wanted: u8) -> Option<(&str, u32)> {
    media.attributes.iter().find_map(|attribute| {
        let value = value_of(attribute, "rtpmap")?;
        let (number, encoding) = value.trim().split_once([' ', '\t'])?;
        if payload_type(number) != Some(wanted) {
            return None;
        }
        let mut parts = encoding.trim().split('/');
        let name = parts.next()?;
        let clock_rate = parts.next()?.trim().parse().ok()?;
        let mono = matches!(parts.next(), None | Some("1"));
        // What cannot be had keeps its name, so that a static number is not taken for the codec.
        Some((name, if mono { clock_rate } else { 0 }))
    })
}

fn value_of<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a str> {
    let value = attribute.value.as_deref()?;
    attribute
        .attribute
        .eq_ignore_ascii_case(name)
        .then_some(value)
}

/// In milliseconds, a multiple of ten.
fn ptime(session: &Session, media: &Media) -> u8 {
    let read = |name| {
        let all = media.attributes.iter().chain(&session.attributes);
        let mut values = all.filter_map(|attribute| value_of(attribute, name));
        let value = values.next()?.trim().parse::<u32>().ok()?;
        // Some phones write 0 where they do not care.
        let value = (value > 0).then_some(value)?;
        u8::try_from(value.clamp(MIN_PTIME_MS.into(), MAX_PTIME_MS.into())).ok()
    };
    let wanted = read("ptime").unwrap_or(DEFAULT_PTIME_MS);
    let longest = read("maxptime").unwrap_or(MAX_PTIME_MS);
    wanted.min(longest) / 10 * 10
}

/// RFC 3605's `a=rtcp:<port> [IN IP4|IP6 <address>]`, else the next port.
fn rtcp_address(media: &Media, remote: SocketAddr, rtcp_mux: bool) -> Option<SocketAddr> {
    if rtcp_mux {
        return Some(remote);
    }
    let mut values = media.attributes.iter().filter_map(|a| value_of(a, "rtcp"));
    let Some(value) = values.next() else {
        return Some(SocketAddr::new(remote.ip(), remote.port().checked_add(1)?));
    };
    let mut fields = value.split_ascii_whitespace();
    let port = fields.next()?.parse().ok().filter(|&port| port != 0)?;
    let address = match fields.nth(2) {
        Some(address) => address
            .parse()
            .ok()
            .filter(|&address| is_unicast(address))?,
        None => remote.ip(),
    };
    Some(SocketAddr::new(address, port))
}

/// We send to one listener only: what is asked for must not multiply in a network.
fn is_unicast(address: IpAddr) -> bool {
    !address.is_unspecified()
        && !address.is_multicast()
        && address != IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
}

fn direction(session: &Session, media: &Media, held: bool) -> Direction {
    let mut all = media.attributes.iter().chain(&session.attributes);
    let said = all.find_map(|attribute| Direction::from_attribute(&attribute.attribute));
    let said = said.unwrap_or_default();
    Direction::new(said.sends(), said.receives() && !held)
}
