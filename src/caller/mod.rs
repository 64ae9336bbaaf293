//! A telephone made of the server's own user agent and media: `zeroline call`, and both ends of
//! tests and checks.
//!
//! ```text
//!  Caller ─┐                     ┌─ sip_transport (UDP, TCP)
//!          ├─▶ phone: UserAgent ─┤
//!  Answerer┘         │           └─ leg ─▶ line: MediaSession ─ RTP, RTCP
//!  Call ◀── state ───┴──────────────────────┘
//! ```
//!
//! A phone is a task that owns the user agent and its sockets; each of its calls has a task for
//! media. [`Call`](call::Call) is the handle to one call, whichever side it is on: what is known of
//! it is in [`CallState`](state::CallState), which can be waited on without missing anything.

pub mod answerer;
pub mod call;
#[allow(
    clippy::module_inception,
    reason = "a file is named by what it defines: the `Caller`"
)]
pub mod caller;
pub mod ladder;
mod leg;
mod line;
pub mod media_options;
mod phone;
mod playout;
pub mod referral;
pub mod report;
mod rtp_sockets;
pub mod script;
mod sip_transport;
pub mod state;
