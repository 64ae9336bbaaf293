//! The signalling task as a test runs it: turn by turn, with a phone on loopback.

use super::admission::Admission;
use super::calls::Calls;
use super::health::TargetHealth;
use super::journal_writer::Journal;
use super::ports::PortRange;
use super::resident::CallNumber;
use super::roster::Roster;
use super::routes::CallWish;
use super::routes::ToSignalling;
use super::services::Directory;
use super::signalling::{Phase, Signalling};
use super::targets::Targets;
use super::transports::Transports;
use super::trunks::Trunks;
use super::unanswered::Unanswered;
use crate::call::contract::SipCommand;
use crate::config::Config;
use crate::console::agents::ToAgents;
use crate::engines::prompt_library::PromptLibrary;
use crate::engines::registry::Registry;
use crate::handoff::distributor::Distributor;
use crate::journal::append::Limits;
use crate::language::ByLanguage;
use crate::locator::Locator;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::Invite;
use crate::sip::user_agent::config as agent_config;
use crate::sip::user_agent::event::LegId;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Far longer than anything here takes, also on a busy machine.
pub const LONG: Duration = Duration::from_secs(20);

pub struct Desk {
    pub signalling: Signalling,
    /// Connected to its UDP socket; another source than 127.0.0.1, with a rate limit of its own.
    pub phone: UdpSocket,
    wishes: mpsc::Sender<ToSignalling>,
    pub to_agents: ToAgents,
    _phase: watch::Sender<Phase>,
    _journal: Journal,
    _data: tempfile::TempDir,
}

impl Desk {
    pub async fn new() -> Desk {
        Desk::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Desk {
        // The journal's reserve is for all of them, and a test has no use for so large a file.
        let mut config = Config {
            max_calls: 10,
            ..Config::default()
        };
        change(&mut config);
        let config = Arc::new(config);
        let data = tempfile::tempdir().expect("a temporary folder");
        let limits = Limits::for_calls(config.max_calls as u32);
        let (journal, _) = Journal::open(data.path(), limits).expect("the folder is new");
        let listen = [Protocol::Udp, Protocol::Tcp].map(|p| (p, ([127, 0, 0, 1], 0).into()));
        let transports = Transports::bind(&listen).await.expect("free ports");
        let phone = UdpSocket::bind(("127.0.0.2", 0)).expect("a free port");
        let (wishes_in, wishes) = mpsc::channel(64);
        let (to_agents, agent_requests) = mpsc::channel(4);
        let (phase_in, phase) = watch::channel(Phase::Serving);
        let locator = Locator::of_system(&transports.protocols());
        let library = Arc::new(PromptLibrary::new(Registry::of(Vec::new()), None, None));
        let none = std::iter::empty();
        let health = TargetHealth::new(Instant::now(), &config, none, locator.clone(), 1);
        let signalling = Signalling {
            health,
            agent: UserAgent::new(agent_config::Config::default(), 1),
            transports,
            wishes,
            phase,
            threads: Vec::new(),
            ports: PortRange::new(19_200, 19_300),
            directory: Directory::new(&config, library, ByLanguage::default(), |_| {
                unreachable!("no dialplan is named")
            }),
            admission: Admission::new(config.clone(), Arc::new(AtomicBool::new(true))),
            targets: Targets::new(config.clone(), locator.clone()),
            trunks: Trunks::new(config.clone(), locator),
            roster: Roster::new(
                Instant::now(),
                &config,
                agent_requests,
                watch::Sender::default(),
                [5; 32],
            ),
            distributor: Distributor::default(),
            callbacks: mpsc::channel(1).1,
            calls: Calls::default(),
            unanswered: Unanswered::default(),
            journal: journal.handle(),
            config,
        };
        let desk = Desk {
            signalling,
            phone,
            wishes: wishes_in,
            to_agents,
            _phase: phase_in,
            _journal: journal,
            _data: data,
        };
        let udp = desk.listening(Protocol::Udp);
        desk.phone.connect(udp).expect("it is an address");
        desk.phone.set_nonblocking(true).expect("it is a socket");
        desk
    }

    /// The phone sends, and has this back once the task has had its turns.
    pub async fn ask(&mut self, message: &str) -> String {
        self.phone.send(message.as_bytes()).expect("it is sent");
        self.answer().await
    }

    /// The next that the phone is sent.
    pub async fn answer(&mut self) -> String {
        self.answer_like("").await
    }

    /// The next that the phone is sent and that begins so: what was sent before may come again.
    pub async fn answer_like(&mut self, start: &str) -> String {
        let until = Instant::now() + LONG;
        while Instant::now() < until {
            match self.heard() {
                Some(answer) if answer.starts_with(start) => return answer,
                Some(_) => {}
                None => self.turn().await,
            }
        }
        panic!("the phone was sent no {start}");
    }

    /// One turn of the task, or a short wait where nothing comes.
    pub async fn turn(&mut self) {
        let _ = timeout(Duration::from_millis(50), self.signalling.turn()).await;
    }

    /// What the phone has been sent already.
    pub fn heard(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.phone.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// Our INVITE to the phone.
    pub fn invite(&mut self) {
        let remote = self.phone.local_addr().expect("it is bound");
        let flow = self.signalling.transports.flow_to(Protocol::Udp, remote);
        let flow = flow.expect("it is listened on");
        self.invite_by(flow, format!("sip:desk@{remote}"));
    }

    pub fn invite_by(&mut self, flow: Flow, target: String) -> LegId {
        let invite = Invite {
            flow,
            fallbacks: Vec::new(),
            target,
            route: Vec::new(),
            from: "<sip:hotline@127.0.0.1>".into(),
            to: None,
            headers: Vec::new(),
            offer: Some("v=0\r\n".into()),
            credentials: None,
            timeout: Duration::from_secs(60),
        };
        let invited = self.signalling.agent.invite(Instant::now(), invite);
        invited.expect("there is room")
    }

    pub fn listening(&self, protocol: Protocol) -> SocketAddr {
        let listening = self.signalling.transports.listening();
        let found = listening.into_iter().find(|(of, _)| *of == protocol);
        found.expect("both are listened on").1
    }

    /// A call's wish comes.
    pub fn wish(&self, call: CallNumber, command: SipCommand) {
        let sent = self.wishes.try_send((call, CallWish::Sip(command)));
        sent.expect("there is room");
    }
}
