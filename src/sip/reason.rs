//! Reason (RFC 3326): why a BYE, a CANCEL or a refusal was sent.

use crate::sip::lexer;
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    protocol: &'static str,
    cause: u16,
    text: String,
}

/// Q.850: normal call clearing.
const CLEARING: u16 = 16;

impl Reason {
    /// A failure, by the SIP status that says it.
    pub fn sip(status: u16, text: impl Into<String>) -> Reason {
        Reason {
            protocol: "SIP",
            cause: status,
            text: text.into(),
        }
    }

    /// Nothing failed: one side has ended the call.
    pub fn clearing(text: impl Into<String>) -> Reason {
        Reason {
            protocol: "Q.850",
            cause: CLEARING,
            text: text.into(),
        }
    }

    /// The header field's value. Any text may stand in it.
    pub fn value(&self) -> Bytes {
        let mut value = format!("{};cause={}", self.protocol, self.cause).into_bytes();
        if !self.text.is_empty() {
            // No escape makes a control character fit for a quoted string.
            let text = self.text.replace(char::is_control, " ");
            value.extend_from_slice(b";text=");
            value.extend(lexer::quote(text.as_bytes()));
        }
        value.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::values::Word;

    #[test]
    fn any_text_is_written_so_that_it_is_read_again() {
        for text in ["bye", "a \"b\" \\c;cause=1,d", "转人工", "two\r\nTo: lines"] {
            let value = Reason::sip(480, text).value();
            let read = Word::parse(&value).expect("it is well-formed");
            assert_eq!(&*read.word, "SIP");
            assert_eq!(read.params.get("cause"), Some("480"));
            let expected = text.replace(['\r', '\n'], " ");
            assert_eq!(read.params.get_unquoted("text"), Some(expected));
        }
    }

    #[test]
    fn without_a_text_there_is_none() {
        assert_eq!(&Reason::clearing("").value()[..], b"Q.850;cause=16");
    }
}
