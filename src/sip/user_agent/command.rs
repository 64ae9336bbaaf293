//! What an application asks of a user agent.

use crate::sip::digest::Credentials;
use crate::sip::flow::Flow;
use bytes::Bytes;
use std::time::Duration;

/// A call to make.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Where the INVITE is sent: the target's own address, or an outbound proxy's.
    pub flow: Flow,
    /// Where it is sent next when nothing but a 503 or 408, or nothing at all, comes from there
    /// (RFC 3263, 4.3). Media is at the same address of ours, whichever it is.
    pub fallbacks: Vec<Flow>,
    /// The Request-URI.
    pub target: String,
    /// Preloaded Route URIs (RFC 3261, 8.1.2), first hop first; mostly empty.
    pub route: Vec<String>,
    /// The From value without tag: `"Acme" <sip:hotline@example.com>`.
    pub from: String,
    /// The To value; `<target>` where absent.
    pub to: Option<String>,
    /// More header fields: User-to-User, Subject, P-Asserted-Identity.
    pub headers: Vec<(String, String)>,
    /// `None` asks the peer for its offer, to be answered by `acknowledge`.
    pub offer: Option<Bytes>,
    /// For a challenge to this or any later request of the leg.
    pub credentials: Option<Credentials>,
    /// Without a final response after so long the INVITE is cancelled and has failed.
    pub timeout: Duration,
}

/// A question whether somebody answers there.
#[derive(Debug, Clone)]
pub struct Options {
    pub flow: Flow,
    /// The Request-URI and To.
    pub target: String,
    /// The From value without tag.
    pub from: String,
    /// So long an answer is waited for.
    pub timeout: Duration,
}

/// A binding to keep at a registrar (RFC 3261, 10).
#[derive(Debug, Clone)]
pub struct Registration {
    /// The registrar's or the outbound proxy's address.
    pub flow: Flow,
    /// Its other addresses, tried in turn as for [`Invite::fallbacks`].
    pub fallbacks: Vec<Flow>,
    /// The Request-URI: `sip:trunk.example.com`.
    pub registrar: String,
    /// The address of record: `sip:hotline@trunk.example.com`.
    pub address_of_record: String,
    pub credentials: Option<Credentials>,
    pub expires: Duration,
    /// A CRLF goes out so often to keep the flow open (RFC 5626, 3.5.1); `None` for never.
    pub keep_alive: Option<Duration>,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The leg or registration is gone: its last event is out, or waits in `poll_event`.
    #[error("it is gone already")]
    Gone,
    #[error("that is not possible in this state")]
    WrongState,
    #[error("the user agent's tables are full")]
    TableFull,
    #[error("the request would not be well-formed SIP")]
    Malformed,
}
