//! One media thread: it owns its calls' sockets and one clock.
//!
//! Every millisecond: what the signalling task sent, then the sockets that are ready, then the
//! calls whose packet time is over. It wakes by time and not by packet, so the number of wake-ups
//! does not grow with the number of calls; without calls it sleeps until it is woken.

use super::epoll::{Epoll, Waker};
use super::ports::PortPair;
use super::resident::{CallNumber, Resident};
use super::routes::Routes;
use super::tick_wheel::TickWheel;
use crate::call::contract::{Channel, Input, LegNumber};
use rustc_hash::FxHashMap;
use rustix::thread::{NanosleepRelativeResult, Timespec};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Once};
use std::thread::JoinHandle;
use std::time::Instant;

/// What may be under way to one thread. When it is full the sender keeps the rest and tries again,
/// so nothing is lost.
const INBOX: usize = 8192;
/// Datagrams of strangers that are read beside one of the peer's for each ready socket, so that a
/// flood of them does not keep the peer's from being heard; reading so many takes a quarter of the
/// turn.
const STRANGERS_PER_TURN: usize = 256;
/// The largest datagram that is read; RTP stays far below.
const DATAGRAM: usize = 2048;

pub enum Command {
    /// A call that was answered.
    Adopt(Box<Resident>),
    Input(CallNumber, Input),
    /// The ports of a leg to a person.
    Sockets {
        call: CallNumber,
        leg: LegNumber,
        pair: PortPair,
        address: SocketAddr,
    },
    /// End every call, then the thread.
    /// Calls without a person are told that the server stops, and end.
    SayGoodbye,
    Stop {
        reason: String,
    },
}

/// The way to a media thread, for any other thread.
#[derive(Clone)]
pub struct MediaThread {
    inbox: SyncSender<Command>,
    waker: Waker,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    calls: AtomicUsize,
    /// The thread waits without a time limit and must be woken.
    sleeps: AtomicBool,
}

impl MediaThread {
    /// `routes` is told how to reach the new thread. It runs until [`Command::Stop`] and the end of
    /// its last call.
    pub fn spawn(
        index: usize,
        routes: impl Fn(MediaThread) -> Routes,
    ) -> std::io::Result<(MediaThread, JoinHandle<()>)> {
        let (inbox, commands) = sync_channel(INBOX);
        let epoll = Epoll::new()?;
        let shared = Arc::new(Shared::default());
        let handle = MediaThread {
            inbox,
            waker: epoll.waker(),
            shared: shared.clone(),
        };
        let mut turns = Turns {
            epoll,
            commands,
            shared,
            routes: routes(handle.clone()),
            slots: Vec::new(),
            free: Vec::new(),
            numbers: FxHashMap::default(),
            wheel: TickWheel::new(Instant::now()),
            ready: Vec::new(),
            due: Vec::new(),
            datagram: vec![0; DATAGRAM],
            stopping: false,
        };
        let running = std::thread::Builder::new()
            .name(format!("media-{index}"))
            .spawn(move || turns.run())?;
        Ok((handle, running))
    }

    /// Gives the command back when the inbox is full.
    pub fn send(&self, command: Command) -> Result<(), Command> {
        match self.inbox.try_send(command) {
            Ok(()) => {}
            Err(TrySendError::Full(command)) => return Err(command),
            // The thread ends only when the server does.
            Err(TrySendError::Disconnected(_)) => return Ok(()),
        }
        if self.shared.sleeps.load(Ordering::SeqCst) {
            self.waker.wake();
        }
        Ok(())
    }

    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::Relaxed)
    }
}

struct Turns {
    epoll: Epoll,
    commands: Receiver<Command>,
    shared: Arc<Shared>,
    routes: Routes,
    slots: Vec<Slot>,
    free: Vec<u32>,
    numbers: FxHashMap<CallNumber, u32>,
    wheel: TickWheel<(u32, u16)>,
    ready: Vec<u64>,
    due: Vec<(u32, u16)>,
    datagram: Vec<u8>,
    stopping: bool,
}

#[derive(Default)]
struct Slot {
    /// Tells a slot's present resident from former ones in stale tokens and wheel entries.
    generation: u16,
    /// When the resident is in the wheel for.
    scheduled: Option<Instant>,
    resident: Option<Box<Resident>>,
}

impl Turns {
    fn run(&mut self) {
        // Wake on time rather than when it suits other timers; where that is refused, a bit later.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1_000));
        if let Err(error) = go_before_other_threads() {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                tracing::info!(
                    %error,
                    "media may not go before other work: on a busy machine sound may be late by some \
                     milliseconds; the capability CAP_SYS_NICE or systemd's LimitRTPRIO=1 mends that"
                );
            });
        }
        while !(self.stopping && self.numbers.is_empty() && self.routes.is_flushed()) {
            self.wait();
            while let Ok(command) = self.commands.try_recv() {
                self.handle_command(command);
            }
            self.read_sockets();
            self.run_due();
            self.routes.flush();
        }
    }

    /// Until the next millisecond; without calls until woken.
    fn wait(&mut self) {
        if !self.numbers.is_empty() || !self.routes.is_flushed() {
            let next = self.wheel.next_turn();
            sleep(next.saturating_duration_since(Instant::now()));
            return;
        }
        self.shared.sleeps.store(true, Ordering::SeqCst);
        // A command that came before the flag was up has woken nobody.
        match self.commands.try_recv() {
            Ok(command) => self.handle_command(command),
            Err(_) => self.epoll.ready(true, &mut self.ready),
        }
        self.shared.sleeps.store(false, Ordering::SeqCst);
    }

    fn handle_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Adopt(resident) => self.adopt(now, resident),
            Command::Input(number, input) => {
                if let Some(&index) = self.numbers.get(&number) {
                    self.with(index, now, |resident, routes| {
                        resident.handle_input(now, input, routes)
                    });
                }
            }
            Command::Sockets {
                call,
                leg,
                pair,
                address,
            } => {
                if let Some(&index) = self.numbers.get(&call) {
                    self.add_sockets(index, now, leg, pair, address);
                }
            }
            Command::SayGoodbye => self.tell_all(now, || Input::Stopping),
            Command::Stop { reason } => {
                self.stopping = true;
                self.tell_all(now, || Input::Shutdown {
                    reason: reason.clone(),
                });
            }
        }
    }

    fn tell_all(&mut self, now: Instant, input: impl Fn() -> Input) {
        for index in 0..self.slots.len() as u32 {
            self.with(index, now, |resident, routes| {
                resident.handle_input(now, input(), routes)
            });
        }
    }

    fn adopt(&mut self, now: Instant, resident: Box<Resident>) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1) & Token::GENERATIONS;
        self.numbers.insert(resident.number, index);
        slot.resident = Some(resident);
        self.shared
            .calls
            .store(self.numbers.len(), Ordering::Relaxed);
        self.register(index, None);
        self.with(index, now, |_, _| {});
    }

    fn add_sockets(
        &mut self,
        index: u32,
        now: Instant,
        leg: LegNumber,
        pair: PortPair,
        address: SocketAddr,
    ) {
        let Some(resident) = self.slots[index as usize].resident.as_mut() else {
            return;
        };
        resident.add_sockets(leg, pair);
        self.register(index, Some(leg));
        self.with(index, now, |resident, routes| {
            resident.handle_input(
                now,
                Input::MediaOpened {
                    leg,
                    address: Ok(address),
                },
                routes,
            )
        });
    }

    fn register(&self, index: u32, only: Option<LegNumber>) {
        let slot = &self.slots[index as usize];
        let Some(resident) = &slot.resident else {
            return;
        };
        let registered = resident.register(&self.epoll, only, |leg, channel| {
            Token {
                index,
                generation: slot.generation,
                leg,
                channel,
            }
            .to_u64()
        });
        if let Err(error) = registered {
            // The leg hears nothing, so its media time-out ends it.
            resident
                .span()
                .in_scope(|| tracing::error!(%error, "a socket could not be watched"));
        }
    }

    fn read_sockets(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.epoll.ready(false, &mut ready);
        let mut datagram = std::mem::take(&mut self.datagram);
        let mut strangers = 0;
        for token in ready.iter().map(|&token| Token::from_u64(token)) {
            while self.read_socket(token, &mut datagram) && strangers < STRANGERS_PER_TURN {
                strangers += 1;
            }
        }
        self.datagram = datagram;
        self.ready = ready;
    }

    /// Whether a stranger's datagram was read: the peer's may be behind it.
    fn read_socket(&mut self, token: Token, datagram: &mut [u8]) -> bool {
        let mut is_strangers = false;
        if self.slots[token.index as usize].generation == token.generation {
            let now = Instant::now();
            self.with(token.index, now, |resident, routes| {
                is_strangers = resident.read(now, token.leg, token.channel, datagram, routes);
            });
        }
        is_strangers
    }

    fn run_due(&mut self) {
        let now = Instant::now();
        let mut due = std::mem::take(&mut self.due);
        self.wheel.take_due(now, &mut due);
        for (index, generation) in due.drain(..) {
            let slot = &mut self.slots[index as usize];
            let is_current = slot.generation == generation
                && slot.scheduled.is_some_and(|scheduled| scheduled <= now);
            if is_current {
                slot.scheduled = None;
                self.with(index, now, |resident, routes| resident.tick(now, routes));
            }
        }
        self.due = due;
    }

    /// Lets a resident work, then does what it wants done.
    fn with(&mut self, index: u32, now: Instant, work: impl FnOnce(&mut Resident, &mut Routes)) {
        let slot = &mut self.slots[index as usize];
        let Some(resident) = slot.resident.as_mut() else {
            return;
        };
        work(resident, &mut self.routes);
        resident.drain(now, &mut self.routes);
        self.settle(index);
    }

    /// Puts the resident into the wheel for its next tick, or frees its slot.
    fn settle(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(resident) = &slot.resident else {
            return;
        };
        if resident.is_finished() {
            self.numbers.remove(&resident.number);
            slot.resident = None;
            slot.scheduled = None;
            self.free.push(index);
            self.shared
                .calls
                .store(self.numbers.len(), Ordering::Relaxed);
            return;
        }
        let next = resident.next_tick();
        if slot.scheduled != Some(next) {
            slot.scheduled = Some(next);
            self.wheel.insert(next, (index, slot.generation));
        }
    }
}

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    index: u32,
    generation: u16,
    leg: LegNumber,
    channel: Channel,
}

impl Token {
    const GENERATIONS: u16 = 0x7fff;

    /// `index` 32 bits, `generation` 15, `leg` 16, `channel` 1.
    fn to_u64(self) -> u64 {
        u64::from(self.index) << 32
            | u64::from(self.generation) << 17
            | u64::from(self.leg.0) << 1
            | u64::from(self.channel == Channel::Rtcp)
    }

    fn from_u64(token: u64) -> Token {
        Token {
            index: (token >> 32) as u32,
            generation: (token >> 17) as u16 & Token::GENERATIONS,
            leg: LegNumber((token >> 1) as u16),
            channel: if token & 1 == 1 {
                Channel::Rtcp
            } else {
                Channel::Rtp
            },
        }
    }
}

/// Who recognizes, synthesizes or builds may not make sound late: sched(7), the lowest of the real-time
/// priorities. What this thread starts does not inherit it.
fn go_before_other_threads() -> std::io::Result<()> {
    let lowest = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: `lowest` outlives the call, which reads it.
    match unsafe { libc::sched_setscheduler(0, policy, &lowest) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

fn sleep(left: std::time::Duration) {
    let Ok(mut request) = Timespec::try_from(left) else {
        return;
    };
    while let NanosleepRelativeResult::Interrupted(rest) = rustix::thread::nanosleep(&request) {
        request = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_way_through_epoll() {
        for (leg, channel) in [
            (0, Channel::Rtp),
            (1, Channel::Rtcp),
            (u16::MAX, Channel::Rtp),
        ] {
            let token = Token {
                index: 70_000,
                generation: 0x7ffe,
                leg: LegNumber(leg),
                channel,
            };
            assert_eq!(Token::from_u64(token.to_u64()), token);
        }
    }
}
