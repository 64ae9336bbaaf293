//! The signalling task: SIP in and out, new calls admitted and handed to media threads.
//!
//! It answers an INVITE itself: the call is made here, ports and all, and moves to its media thread
//! when its first event is written and its 200 is on its way. What a call wants of SIP later comes back by a
//! bounded channel (`calls`), what SIP tells a call goes to its thread's inbox.

use super::admission::Admission;
use super::call_metrics;
use super::callbacks::CallbackJob;
use super::calls::Calls;
use super::health::TargetHealth;
use super::media_thread::MediaThread;
use super::ports::PortRange;
use super::received::Received;
use super::roster::Roster;
use super::routes::ToSignalling;
use super::services::Directory;
use super::targets::Targets;
use super::transports::Transports;
use super::trunks::Trunks;
use super::unanswered::Unanswered;
use crate::call::contract::Input;
use crate::config::Config;
use crate::handoff::distributor::{self, Distributor};
use crate::sip::flow::Flow;
use crate::sip::message::{Message, Request};
use crate::sip::method::Method;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::event::Event;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Taken of each source before the user agent's answers go out.
const BATCH: usize = 64;
/// How often inputs that a full inbox did not take are tried again.
const RETRY: Duration = Duration::from_millis(5);

/// What the server is doing, as its other parts and the operator want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Serving,
    /// No new calls; those that go on may end.
    Draining,
    /// The time is up: every call ends now.
    Stopping,
    /// Whoever has not answered our BYE by now will not.
    Gone,
}

pub struct Signalling {
    pub config: Arc<Config>,
    pub agent: UserAgent,
    pub transports: Transports,
    pub wishes: mpsc::Receiver<ToSignalling>,
    pub phase: watch::Receiver<Phase>,
    pub threads: Vec<MediaThread>,
    pub ports: PortRange,
    pub directory: Directory,
    pub admission: Admission,
    pub targets: Targets,
    pub trunks: Trunks,
    pub roster: Roster,
    pub distributor: Distributor,
    pub health: TargetHealth,
    pub callbacks: mpsc::Receiver<CallbackJob>,
    pub calls: Calls,
    pub unanswered: Unanswered,
    pub journal: super::journal_writer::JournalHandle,
}

impl Signalling {
    /// Until the server has stopped.
    pub async fn run(mut self) {
        loop {
            self.turn().await;
            if self.is_done() {
                return;
            }
        }
    }

    /// Waits for the first input, then takes a batch from every source: none starves another,
    /// however much a stranger sends.
    pub(super) async fn turn(&mut self) {
        let timeout = self.timeout();
        tokio::select! {
            received = self.transports.receive() => self.take(received),
            number = self.unanswered.written() => self.answer_written(number),
            Some((call, wish)) = self.wishes.recv() => self.fulfil(call, wish),
            located = self.targets.located() => self.finish_preparing(located),
            located = self.health.located() => self.ask_located(located),
            located = self.trunks.located() => {
                let now = Instant::now();
                self.trunks.finish(now, located, &self.transports, &mut self.agent);
            }
            request = self.roster.asked() => self.roster.answer(Instant::now(), request),
            Some(job) = self.callbacks.recv() => self.see_to_callback(Instant::now(), job),
            Ok(()) = self.phase.changed() => self.stop_taking_calls(),
            () = sleep_until(timeout) => {}
        }
        self.take_received();
        self.take_written();
        self.take_wishes();
        self.settle();
    }

    fn timeout(&self) -> Option<Instant> {
        let retry = self.calls.has_waiting().then(|| Instant::now() + RETRY);
        let unanswered = self.unanswered.next_timeout();
        let agent = self.agent.next_timeout();
        let people = [self.roster.next_timeout(), self.distributor.next_timeout()];
        let lines = [self.trunks.next_timeout(), self.health.next_timeout()];
        [agent, unanswered, retry]
            .into_iter()
            .chain(lines)
            .chain(people)
            .flatten()
            .min()
    }

    fn stop_taking_calls(&mut self) {
        self.admission.drain();
        if *self.phase.borrow() == Phase::Draining {
            self.trunks.leave(Instant::now(), &mut self.agent);
        }
    }

    fn take_received(&mut self) {
        for _ in 0..BATCH {
            match self.transports.try_receive() {
                Some(received) => self.take(received),
                None => return,
            }
        }
    }

    fn take_written(&mut self) {
        for _ in 0..BATCH {
            match self.unanswered.try_written() {
                Some(number) => self.answer_written(number),
                None => return,
            }
        }
    }

    fn take_wishes(&mut self) {
        for _ in 0..BATCH {
            match self.wishes.try_recv() {
                Ok((call, wish)) => self.fulfil(call, wish),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, received: Received) {
        let now = Instant::now();
        match received {
            Received::Opened { flow } => {
                if !self.admission.may_connect(now, flow.remote.ip()) {
                    self.transports.close(flow);
                }
            }
            Received::Message { flow, message } => self.take_message(now, flow, message),
            Received::Malformed { flow, error } => {
                if self.admission.takes_message(now, flow.remote.ip()) {
                    self.agent.receive_bad(flow, &error);
                }
            }
            Received::Closed { flow } => {
                self.roster.flow_lost(now, flow);
                self.agent.transport_failed(now, flow);
            }
        }
    }

    /// Who is on a call is heard, whatever else comes from there. A stranger's INVITE is answered
    /// without state: no number of them keeps a caller out.
    fn take_message(&mut self, now: Instant, flow: Flow, message: Message) {
        let source = flow.remote.ip();
        let taken = self.admission.takes_message(now, source);
        let is_expected = match &message {
            Message::Request(request) => self.is_own_call(request) || self.agent.awaits(&message),
            Message::Response(_) => self.agent.awaits(&message),
        };
        match message {
            _ if !taken && !is_expected => {}
            Message::Request(request) if !is_expected && self.is_registration(&request) => {
                self.register(now, flow, request);
            }
            Message::Request(invite)
                if invite.method == Method::Invite
                    && !is_expected
                    && !self.may_call(now, flow, &invite) =>
            {
                self.agent.answer_without_state(flow, &invite, 403, &[]);
            }
            message => self.agent.receive_message(now, flow, message),
        }
    }

    fn may_call(&mut self, now: Instant, flow: Flow, invite: &Request) -> bool {
        let is_agents = self.agent_code(invite).is_some() && self.roster.knows(flow);
        is_agents || self.admission.knows(now, flow.remote.ip(), invite)
    }

    /// The INVITE is one that we sent to ourselves: nobody else has seen its branch.
    pub(super) fn is_own_call(&self, request: &Request) -> bool {
        let sent = self.agent.sent_invite(request);
        sent.is_some_and(|flow| self.transports.is_ours(flow.protocol, flow.remote))
    }

    /// Timers, then everything that the last inputs led to.
    fn settle(&mut self) {
        let now = Instant::now();
        if self.agent.next_timeout().is_some_and(|due| due <= now) {
            self.agent.handle_timeout(now);
        }
        self.refuse_late(now);
        self.trunks.handle_timeout(now);
        self.roster.handle_timeout(now);
        self.distribute(now);
        // What cannot be sent is told by events, of which each has fewer ways left to try.
        loop {
            while let Some(event) = self.agent.poll_event() {
                self.handle_event(now, event);
            }
            self.see_to_health(now);
            if self.send_all(now) {
                break;
            }
        }
        self.distribute(now);
        self.calls.send_waiting(&self.threads);
        call_metrics::count_calls(self.calls.len());
        call_metrics::count_waiting(self.distributor.waiting());
    }

    /// Whether all could be sent.
    fn send_all(&mut self, now: Instant) -> bool {
        let mut sent_all = true;
        while let Some(transmit) = self.agent.poll_transmit() {
            let flow = transmit.flow;
            if !self.transports.send(transmit) {
                self.agent.transport_failed(now, flow);
                sent_all = false;
            }
        }
        sent_all
    }

    /// Who may ring whom by now; and what gone calls had is free again.
    fn distribute(&mut self, now: Instant) {
        while let Some(call) = self.calls.poll_gone() {
            self.distributor
                .handle_input(now, call, distributor::Request::Over);
        }
        while let Some((agent, state)) = self.roster.poll_change() {
            self.distributor.agent_is(now, &agent, state);
        }
        let due = self.distributor.next_timeout();
        if due.is_some_and(|due| due <= now) {
            self.distributor.handle_timeout(now);
        }
        while let Some((call, search, answer)) = self.distributor.poll_output() {
            let input = Input::Desk { search, answer };
            self.calls.input(call, input, &self.threads);
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        self.roster.handle_event(now, &event);
        self.handle_health(now, &event);
        match event {
            Event::OptionsAnswered { .. } => {}
            Event::Incoming(incoming) => self.incoming(now, *incoming),
            Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::Unregistered { .. } => self.trunks.handle_event(&event),
            event => {
                if let Some(leg) = event.ends() {
                    self.forget_unanswered(leg);
                    if let Some(flow) = self.calls.flow(leg) {
                        self.transports.call_ends(flow);
                    }
                }
                self.calls.handle_event(event, &self.threads);
            }
        }
    }

    /// Why no further call can be taken, whoever it is from.
    pub(super) fn busy(&self) -> Option<&'static str> {
        if self.calls.len() + self.unanswered.len() >= self.config.max_calls {
            Some("all lines are taken")
        } else if !self.journal.can_admit() {
            Some("the journal has no room for another call")
        } else {
            None
        }
    }

    fn is_done(&mut self) -> bool {
        let phase = *self.phase.borrow();
        let calls = self.calls.len() + self.unanswered.len();
        let is_empty = calls == 0 && self.agent.load().legs == 0;
        let idle = is_empty && !self.calls.has_waiting() && self.trunks.has_left();
        phase == Phase::Gone || phase != Phase::Serving && idle
    }
}

async fn sleep_until(timeout: Option<Instant>) {
    match timeout {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use crate::call::contract::{LegNumber, SipCommand};
    use crate::server::desk::{Desk, LONG};
    use crate::sip::flow::Protocol;
    use crate::sip::user_agent::Load;
    use socket2::{Domain, Socket, Type};
    use std::io::{Read, Write};
    use std::net::SocketAddr;
    use std::time::Instant;

    const OPTIONS: &str = "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport\r\nFrom: <sip:b@h>;tag=1\r\n\
        To: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

    #[tokio::test]
    async fn a_flood_of_datagrams_holds_up_nobodys_wish() {
        let mut desk = Desk::new().await;
        let hang_up = || SipCommand::HangUp {
            leg: LegNumber::CALLER,
            reason: String::new(),
        };
        for turn in 0..20 {
            for _ in 0..2 * super::BATCH {
                desk.phone.send(OPTIONS.as_bytes()).expect("it is sent");
            }
            desk.wish(turn, hang_up());
            desk.signalling.turn().await;
            assert!(desk.signalling.wishes.is_empty(), "in turn {turn}");
        }
    }

    // The connection's own task has a thread of its own, as the flood leaves this one none.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_flood_of_datagrams_holds_up_no_stream() {
        let mut desk = Desk::new().await;
        let tcp = desk.listening(Protocol::Tcp);
        let mut stream = std::net::TcpStream::connect(tcp).expect("it is accepted");
        let request = OPTIONS.replace("branch=z9hG4bK1", "branch=z9hG4bK2");
        stream.write_all(request.as_bytes()).expect("it is written");
        stream.set_nonblocking(true).expect("it is a socket");
        let (mut answer, start) = ([0; 12], Instant::now());
        while stream.read_exact(&mut answer).is_err() {
            assert!(start.elapsed() < LONG, "no answer came");
            for _ in 0..2 * super::BATCH {
                desk.phone.send(OPTIONS.as_bytes()).expect("it is sent");
            }
            desk.signalling.turn().await;
        }
        assert_eq!(&answer, b"SIP/2.0 200 ");
    }

    /// A request of the phone's, within the dialog of `headers` if it has one.
    fn request(method: &str, headers: &str) -> String {
        format!(
            "{method} sip:hotline@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK{method};rport\r\n{headers}\r\n\
             CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    const STRANGER: &str = "From: <sip:x@h>;tag=1\r\nTo: <sip:hotline@h>\r\nCall-ID: 1\r\n\
        User-Agent: sipcli/v1.8";

    #[tokio::test]
    async fn a_strangers_invite_is_refused_and_leaves_nothing() {
        let mut desk = Desk::with(|config| config.allow.clear()).await;
        let invite = request("INVITE", &STRANGER.replace("sipcli", "phone"));
        let first = desk.ask(&invite).await;
        assert!(first.starts_with("SIP/2.0 403 "), "{first}");
        assert_eq!(desk.ask(&invite).await, first);
        assert_eq!(desk.signalling.agent.load(), Load::default());
    }

    #[tokio::test]
    async fn who_is_on_a_call_is_heard_although_its_source_is_blocked() {
        let mut desk = Desk::with(|config| config.allow.clear()).await;
        let refused = desk.ask(&request("INVITE", STRANGER)).await;
        assert!(refused.starts_with("SIP/2.0 403 "), "{refused}");
        desk.phone.send(OPTIONS.as_bytes()).expect("it is sent");
        desk.signalling.turn().await;
        assert_eq!(desk.heard(), None);

        desk.invite();
        desk.signalling.settle();
        let invite = desk.answer_like("INVITE ").await;
        let header = |name: &str| {
            let line = invite.lines().find(|line| line.starts_with(name));
            line.expect("it has one").to_owned()
        };
        let (from, to, call_id) = (header("From: "), header("To: "), header("Call-ID: "));
        let ok = format!(
            "SIP/2.0 200 OK\r\n{}\r\n{from}\r\n{to};tag=7\r\n{call_id}\r\n{}\r\n\
             Contact: <sip:desk@{}>\r\nContent-Length: 0\r\n\r\n",
            header("Via: "),
            header("CSeq: "),
            desk.phone.local_addr().expect("it is bound"),
        );
        desk.phone.send(ok.as_bytes()).expect("it is sent");
        desk.answer_like("ACK ").await;
        let (ours, theirs) = (from.replacen("From", "To", 1), to.replacen("To", "From", 1));
        let bye = request("BYE", &format!("{theirs};tag=7\r\n{ours}\r\n{call_id}"));
        desk.phone.send(bye.as_bytes()).expect("it is sent");
        desk.answer_like("SIP/2.0 200 ").await;
    }

    #[tokio::test]
    async fn a_blocked_source_cannot_connect() {
        let mut desk = Desk::with(|config| config.allow.clear()).await;
        desk.ask(&request("INVITE", STRANGER)).await;
        let stream = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let from = SocketAddr::from(([127, 0, 0, 2], 0));
        stream.bind(&from.into()).expect("it is the phone's");
        let tcp = desk.listening(Protocol::Tcp);
        stream.connect(&tcp.into()).expect("the kernel accepts it");
        // It comes, and it is closed.
        let mut stream = std::net::TcpStream::from(stream);
        stream.set_nonblocking(true).expect("it is a socket");
        let (mut closed, start) = (stream.read(&mut [0]), Instant::now());
        while closed.is_err() && start.elapsed() < LONG {
            desk.turn().await;
            closed = stream.read(&mut [0]);
        }
        assert_eq!(closed.expect("it is closed"), 0);
    }
}
