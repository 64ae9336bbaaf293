//! REFER as its recipient (RFC 3515), and the NOTIFYs that it is owed. Nobody is called by it here:
//! the application does that, or lets others do it, and tells what becomes of it.

use super::UserAgent;
use super::transmit::request_flow;
use crate::sip::header::Header;
use crate::sip::message::Request;
use crate::sip::method::Method;
use crate::sip::status::reason_phrase;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{Event, LegId};
use crate::sip::user_agent::leg::Phase;
use crate::sip::user_agent::transactions::Purpose;
use std::time::Instant;

/// Seconds that a subscription goes on after a NOTIFY.
const SUBSCRIBED_S: u32 = 180;

impl UserAgent {
    /// From now on a REFER of the peer's within this leg is answered with `status`: 202, or any from
    /// 300 on. A leg that nothing was said of answers 405.
    pub fn answer_refers(&mut self, leg: LegId, status: u16) -> Result<(), CommandError> {
        let state = self.living(leg).ok_or(CommandError::Gone)?;
        state.answers_refers = Some(status);
        Ok(())
    }

    /// A REFER within a leg: the status of its answer.
    pub(super) fn receive_refer(&mut self, leg: LegId, request: &Request) -> u16 {
        let state = self.legs.get(leg.0);
        let Some(status) = state.and_then(|state| state.answers_refers) else {
            return 405;
        };
        let Some(target) = request.headers.refer_to() else {
            return 400;
        };
        if status < 300 {
            let target = target.uri.to_string();
            self.tell(leg, Event::Referred { leg, target });
        }
        status
    }

    /// Tells the peer by NOTIFY how the call fares that its REFER asked for: a status from 100 on, of
    /// which a final one ends the subscription. Its answer is not told.
    pub fn notify_refer(
        &mut self,
        now: Instant,
        leg: LegId,
        status: u16,
    ) -> Result<(), CommandError> {
        let state = self.living(leg).ok_or(CommandError::Gone)?;
        if !matches!(state.phase, Phase::Confirmed | Phase::Accepted) {
            return Err(CommandError::WrongState);
        }
        let mut notify = state.dialog.request(Method::Notify);
        let flow = request_flow(state);
        let subscription = match status {
            ..200 => format!("active;expires={SUBSCRIBED_S}"),
            _ => "terminated;reason=noresource".to_owned(),
        };
        let headers = &mut notify.headers;
        headers.push(Header::Event, "refer");
        headers.push(Header::SubscriptionState, subscription);
        headers.push(Header::ContentType, "message/sipfrag;version=2.0");
        notify.body = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status)).into();
        self.introduce(&flow, &mut notify.headers);
        self.authorize(leg, &mut notify);
        // A peer that has given the subscription up says 481, and means it alone (RFC 5057, 5.1).
        let sent = self.send(now, flow, notify, Purpose::Nobody);
        sent.map(|_| ()).ok_or(CommandError::TableFull)
    }
}
