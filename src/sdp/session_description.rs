//! Session descriptions (RFC 8866) as phones really send them: line feeds alone, no last newline,
//! spaces at the ends of lines, lines nobody knows, bytes that are not UTF-8.
//!
//! The types and the writing are those of `sdp-types`. Its parser refuses a whole description for
//! one bad line that no offer/answer looks at, so it is given only the lines that matter here:
//! `v=`, `o=`, `s=`, `c=`, `m=` and `a=`, cleaned.

use sdp_types::Session;
use std::net::IpAddr;

/// A longer description is refused unread. Browsers' reach 8 KB.
const MAX_LENGTH: usize = 64 * 1024;
/// Lines after these are ignored.
const MAX_LINES: usize = 1_000;
/// A description with more media is refused: each would have to be named in the answer.
const MAX_MEDIA: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("the session description is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("the session description does not begin with v=0")]
    NoVersion,
    #[error("the session description has more than {MAX_MEDIA} media lines")]
    TooManyMedia,
    #[error("the session description has a media line without media, port, protocol or format")]
    BadMediaLine,
}

/// Reads a session description.
pub fn parse(text: &[u8]) -> Result<Session, ParseError> {
    if text.len() > MAX_LENGTH {
        return Err(ParseError::TooLong);
    }
    let cleaned = clean(&String::from_utf8_lossy(text))?;
    // After cleaning, only a media line can be wrong still.
    Session::parse(cleaned.as_bytes()).map_err(|_| ParseError::BadMediaLine)
}

/// The lines that matter, in order, in the form that the strict parser takes.
fn clean(text: &str) -> Result<String, ParseError> {
    let mut lines = text
        .split(['\r', '\n'])
        .map(|line| line.trim_matches([' ', '\t', '\0']))
        .filter(|line| !line.is_empty())
        .take(MAX_LINES);
    if lines.next().is_none_or(|line| line != "v=0") {
        return Err(ParseError::NoVersion);
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    cleaned.push_str("v=0\n");
    let mut media = 0;
    let mut session_level: [bool; 3] = [false; 3];
    for line in lines {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let once = match key {
            "o" if is_origin(value) => Some(0),
            "s" => Some(1),
            "c" if is_connection(value) => Some(2),
            "m" => {
                media += 1;
                None
            }
            "a" => None,
            _ => continue,
        };
        if media > MAX_MEDIA {
            return Err(ParseError::TooManyMedia);
        }
        if let (0, Some(index)) = (media, once) {
            // Of what may stand once in the session part, the first counts.
            if std::mem::replace(&mut session_level[index], true) {
                continue;
            }
        }
        if key == "m" && !is_media(value) {
            push_line(&mut cleaned, key, &rejected_media(value)?);
        } else {
            push_line(&mut cleaned, key, value);
        }
    }
    Ok(cleaned)
}

/// `<media> <port>[/<number>] <proto> <fmt> …`
fn is_media(value: &str) -> bool {
    let mut fields = value.split_ascii_whitespace();
    let media = fields.next();
    let mut port = fields.next().unwrap_or_default().split('/');
    let port_fits = port.next().is_some_and(|port| port.parse::<u16>().is_ok())
        && port
            .next()
            .is_none_or(|number| number.parse::<u16>().is_ok())
        && port.next().is_none();
    media.is_some() && port_fits && fields.count() >= 2
}

/// A line of another medium that is no good is one that the answer refuses: it does not cost the
/// caller the call.
fn rejected_media(value: &str) -> Result<String, ParseError> {
    let mut fields = value.split_ascii_whitespace();
    match fields.next() {
        None | Some("audio") => Err(ParseError::BadMediaLine),
        Some(media) => {
            let protocol = fields.nth(1).unwrap_or("RTP/AVP");
            Ok(format!("{media} 0 {protocol} 0"))
        }
    }
}

fn push_line(cleaned: &mut String, key: &str, value: &str) {
    cleaned.push_str(key);
    cleaned.push('=');
    if key == "m" {
        let mut fields = value.split_ascii_whitespace();
        cleaned.push_str(fields.next().unwrap_or_default());
        for field in fields {
            cleaned.push(' ');
            cleaned.push_str(field);
        }
    } else {
        cleaned.extend(value.chars().filter(|&c| c != '\0'));
    }
    cleaned.push('\n');
}

/// `<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>`
fn is_origin(value: &str) -> bool {
    let mut fields = value.split_ascii_whitespace();
    fields.by_ref().take(2).count() == 2
        && fields
            .next()
            .is_some_and(|version| version.parse::<u64>().is_ok())
        && fields.next() == Some("IN")
        && matches!(fields.next(), Some("IP4" | "IP6"))
        && fields.next().is_some()
        && fields.next().is_none()
}

/// `IN IP4|IP6 <address>`; another network is none that we could send to.
fn is_connection(value: &str) -> bool {
    let mut fields = value.split_ascii_whitespace();
    fields.next() == Some("IN")
        && matches!(fields.next(), Some("IP4" | "IP6"))
        && fields.next().is_some()
        && fields.next().is_none()
}

/// The address of a `c=` line; `None` for a host name, which is not looked up.
pub fn connection_address(connection: &sdp_types::Connection) -> Option<IpAddr> {
    let address = connection.connection_address.split('/').next()?;
    address.parse().ok()
}

/// Writes a session description with CRLF line ends.
pub fn serialise(session: &Session) -> Vec<u8> {
    let mut text = Vec::with_capacity(320);
    session
        .write(&mut text)
        .expect("writing into memory cannot fail");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn media(text: &str) -> Vec<(String, u16, String)> {
        let session = parse(text.as_bytes()).expect("parses");
        let media = session.medias.into_iter();
        media.map(|m| (m.media, m.port, m.fmt)).collect()
    }

    #[test]
    fn takes_what_phones_send() {
        let audio = vec![("audio".to_owned(), 4000, "0 8 101".to_owned())];
        assert_eq!(media("v=0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"), audio);
        assert_eq!(media("v=0\nm=audio 4000 RTP/AVP 0 8 101"), audio);
        assert_eq!(media("v=0 \n\nm=audio  4000 RTP/AVP\t0 8 101  \n"), audio);
        assert_eq!(
            media("v=0\no=broken\nx\nzz=1\nb=AS\nm=audio 4000 RTP/AVP 0 8 101"),
            audio
        );
        assert_eq!(
            media(
                "v=0\no=- 1 1 IN IP4 h\no=- 1 1 IN IP4 h\ns=a\ns=b\nc=IN IP4 1.1.1.1\nc=IN IP4 2.2.2.2\nm=audio 4000 RTP/AVP 0 8 101"
            ),
            audio
        );
    }

    #[test]
    fn another_medium_that_is_no_good_is_one_to_refuse() {
        let expected = |media: &str, protocol: &str| {
            let session = parse(format!("v=0\nm=audio 4000 RTP/AVP 0\n{media}\n").as_bytes());
            let session = session.expect("the sound is well described");
            let other = &session.medias[1];
            assert_eq!((other.port, other.proto.as_str()), (0, protocol), "{media}");
        };
        expected("m=video 0 RTP/AVP", "RTP/AVP");
        expected("m=application 70000 udp wb", "udp");
        expected("m=image", "RTP/AVP");
        assert_eq!(parse(b"v=0\nm="), Err(ParseError::BadMediaLine));
    }

    #[test]
    fn keeps_attributes_whose_bytes_are_not_utf8() {
        let session = parse(b"v=0\na=tool:\xff\xfe\nm=audio 1 RTP/AVP 0\na=sendonly").unwrap();
        assert_eq!(session.attributes.len(), 1);
        assert!(session.medias[0].has_attribute("sendonly"));
    }

    #[test]
    fn refuses_what_is_no_description() {
        assert_eq!(parse(b""), Err(ParseError::NoVersion));
        assert_eq!(parse(b"hello"), Err(ParseError::NoVersion));
        assert_eq!(parse(b"v=1\r\n"), Err(ParseError::NoVersion));
        assert_eq!(parse(b"v=0\nm=audio"), Err(ParseError::BadMediaLine));
        assert_eq!(
            parse(b"v=0\nm=audio 99999 RTP/AVP 0"),
            Err(ParseError::BadMediaLine)
        );
        assert_eq!(parse(&[b'a'; MAX_LENGTH + 1]), Err(ParseError::TooLong));
        let many = "v=0\n".to_owned() + &"m=audio 1 RTP/AVP 0\n".repeat(MAX_MEDIA + 1);
        assert_eq!(parse(many.as_bytes()), Err(ParseError::TooManyMedia));
    }

    #[test]
    fn reads_connections() {
        let address = |line: &str| {
            let session = parse(format!("v=0\n{line}\n").as_bytes()).unwrap();
            session.connection.as_ref().and_then(connection_address)
        };
        assert_eq!(
            address("c=IN IP4 192.0.2.1"),
            Some("192.0.2.1".parse().unwrap())
        );
        assert_eq!(
            address("c=IN IP6 2001:db8::1"),
            Some("2001:db8::1".parse().unwrap())
        );
        assert_eq!(
            address("c=IN IP4 224.2.1.1/127"),
            Some("224.2.1.1".parse().unwrap())
        );
        assert_eq!(address("c=IN IP4 phone.example.com"), None);
        assert_eq!(address("c=IN"), None);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let text = "v=0\r\no=- 7 8 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
        let session = parse(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(serialise(&session)).unwrap(), text);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
        }

        /// Only a media line can spoil a description that begins with `v=0`.
        #[test]
        fn other_lines_never_spoil_it(lines in proptest::collection::vec("[a-ln-z]=[ -~]{0,40}", 0..20)) {
            let text = format!("v=0\n{}\nm=audio 1 RTP/AVP 0\n", lines.join("\n"));
            prop_assert_eq!(media(&text).len(), 1);
        }
    }
}
