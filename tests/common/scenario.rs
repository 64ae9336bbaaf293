//! SIPp's scenarios, written as one line each: who sends what, as seen by the peer that plays it.
//!
//! | step | what it does |
//! |---|---|
//! | `<INVITE`, `<BYE` | waits for a request; `<REFER:text`: whose Refer-To has that text |
//! | `<200`, `?<180` | waits for a response, or takes one that may come |
//! | `>180`, `>486` | answers the last request |
//! | `>INVITE:200` | answers the INVITE after other requests came |
//! | `>INVITE`, `>ACK`, `>BYE` | sends a request of its own |
//! | `>INFO:0`, `>NOTIFY:200` | a key; what a REFER came to |
//! | `~500` | waits for so many milliseconds |

use std::fmt::Write;

/// Which side of the call the peer is.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    Caller,
    Person,
}

const SDP: &str = "v=0\no=peer 1 1 IN IP[local_ip_type] [local_ip]\ns=-\n\
    c=IN IP[media_ip_type] [media_ip]\nt=0 0\nm=audio [auto_media_port] RTP/AVP 0\n\
    a=rtpmap:0 PCMU/8000\na=sendrecv\n";

/// The scenario's text.
pub fn scenario(side: Side, steps: &str) -> String {
    let mut script = Script {
        side,
        text: String::new(),
        cseq: 0,
        invited: 0,
        last: String::new(),
    };
    for step in steps.split_whitespace() {
        script.step(step);
    }
    // Of a variable that is set and not used SIPp wants to be told, and of no other.
    let used = match (side, script.text.contains("assign_to")) {
        (_, false) => "",
        (Side::Caller, true) => "<Reference variables=\"1\"/>\n",
        (Side::Person, true) => "<Reference variables=\"1,2,3,4\"/>\n",
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"steps\">\n{}{used}\
         </scenario>\n",
        script.text
    )
}

struct Script {
    side: Side,
    text: String,
    cseq: u32,
    /// The CSeq of its own last INVITE.
    invited: u32,
    /// The last request that came.
    last: String,
}

impl Script {
    fn step(&mut self, step: &str) {
        let (kind, what) = step.split_at(1);
        let numeric = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        match (kind, what.split_once(':')) {
            ("~", _) => self.line(&format!("<pause milliseconds=\"{what}\"/>")),
            ("?", _) => {
                let status = &what[1..];
                self.line(&format!("<recv response=\"{status}\" optional=\"true\"/>"));
            }
            ("<", None) if numeric(what) => {
                self.line(&format!("<recv response=\"{what}\"/>"));
            }
            ("<", Some((method, text))) => self.request_comes(method, Some(text)),
            ("<", None) => self.request_comes(what, None),
            (">", Some(("INVITE", status))) => self.respond(status, true),
            (">", None) if numeric(what) => self.respond(what, false),
            (">", more) => self.request(more.map_or(what, |it| it.0), more.map(|it| it.1)),
            _ => panic!("no step is written {step}"),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn request_comes(&mut self, method: &str, refer_to: Option<&str>) {
        let first = self.side == Side::Person && method == "INVITE" && self.last.is_empty();
        self.last = match first {
            true => "first INVITE".to_owned(),
            false => method.to_owned(),
        };
        let header = |regexp: &str, header: &str, variable: u32| {
            format!(
                "<ereg regexp=\"{regexp}\" search_in=\"hdr\" header=\"{header}:\" \
                 check_it=\"true\" assign_to=\"{variable}\"/>"
            )
        };
        let actions = match refer_to {
            Some(text) => header(text, "Refer-To", 1),
            None if first => [
                header(".*", "From", 1),
                header(".*", "To", 2),
                header("sip:[^&gt;]*", "Contact", 3),
                header("[0-9]+", "CSeq", 4),
            ]
            .concat(),
            None => String::new(),
        };
        let action = match actions.is_empty() {
            true => actions,
            false => format!("<action>{actions}</action>"),
        };
        self.line(&format!("<recv request=\"{method}\">{action}</recv>"));
    }

    fn respond(&mut self, status: &str, to_invite: bool) {
        let tag = match &self.last[..] {
            "first INVITE" | "CANCEL" => ";tag=[call_number]",
            _ => "",
        };
        let to_invite = to_invite || status == "487";
        let cseq = match to_invite {
            true => "CSeq: [$4] INVITE",
            false => "[last_CSeq:]",
        };
        let contact = match status.starts_with('3') {
            true => "<sip:elsewhere@127.0.0.1:9>",
            false => "<sip:peer@[local_ip]:[local_port]>",
        };
        let is_invite = to_invite || self.last.ends_with("INVITE");
        let body = if is_invite && status == "200" {
            SDP
        } else {
            ""
        };
        let message = format!(
            "SIP/2.0 {status} As the scenario says\n[last_Via:]\n[last_From:]\n[last_To:]{tag}\n\
             [last_Call-ID:]\n{cseq}\nContact: {contact}\n{}",
            content("application/sdp", body)
        );
        self.send(&message, false);
    }

    fn request(&mut self, method: &str, detail: Option<&str>) {
        if method != "ACK" {
            self.cseq += 1;
        }
        if method == "INVITE" {
            self.invited = self.cseq;
        }
        let cseq = if method == "ACK" {
            self.invited
        } else {
            self.cseq
        };
        let hotline = "sip:[service]@[remote_ip]:[remote_port]";
        let (uri, from, to) = match self.side {
            Side::Person => (
                "[$3]",
                "[$2];tag=[call_number]".to_owned(),
                "[$1]".to_owned(),
            ),
            Side::Caller => (
                hotline,
                "<sip:+442079460000@[local_ip]:[local_port]>;tag=[call_number]".to_owned(),
                match cseq {
                    1 if method == "INVITE" => format!("<{hotline}>"),
                    _ => format!("<{hotline}>[peer_tag_param]"),
                },
            ),
        };
        let detail = detail.unwrap_or_default();
        let (more, body) = match method {
            "INVITE" => ("", content("application/sdp", SDP)),
            "INFO" => (
                "",
                content(
                    "application/dtmf-relay",
                    &format!("Signal={detail}\nDuration=160\n"),
                ),
            ),
            "NOTIFY" => (
                match detail.starts_with('1') {
                    true => "Event: refer\nSubscription-State: active;expires=60\n",
                    false => "Event: refer\nSubscription-State: terminated;reason=noresource\n",
                },
                content(
                    "message/sipfrag;version=2.0",
                    &format!("SIP/2.0 {detail} Told\n"),
                ),
            ),
            _ => ("", content("", "")),
        };
        let message = format!(
            "{method} {uri} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nFrom: {from}\n\
             To: {to}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n\
             Contact: <sip:peer@[local_ip]:[local_port]>\nMax-Forwards: 70\n{more}{body}"
        );
        self.send(&message, method != "ACK");
    }

    fn send(&mut self, message: &str, again: bool) {
        let again = if again { " retrans=\"500\"" } else { "" };
        let _ = write!(self.text, "<send{again}><![CDATA[\n{message}]]></send>\n");
    }
}

/// The last header lines, the empty line, and the body.
fn content(kind: &str, body: &str) -> String {
    match body.is_empty() {
        true => "Content-Length: 0\n\n".to_owned(),
        false => format!("Content-Type: {kind}\nContent-Length: [len]\n\n{body}"),
    }
}
