//! What comes in over SIP's sockets.

use crate::sip::flow::Flow;
use crate::sip::message::Message;
use crate::sip::parser::ParseError;

pub enum Received {
    /// A peer has connected.
    Opened {
        flow: Flow,
    },
    Message {
        flow: Flow,
        message: Message,
    },
    /// To be answered as far as possible.
    Malformed {
        flow: Flow,
        error: ParseError,
    },
    /// The stream is closed, or could not be opened.
    Closed {
        flow: Flow,
    },
}
