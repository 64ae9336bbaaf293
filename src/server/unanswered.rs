//! New calls between their INVITE and their answer: a call is answered when its first event is
//! written, so that no answered call is without a record, and nobody waits for the disk meanwhile.

use super::journal_writer::JournalHandle;
use super::resident::{CallNumber, Resident};
use crate::call::contract::SipCommand;
use crate::events::{Entry, Event};
use crate::sip::flow::Flow;
use crate::sip::user_agent::event::LegId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Writing takes some 50 µs; a disk that needs this long cannot keep the promise of a record. Until
/// then a caller would rather wait than be refused.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);
/// Calls that wait; one more is refused. At the rate that a core is to carry, 1,000 a second, no more
/// come in [`WRITTEN_WITHIN`].
const MOST: usize = 1024;

pub(super) struct NewCall {
    pub number: CallNumber,
    pub leg: LegId,
    pub flow: Flow,
    pub caller: String,
    pub resident: Box<Resident>,
    /// What the call answers its INVITE with.
    pub commands: Vec<SipCommand>,
    pub first: Entry,
}

impl NewCall {
    /// What follows its first event when it is not answered after all.
    pub fn ended_with(&self, event: Event) -> Entry {
        Entry {
            seq: self.first.seq + 1,
            event,
            ..self.first
        }
    }
}

pub(super) struct Unanswered {
    /// In the order of their numbers.
    calls: VecDeque<(Instant, NewCall)>,
    to_task: mpsc::Sender<CallNumber>,
    written: mpsc::Receiver<CallNumber>,
}

impl Default for Unanswered {
    fn default() -> Self {
        let (to_task, written) = mpsc::channel(MOST);
        Unanswered {
            calls: VecDeque::new(),
            to_task,
            written,
        }
    }
}

impl Unanswered {
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Gives the call back when the journal does not take it.
    pub fn add(
        &mut self,
        now: Instant,
        call: NewCall,
        journal: &JournalHandle,
    ) -> Result<(), Box<NewCall>> {
        let (number, told) = (call.number, self.to_task.clone());
        // A number that the channel does not take is told by the next one, or the call is late.
        let written = Box::new(move || _ = told.try_send(number));
        let taken =
            self.calls.len() < MOST && journal.append_at_once(call.first.clone(), written).is_ok();
        if !taken {
            return Err(Box::new(call));
        }
        self.calls.push_back((now + WRITTEN_WITHIN, call));
        Ok(())
    }

    /// The number of a call whose first event is written; so are those of all before it.
    pub async fn written(&mut self) -> CallNumber {
        // The sender is kept beside the receiver, so the channel never closes.
        match self.written.recv().await {
            Some(number) => number,
            None => std::future::pending().await,
        }
    }

    /// As [`Unanswered::written`], if it is so already.
    pub fn try_written(&mut self) -> Option<CallNumber> {
        self.written.try_recv().ok()
    }

    /// The next call up to `number`.
    pub fn take_written(&mut self, number: CallNumber) -> Option<NewCall> {
        self.take_if(|_, call| call.number <= number)
    }

    /// The next call that has waited too long.
    pub fn take_late(&mut self, now: Instant) -> Option<NewCall> {
        self.take_if(|until, _| until <= now)
    }

    fn take_if(&mut self, condition: impl Fn(Instant, &NewCall) -> bool) -> Option<NewCall> {
        let (until, call) = self.calls.front()?;
        let is_next = condition(*until, call);
        is_next
            .then(|| self.calls.pop_front())?
            .map(|(_, call)| call)
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.calls.front().map(|(until, _)| *until)
    }

    /// The call of a leg that has ended.
    pub fn remove(&mut self, leg: LegId) -> Option<NewCall> {
        let at = self.calls.iter().position(|(_, call)| call.leg == leg)?;
        self.calls.remove(at).map(|(_, call)| call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::contract::{Channel, Input, LegNumber, Output, PacketSink, Session};
    use crate::call::example_call::started;
    use crate::events::{CallRef, EndedBy};
    use crate::journal::append::Limits;
    use crate::journal::recover::recover;
    use crate::server::journal_writer::Journal;
    use crate::sip::flow::{Flow, Protocol};
    use crate::sip::user_agent::UserAgent;
    use crate::sip::user_agent::config::Config;
    use crate::sip::user_agent::event;
    use std::net::SocketAddr;

    struct Silent;

    impl Session for Silent {
        fn handle_input(&mut self, _: Instant, _: Input, _: &mut dyn PacketSink) {}

        fn receive(
            &mut self,
            _: Instant,
            _: (LegNumber, Channel, SocketAddr),
            _: &mut [u8],
            _: &mut dyn PacketSink,
        ) -> bool {
            true
        }

        fn tick(&mut self, _: Instant, _: &mut dyn PacketSink) {}

        fn next_tick(&self) -> Instant {
            Instant::now()
        }

        fn poll_output(&mut self) -> Option<Output> {
            None
        }

        fn span(&self) -> tracing::Span {
            tracing::Span::none()
        }
    }

    fn flow() -> Flow {
        Flow {
            protocol: Protocol::Udp,
            local: "192.0.2.1:5060".parse().expect("an address"),
            remote: "192.0.2.2:5060".parse().expect("an address"),
        }
    }

    /// Legs of that many INVITEs.
    fn legs(count: usize) -> Vec<LegId> {
        let mut agent = UserAgent::new(Config::default(), 1);
        for n in 0..count {
            let invite = format!(
                "INVITE sip:hotline@192.0.2.1 SIP/2.0\r\n\
                 Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK{n}\r\n\
                 From: <sip:1@192.0.2.2>;tag={n}\r\nTo: <sip:hotline@192.0.2.1>\r\n\
                 Call-ID: {n}\r\nCSeq: 1 INVITE\r\nContact: <sip:1@192.0.2.2>\r\n\
                 Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            agent.receive(Instant::now(), flow(), invite.as_bytes());
        }
        let events = std::iter::from_fn(|| agent.poll_event());
        events
            .filter_map(|event| match event {
                event::Event::Incoming(incoming) => Some(incoming.leg),
                _ => None,
            })
            .collect()
    }

    fn call(number: CallNumber, leg: LegId) -> NewCall {
        NewCall {
            number,
            leg,
            flow: flow(),
            caller: "100".into(),
            resident: Box::new(Resident::new(number, Box::new(Silent))),
            commands: Vec::new(),
            first: Entry {
                call: CallRef::from_parts(1, number.into()),
                seq: 0,
                at_ms: 0,
                event: started(),
            },
        }
    }

    #[tokio::test]
    async fn a_call_is_answered_when_its_first_event_is_written() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (journal, _) = Journal::open(data.path(), Limits::for_calls(9)).expect("opens");
        let mut unanswered = Unanswered::default();
        for (number, leg) in (1..).zip(legs(3)) {
            let added = unanswered.add(Instant::now(), call(number, leg), &journal.handle());
            assert!(added.is_ok());
        }
        let mut answered = Vec::new();
        while answered.len() < 3 {
            let written = unanswered.written().await;
            while let Some(call) = unanswered.take_written(written) {
                let dir = data.path().join("journal");
                let found = recover(&dir).expect("the journal can be read").calls;
                assert!(found.iter().any(|found| found.call == call.first.call));
                answered.push(call.number);
            }
        }
        assert_eq!(answered, [1, 2, 3]);
        assert_eq!((unanswered.len(), unanswered.next_timeout()), (0, None));
    }

    #[test]
    fn who_waits_too_long_or_hangs_up_is_not_answered() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (journal, _) = Journal::open(data.path(), Limits::for_calls(9)).expect("opens");
        let (mut unanswered, start) = (Unanswered::default(), Instant::now());
        let legs = legs(2);
        for (number, &leg) in (1..).zip(&legs) {
            let added = unanswered.add(start, call(number, leg), &journal.handle());
            assert!(added.is_ok());
        }
        assert!(unanswered.take_late(start + WRITTEN_WITHIN / 2).is_none());
        let gone = unanswered.remove(legs[0]).expect("it has waited");
        assert_eq!(gone.number, 1);
        let ended = gone.ended_with(Event::CallEnded {
            by: EndedBy::Caller,
            reason: "CANCEL".into(),
        });
        assert_eq!((ended.call, ended.seq), (gone.first.call, 1));
        assert!(unanswered.remove(legs[0]).is_none());
        let late = unanswered.take_late(start + WRITTEN_WITHIN);
        assert_eq!(late.map(|call| call.number), Some(2));
        assert!(unanswered.take_written(2).is_none());
    }

    #[test]
    fn a_closed_journal_takes_no_call() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (journal, _) = Journal::open(data.path(), Limits::for_calls(9)).expect("opens");
        let handle = journal.handle();
        journal.shutdown();
        let mut unanswered = Unanswered::default();
        let added = unanswered.add(Instant::now(), call(1, legs(1)[0]), &handle);
        assert!(added.is_err_and(|call| call.number == 1));
        assert_eq!(unanswered.len(), 0);
    }
}
