//! Multipart bodies (RFC 2046, 5.1; RFC 5621).

use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::parser;
use bytes::Bytes;

/// Multiparts within multiparts; what lies deeper is not looked at.
const MAX_DEPTH: usize = 4;
/// Parts of one multipart; what follows is not looked at.
const MAX_PARTS: usize = 32;

/// The body, or the first part of it at any depth, that has the media type `essence`
/// (`application/sdp`). An SDP body is known without a Content-Type, too.
pub fn body_part(headers: &Headers, body: &Bytes, essence: &str) -> Option<Bytes> {
    if !headers.has(Header::ContentType) && essence == "application/sdp" {
        return body.starts_with(b"v=0").then(|| body.clone());
    }
    find(headers, body, essence, MAX_DEPTH)
}

fn find(headers: &Headers, body: &Bytes, essence: &str, depth: usize) -> Option<Bytes> {
    let content_type = headers.content_type()?;
    if *content_type.essence == *essence {
        return Some(body.clone());
    }
    if depth == 0 || !content_type.essence.starts_with("multipart/") {
        return None;
    }
    let boundary = content_type.params.get_unquoted("boundary")?;
    let mut parts = parts(body, boundary.as_bytes()).take(MAX_PARTS);
    parts.find_map(|part| {
        let (headers, content) = parser::parse_part(&part)?;
        find(&headers, &content, essence, depth - 1)
    })
}

/// What lies between the delimiters, header lines and all. The last part counts even if the closing
/// delimiter is missing.
fn parts<'a>(body: &'a Bytes, boundary: &'a [u8]) -> impl Iterator<Item = Bytes> + 'a {
    let mut delimiters = delimiters(body, boundary);
    let mut open = delimiters.next();
    std::iter::from_fn(move || {
        let start = open.take().filter(|delimiter| !delimiter.closes)?.end;
        open = delimiters.next();
        let end = open
            .as_ref()
            .map_or(body.len(), |delimiter| delimiter.start);
        Some(body.slice(start..end.max(start)))
    })
}

/// A delimiter with the line end before it, which belongs to it and not to the part.
struct Delimiter {
    start: usize,
    end: usize,
    closes: bool,
}

fn delimiters<'a>(body: &'a [u8], boundary: &'a [u8]) -> impl Iterator<Item = Delimiter> + 'a {
    let mut at = 0;
    body.split_inclusive(|byte| *byte == b'\n')
        .filter_map(move |line| {
            let start = at;
            at += line.len();
            let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
            let closes = rest.starts_with(b"--");
            let rest = rest.strip_prefix(b"--").unwrap_or(rest);
            if !rest.trim_ascii().is_empty() {
                return None;
            }
            let before = body.get(..start).unwrap_or_default();
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            Some(Delimiter {
                start: before.len(),
                end: at,
                closes,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp_in(content_type: &str, body: &'static [u8]) -> Option<Vec<u8>> {
        let mut headers = Headers::default();
        if !content_type.is_empty() {
            headers.push(Header::ContentType, content_type.to_owned());
        }
        let part = body_part(&headers, &Bytes::from_static(body), "application/sdp")?;
        Some(part.to_vec())
    }

    #[test]
    fn a_plain_body_is_its_only_part() {
        assert_eq!(sdp_in("Application/SDP", b"v=0\n"), Some(b"v=0\n".to_vec()));
        assert_eq!(sdp_in("", b"v=0\n"), Some(b"v=0\n".to_vec()));
        assert_eq!(sdp_in("", b"hello"), None);
        assert_eq!(sdp_in("text/plain", b"v=0\n"), None);
    }

    #[test]
    fn sdp_is_found_among_parts_byte_for_byte() {
        let body = b"preamble\r\n--b 1\r\nContent-Type: image/gif\r\n\r\n\xff\x00--b 1\r\n\
            --b 1 \r\nc: application/sdp\r\n\r\nv=0\r\ns=\xfe\r\n--b 1--\r\nepilogue";
        let found = sdp_in("multipart/mixed; boundary=\"b 1\"", body);
        assert_eq!(found, Some(b"v=0\r\ns=\xfe".to_vec()));
    }

    #[test]
    fn sdp_is_found_in_nested_parts_with_lf_only() {
        let body = b"--a\nContent-Type: multipart/alternative;boundary=aa\n\n--aa\n\nplain\n--aa\n\
            Content-Type: application/sdp\n\nv=0\n\n--aa--\n--a--";
        assert_eq!(
            sdp_in("multipart/mixed;boundary=a", body),
            Some(b"v=0\n".to_vec())
        );
    }

    #[test]
    fn a_missing_close_and_parts_behind_the_close() {
        let open = b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
        assert_eq!(
            sdp_in("multipart/mixed;boundary=b", open),
            Some(b"v=0\r\n".to_vec())
        );
        let closed = b"--b--\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
        assert_eq!(sdp_in("multipart/mixed;boundary=b", closed), None);
    }

    #[test]
    fn adjacent_delimiters_make_an_empty_part() {
        let body = b"--b\n--b\nContent-Type: application/sdp\n\nv=0\n--b--";
        assert_eq!(
            sdp_in("multipart/mixed;boundary=b", body),
            Some(b"v=0".to_vec())
        );
    }
}
