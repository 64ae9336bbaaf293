//! The few SIP messages that a benchmark needs, as text.

use std::net::SocketAddr;

/// What identifies one call, on both sides.
pub struct Names<'a> {
    pub run: &'a str,
    pub call: usize,
    pub ours: SocketAddr,
    pub server: SocketAddr,
}

impl Names<'_> {
    fn request(&self, method: &str, number: u32, to: &str, rest: &str, body: &str) -> String {
        let Names {
            run,
            call,
            ours,
            server,
        } = self;
        format!(
            "{method} sip:benchmark@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {ours};branch=z9hG4bK{run}{call}{method};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:caller{call}@{ours}>;tag={run}{call}\r\n\
             To: {to}\r\n\
             Call-ID: {run}-{call}\r\n\
             CSeq: {number} {method}\r\n\
             {rest}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub fn invite(&self, rtp_port: u16) -> String {
        let Names { call, ours, .. } = self;
        let host = ours.ip();
        let body = format!(
            "v=0\r\no=- {call} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
             m=audio {rtp_port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
        );
        let rest =
            format!("Contact: <sip:caller{call}@{ours}>\r\nContent-Type: application/sdp\r\n");
        let to = format!("<sip:benchmark@{}>", self.server);
        self.request("INVITE", 1, &to, &rest, &body)
    }

    pub fn ack(&self, to: &str) -> String {
        self.request("ACK", 1, to, "", "")
    }

    pub fn bye(&self, to: &str) -> String {
        self.request("BYE", 2, to, "", "")
    }
}

/// A header's value; our server writes the long names.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// `None` for a request.
pub fn status(message: &str) -> Option<u16> {
    let rest = message.strip_prefix("SIP/2.0 ")?;
    rest.get(..3)?.parse().ok()
}

/// The port of the first `m=audio` line.
pub fn media_port(message: &str) -> Option<u16> {
    let line = message
        .lines()
        .find_map(|line| line.strip_prefix("m=audio "))?;
    line.split(' ').next()?.parse().ok()
}

/// An answer with the request's own headers.
pub fn answer(request: &str, contact: SocketAddr, body: &str) -> String {
    let copied: String = ["Via", "From", "Call-ID", "CSeq"]
        .iter()
        .filter_map(|name| Some(format!("{name}: {}\r\n", header(request, name)?)))
        .collect();
    let to = header(request, "To").unwrap_or_default();
    let tag = if to.contains(";tag=") { "" } else { ";tag=b" };
    format!(
        "SIP/2.0 200 OK\r\n{copied}To: {to}{tag}\r\nContact: <sip:{contact}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
