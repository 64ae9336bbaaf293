//! What a user agent tells its application, and the handles by which both speak of things.

use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::slab::Key;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Names a leg: one INVITE session, either direction. It is never used for another leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub(super) Key);

/// Names a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationId(pub(super) Key);

/// Names an OPTIONS of ours until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OptionsId(pub(super) Key);

/// Every leg's last event is exactly one of `Cancelled`, `Failed` and `Ended`; see [`Event::ends`].
#[derive(Debug, Clone)]
pub enum Event {
    /// A new INVITE. Answer with `provisional`, `accept` or `reject`.
    Incoming(Box<Incoming>),
    /// The caller gave up before our final response; 487 is sent. The leg is gone.
    Cancelled { leg: LegId, reason: Option<String> },
    /// The ACK of our 2xx came. `sdp` is the answer where our 2xx carried the offer.
    Acked { leg: LegId, sdp: Option<Bytes> },
    /// A re-INVITE, UPDATE or PRACK with an offer, or a re-INVITE that asks for ours (`None`).
    /// Answer with `answer_offer`.
    Offer { leg: LegId, sdp: Option<Bytes> },
    /// The ACK of a re-INVITE in whose 2xx we made the offer.
    OfferAcked { leg: LegId, sdp: Option<Bytes> },
    /// An INFO with a body; it is answered already.
    Info {
        leg: LegId,
        content_type: String,
        body: Bytes,
    },
    /// A provisional response to our INVITE (never 100).
    Progress {
        leg: LegId,
        status: u16,
        sdp: Option<Bytes>,
    },
    /// The 2xx to our INVITE. It is acknowledged already, unless our INVITE carried no offer: then
    /// `sdp` is the offer, to be answered with `acknowledge`.
    Answered { leg: LegId, sdp: Option<Bytes> },
    /// Our INVITE failed. The leg is gone.
    Failed { leg: LegId, failure: Box<Failure> },
    /// The 2xx to our re-INVITE (or to a session refresh by re-INVITE); it is acknowledged.
    ReinviteAnswered { leg: LegId, sdp: Option<Bytes> },
    /// Our re-INVITE was refused and the session goes on as it was. `None`: no answer in time.
    ReinviteFailed { leg: LegId, status: Option<u16> },
    /// Our REFER was accepted (200 or 202).
    ReferAccepted { leg: LegId, status: u16 },
    /// Our REFER was refused, or not answered (`None`).
    ReferFailed { leg: LegId, status: Option<u16> },
    /// A NOTIFY told how the referred call fares; `status` is of its sipfrag. After `terminated`
    /// no more will come: without a final status before it, the end will never be known.
    ReferProgress {
        leg: LegId,
        status: Option<u16>,
        terminated: bool,
    },
    /// The peer asked us by REFER to call this URI instead, and was told that we do; tell it how that
    /// fares by `notify_refer`. Only where `answer_refers` says so.
    Referred { leg: LegId, target: String },
    /// An established leg, or an incoming one that was never acknowledged, is gone.
    Ended {
        leg: LegId,
        by: EndedBy,
        reason: Option<String>,
    },
    /// The registrar has our binding for so long; it is refreshed in time.
    Registered {
        registration: RegistrationId,
        expires: Duration,
    },
    /// `status` is `None` when the registrar did not answer. It is tried again after `retry_in`,
    /// or never, when that would be vain.
    RegistrationFailed {
        registration: RegistrationId,
        status: Option<u16>,
        retry_in: Option<Duration>,
    },
    /// The binding is removed, or given up; the registration is gone.
    Unregistered { registration: RegistrationId },
    /// The final status of our OPTIONS, or `None`: none came in time, or it could not be sent.
    OptionsAnswered {
        options: OptionsId,
        status: Option<u16>,
    },
}

impl Event {
    /// The leg whose last event this is.
    pub fn ends(&self) -> Option<LegId> {
        match self {
            Event::Cancelled { leg, .. } | Event::Failed { leg, .. } | Event::Ended { leg, .. } => {
                Some(*leg)
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Incoming {
    pub leg: LegId,
    pub request: Arc<Request>,
    /// The session description; `None` leaves the offer to our 2xx.
    pub offer: Option<Bytes>,
    pub flow: Flow,
}

/// Why our INVITE came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The final status; `None` when none came in time or the transport failed.
    pub status: Option<u16>,
    pub reason: String,
    /// The Contact URIs of a 3xx, best first.
    pub contacts: Vec<String>,
    /// The Retry-After of the response.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// The peer's BYE.
    Peer,
    /// Our own `hang_up` or `reject`.
    Local,
    /// The peer answers requests of the dialog no more, or does not know it.
    Timeout,
    /// The session timer ran out (RFC 4028).
    SessionExpired,
    /// Our 2xx, or our reliable provisional response, was never acknowledged.
    AckTimeout,
    /// The connection or the network below failed.
    TransportLost,
}
