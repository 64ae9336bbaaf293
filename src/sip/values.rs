//! Header values by type. Each accessor parses when it is called; `None` means absent or malformed
//! (what a request may not have malformed, [`Message::parse`](crate::sip::message::Message::parse)
//! has refused).

use crate::sip::error::Malformed;
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::lexer;
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::params::Params;
use crate::sip::via::Via;
use std::fmt;

/// CSeq (RFC 3261, 20.16); the number is below 2³¹.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq {
    pub number: u32,
    pub method: Method,
}

/// RAck (RFC 3262, 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    pub rseq: u32,
    pub cseq: CSeq,
}

/// `type/subtype;params`, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// `application/sdp`
    pub essence: Box<str>,
    pub params: Params,
}

/// Session-Expires (RFC 4028, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    pub seconds: u32,
    pub refresher: Option<Refresher>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    Uac,
    Uas,
}

/// Replaces (RFC 3891).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    pub call_id: Box<str>,
    pub to_tag: Box<str>,
    pub from_tag: Box<str>,
    pub early_only: bool,
}

/// A word with parameters: Event, Subscription-State, User-to-User, Reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub word: Box<str>,
    pub params: Params,
}

impl CSeq {
    pub fn parse(text: &[u8]) -> Result<CSeq, Malformed> {
        let bad = Malformed("Malformed CSeq");
        let at = text.iter().position(|b| lexer::is_lws(*b)).ok_or(bad)?;
        let (number, method) = text.split_at_checked(at).ok_or(bad)?;
        let number = lexer::decimal::<u32>(number).ok_or(bad)?;
        if number > i32::MAX as u32 {
            return Err(bad);
        }
        let method = Method::parse(lexer::trim(method)).ok_or(bad)?;
        Ok(CSeq { number, method })
    }
}

impl RAck {
    pub fn parse(text: &[u8]) -> Result<RAck, Malformed> {
        let bad = Malformed("Malformed RAck");
        let at = text.iter().position(|b| lexer::is_lws(*b)).ok_or(bad)?;
        let (rseq, cseq) = text.split_at_checked(at).ok_or(bad)?;
        let rseq = lexer::decimal(rseq).ok_or(bad)?;
        let cseq = CSeq::parse(lexer::trim(cseq))?;
        Ok(RAck { rseq, cseq })
    }
}

impl Word {
    pub fn parse(text: &[u8]) -> Result<Word, Malformed> {
        let at = text.iter().position(|b| *b == b';').unwrap_or(text.len());
        let bad = Malformed("Malformed header value");
        let (word, params) = text.split_at_checked(at).ok_or(bad)?;
        let word = std::str::from_utf8(lexer::trim(word)).map_err(|_| bad)?;
        Ok(Word {
            word: word.into(),
            params: Params::parse(params)?,
        })
    }
}

impl MediaType {
    pub fn parse(text: &[u8]) -> Result<MediaType, Malformed> {
        let bad = Malformed("Malformed media type");
        let Word { word, params } = Word::parse(text)?;
        let (kind, subtype) = word.split_once('/').ok_or(bad)?;
        let kind = lexer::token(lexer::trim(kind.as_bytes())).ok_or(bad)?;
        let subtype = lexer::token(lexer::trim(subtype.as_bytes())).ok_or(bad)?;
        Ok(MediaType {
            essence: format!("{kind}/{subtype}").to_ascii_lowercase().into(),
            params,
        })
    }

    /// Whether this range, as in Accept, takes `essence`: `*/*`, `application/*`, or the same.
    pub fn accepts(&self, essence: &str) -> bool {
        match self.essence.strip_suffix("/*") {
            Some("*") => true,
            Some(kind) => essence.split('/').next() == Some(kind),
            None => *self.essence == *essence,
        }
    }
}

impl SessionExpires {
    pub fn parse(text: &[u8]) -> Result<SessionExpires, Malformed> {
        let bad = Malformed("Malformed Session-Expires");
        let Word { word, params } = Word::parse(text)?;
        let refresher = match params.get("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return Err(bad),
            None => None,
        };
        Ok(SessionExpires {
            seconds: lexer::decimal(word.as_bytes()).ok_or(bad)?,
            refresher,
        })
    }
}

impl Replaces {
    pub fn parse(text: &[u8]) -> Result<Replaces, Malformed> {
        let bad = Malformed("Malformed Replaces");
        let Word { word, params } = Word::parse(text)?;
        let tag = |name| params.get(name).filter(|tag| !tag.is_empty()).ok_or(bad);
        Ok(Replaces {
            to_tag: tag("to-tag")?.into(),
            from_tag: tag("from-tag")?.into(),
            early_only: params.has("early-only"),
            call_id: if word.is_empty() {
                return Err(bad);
            } else {
                word
            },
        })
    }
}

impl Headers {
    pub fn top_via(&self) -> Option<Via> {
        Via::parse(self.all(Header::Via).next()?).ok()
    }

    pub fn vias(&self) -> Vec<Via> {
        self.all(Header::Via)
            .filter_map(|v| Via::parse(v).ok())
            .collect()
    }

    pub fn from(&self) -> Option<NameAddr> {
        NameAddr::parse(self.get(Header::From)?).ok()
    }

    pub fn to(&self) -> Option<NameAddr> {
        NameAddr::parse(self.get(Header::To)?).ok()
    }

    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(self.get(Header::CSeq)?).ok()
    }

    /// As it was written: Call-IDs are compared byte by byte.
    pub fn call_id(&self) -> Option<&str> {
        std::str::from_utf8(self.get(Header::CallId)?).ok()
    }

    /// The first Contact; `*` is none.
    pub fn contact(&self) -> Option<NameAddr> {
        self.contacts().into_iter().next()
    }

    pub fn contacts(&self) -> Vec<NameAddr> {
        self.addresses(Header::Contact)
    }

    /// Route, topmost first.
    pub fn routes(&self) -> Vec<NameAddr> {
        self.addresses(Header::Route)
    }

    /// Record-Route, topmost first.
    pub fn record_routes(&self) -> Vec<NameAddr> {
        self.addresses(Header::RecordRoute)
    }

    /// The values of a header field of addresses, those that can be read.
    pub fn addresses(&self, header: Header) -> Vec<NameAddr> {
        self.all(header)
            .filter_map(|v| NameAddr::parse(v).ok())
            .collect()
    }

    pub fn max_forwards(&self) -> Option<u8> {
        lexer::decimal(self.get(Header::MaxForwards)?)
    }

    /// The option tags of Require, lower case.
    pub fn require(&self) -> Vec<String> {
        self.words(Header::Require)
    }

    /// The option tags of Supported, lower case.
    pub fn supported(&self) -> Vec<String> {
        self.words(Header::Supported)
    }

    fn words(&self, header: Header) -> Vec<String> {
        self.all(header)
            .filter(|value| !value.is_empty())
            .map(|value| String::from_utf8_lossy(value).to_ascii_lowercase())
            .collect()
    }

    /// Seconds.
    pub fn expires(&self) -> Option<u32> {
        lexer::decimal(self.get(Header::Expires)?)
    }

    pub fn session_expires(&self) -> Option<SessionExpires> {
        SessionExpires::parse(self.get(Header::SessionExpires)?).ok()
    }

    /// Seconds.
    pub fn min_se(&self) -> Option<u32> {
        let word = Word::parse(self.get(Header::MinSe)?).ok()?;
        lexer::decimal(word.word.as_bytes())
    }

    pub fn rseq(&self) -> Option<u32> {
        lexer::decimal(self.get(Header::RSeq)?)
    }

    pub fn rack(&self) -> Option<RAck> {
        RAck::parse(self.get(Header::RAck)?).ok()
    }

    pub fn content_type(&self) -> Option<MediaType> {
        MediaType::parse(self.get(Header::ContentType)?).ok()
    }

    /// Whether the sender takes a body of this type, `application/sdp`: always without an Accept.
    pub fn accepts(&self, essence: &str) -> bool {
        !self.has(Header::Accept) || self.accept().iter().any(|range| range.accepts(essence))
    }

    pub fn accept(&self) -> Vec<MediaType> {
        self.all(Header::Accept)
            .filter_map(|v| MediaType::parse(v).ok())
            .collect()
    }

    pub fn allow(&self) -> Vec<Method> {
        self.all(Header::Allow).filter_map(Method::parse).collect()
    }

    pub fn refer_to(&self) -> Option<NameAddr> {
        NameAddr::parse(self.get(Header::ReferTo)?).ok()
    }

    pub fn replaces(&self) -> Option<Replaces> {
        Replaces::parse(self.get(Header::Replaces)?).ok()
    }

    pub fn event(&self) -> Option<Word> {
        Word::parse(self.get(Header::Event)?).ok()
    }

    pub fn subscription_state(&self) -> Option<Word> {
        Word::parse(self.get(Header::SubscriptionState)?).ok()
    }

    /// The first User-to-User value (RFC 7433); the word is hex unless `encoding` says otherwise.
    pub fn user_to_user(&self) -> Option<Word> {
        Word::parse(self.all(Header::UserToUser).next()?).ok()
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(Header, &'static str)]) -> Headers {
        let mut headers = Headers::default();
        for (header, value) in lines {
            headers.push(*header, *value);
        }
        headers
    }

    #[test]
    fn numbers() {
        let cseq = |text: &str| CSeq::parse(text.as_bytes()).map(|cseq| cseq.to_string());
        assert_eq!(cseq("0009 \t INVITE").as_deref(), Ok("9 INVITE"));
        for bad in [
            "",
            "1",
            "1 ",
            "INVITE 1",
            "-1 BYE",
            "4294967296 BYE",
            "1 BYE x",
        ] {
            assert!(cseq(bad).is_err(), "{bad}");
        }
        let rack = |text: &str| RAck::parse(text.as_bytes()).map(|rack| rack.to_string());
        assert_eq!(rack("776656 1 INVITE").as_deref(), Ok("776656 1 INVITE"));
        assert!(rack("776656 INVITE").is_err());
        let expires = |text| headers(&[(Header::Expires, text)]).expires();
        assert_eq!(
            (expires("3600"), expires("x"), expires("10000000000")),
            (Some(3600), None, None)
        );
    }

    #[test]
    fn session_timers() {
        let read = |text: &str| SessionExpires::parse(text.as_bytes()).ok();
        let expected = SessionExpires {
            seconds: 1800,
            refresher: Some(Refresher::Uas),
        };
        assert_eq!(read("1800 ; Refresher=UAS"), Some(expected));
        assert_eq!(read("90").and_then(|timer| timer.refresher), None);
        assert_eq!(read("90;refresher=me"), None);
        assert_eq!(headers(&[(Header::MinSe, "90;x")]).min_se(), Some(90));
    }

    #[test]
    fn media_types() {
        let range = |text: &str| MediaType::parse(text.as_bytes()).expect("a media type");
        assert_eq!(
            &*range("Application / SDP;charset=x").essence,
            "application/sdp"
        );
        assert!(range("*/*").accepts("application/sdp"));
        assert!(range("application/*").accepts("application/sdp"));
        assert!(!range("applicatio/*").accepts("application/sdp"));
        assert!(!range("text/sdp").accepts("application/sdp"));
        assert!(MediaType::parse(b"application").is_err());
        assert!(headers(&[]).accepts("application/sdp"));
        assert!(
            headers(&[(Header::Accept, "text/x, application/sdp;q=1")]).accepts("application/sdp")
        );
        assert!(!headers(&[(Header::Accept, "")]).accepts("application/sdp"));
    }

    #[test]
    fn words_with_parameters() {
        let replaces = |text: &str| Replaces::parse(text.as_bytes()).ok();
        let read = replaces("a@b;from-tag=f;to-tag=t;early-only").expect("a Replaces");
        assert_eq!(
            (&*read.call_id, &*read.to_tag, &*read.from_tag),
            ("a@b", "t", "f")
        );
        assert!(read.early_only);
        assert_eq!(replaces("a@b;from-tag=f"), None);
        let headers = headers(&[
            (Header::Event, "refer;id=2"),
            (Header::SubscriptionState, "terminated;reason=noresource"),
            (Header::UserToUser, "56a390f3;encoding=hex, 00"),
        ]);
        assert_eq!(
            headers.event().expect("an Event").params.get("id"),
            Some("2")
        );
        let state = headers.subscription_state().expect("a state");
        assert_eq!(
            (&*state.word, state.params.get("reason")),
            ("terminated", Some("noresource"))
        );
        assert_eq!(&*headers.user_to_user().expect("a value").word, "56a390f3");
    }
}
