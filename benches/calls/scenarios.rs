//! What is done to a subject: many calls at one time, and many calls a second.

use crate::affinity;
use crate::caller::{Caller, Figures};
use crate::subject::{Kind, Subject};
use std::time::{Duration, Instant};

/// Where the server and the caller run.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub caller: usize,
}

/// Calls that last, at one time.
pub struct Carried {
    pub calls: usize,
    pub answered: usize,
    /// Processor time a call-second, in milliseconds.
    pub cpu: f64,
    /// Of that, by thread.
    pub threads: Vec<(String, f64)>,
    /// Share of the core that was busy for the server.
    pub core: f64,
    /// Resident bytes a call, more than before the first. Few calls find room in what the start
    /// left free, so only many tell.
    pub memory: f64,
    pub figures: Figures,
    /// Packets that no socket had room for, anywhere on this machine, in the same time.
    pub dropped: u64,
}

impl Carried {
    pub fn loss(&self) -> f64 {
        let figures = &self.figures;
        let missed = figures.expected.saturating_sub(figures.received);
        (missed + self.dropped) as f64 / figures.expected.max(1) as f64
    }

    /// Every call was answered and its sound came whole and in time.
    pub fn is_clean(&self) -> bool {
        self.answered == self.calls
            && self.figures.failed == 0
            && self.loss() < 0.001
            && self.figures.packet_interval.percentile(99.0) <= 25.0
            && self.figures.key_to_prompt.count() * 1000 >= self.figures.keys_pressed * 999
    }
}

pub fn carry(kind: Kind, cores: Cores, calls: usize, ramp: usize, window: Duration) -> Carried {
    let subject = Subject::start(kind, cores.server);
    affinity::pin(cores.caller);
    let mut caller = Caller::new(format!("m{}x", subject.id()), subject.sip, calls);
    if let Some(voice) = kind.voice() {
        caller.speak(&voice);
    }
    caller.run_for(Duration::from_millis(300));
    let empty = subject.memory();
    let start = Instant::now();
    let mut invited = 0;
    while invited < calls {
        let due = (start.elapsed().as_secs_f64() * ramp as f64) as usize;
        (invited..due.min(calls)).for_each(|call| caller.invite(call));
        invited = due.min(calls).max(invited);
        caller.turn();
    }
    caller.run_for(Duration::from_secs(2));
    let answered = caller.talking();
    let measured = measure(&subject, &mut caller, window);
    let memory = subject.memory();
    let seconds = measured.time.as_secs_f64();
    let call_seconds = answered.max(1) as f64 * seconds;
    let threads = measured.threads.into_iter();
    let carried = Carried {
        calls,
        answered,
        cpu: measured.cpu.as_secs_f64() * 1e3 / call_seconds,
        threads: threads
            .map(|(name, nanos)| (name, nanos as f64 / 1e6 / call_seconds))
            .collect(),
        core: measured.cpu.as_secs_f64() / seconds,
        memory: memory.saturating_sub(empty) as f64 / answered.max(1) as f64,
        figures: std::mem::take(&mut caller.figures),
        dropped: measured.dropped,
    };
    hang_up_all(&mut caller);
    carried
}

struct Measured {
    time: Duration,
    cpu: Duration,
    threads: Vec<(String, u64)>,
    dropped: u64,
}

/// Keys are pressed all through the window, one a call.
fn measure(subject: &Subject, caller: &mut Caller, window: Duration) -> Measured {
    let calls = caller.lines();
    caller.begin_window();
    let (dropped, threads, cpu) = (dropped_packets(), subject.threads(), subject.cpu());
    let start = Instant::now();
    let mut pressed = 0;
    while start.elapsed() < window {
        // The last fifth is for the answers.
        let part = start.elapsed().as_secs_f64() / (window.as_secs_f64() * 0.8);
        let due = ((part * calls as f64) as usize).min(calls);
        // Neighbours have neighbouring slots: a step that shares no factor mixes them.
        (pressed..due).for_each(|number| caller.press_key(number * 7919 % calls));
        pressed = due.max(pressed);
        caller.turn();
    }
    let time = start.elapsed();
    let cpu = subject.cpu() - cpu;
    let threads = used_since(&threads, subject);
    caller.end_window();
    Measured {
        time,
        cpu,
        threads,
        dropped: dropped_packets() - dropped,
    }
}

/// Each thread's nanoseconds on the processor since `before`.
fn used_since(before: &[(String, u64)], subject: &Subject) -> Vec<(String, u64)> {
    let before = |name: &str| {
        let same = before.iter().find(|(other, _)| other == name);
        same.map_or(0, |(_, nanos)| *nanos)
    };
    let threads = subject.threads().into_iter();
    threads
        .map(|(name, nanos)| {
            let used = nanos.saturating_sub(before(&name));
            (name, used)
        })
        .collect()
}

/// Not faster than calls end anywhere.
fn hang_up_all(caller: &mut Caller) {
    for call in 0..caller.lines() {
        caller.hang_up(call);
        if call % 2 == 1 {
            caller.turn();
        }
    }
}

/// Datagrams that UDP sockets had no room for (`RcvbufErrors` of /proc/net/snmp).
fn dropped_packets() -> u64 {
    let text = std::fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let mut columns = names.split(' ').zip(values.split(' '));
    let found = columns.find(|(name, _)| *name == "RcvbufErrors");
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

/// Calls that are made at an even rate, each for a moment.
pub struct ShortCalls {
    pub rate: usize,
    pub made: usize,
    /// Processor time of one call, in milliseconds.
    pub cpu: f64,
    /// Of that, by thread.
    pub threads: Vec<(String, f64)>,
    pub figures: Figures,
}

/// How long a short call talks.
pub const SHORT_CALL: Duration = Duration::from_secs(1);

impl ShortCalls {
    /// Each call was answered, at the first asking.
    pub fn is_carried(&self) -> bool {
        self.figures.failed == 0
            && self.figures.answer_time.count() == self.made as u64
            && self.figures.retransmissions * 1000 <= self.made as u64
    }
}

pub fn short_calls(kind: Kind, cores: Cores, rate: usize, time: Duration) -> ShortCalls {
    let made = (rate as f64 * time.as_secs_f64()) as usize;
    let subject = Subject::start(kind, cores.server);
    affinity::pin(cores.caller);
    let mut caller = Caller::new(format!("s{}x", subject.id()), subject.sip, made);
    caller.run_for(Duration::from_millis(300));
    let (threads, cpu) = (subject.threads(), subject.cpu());
    let start = Instant::now();
    let (mut invited, mut left) = (0, 0);
    let limit = time + SHORT_CALL + Duration::from_secs(5);
    while left < made && start.elapsed() < limit {
        let due = ((start.elapsed().as_secs_f64() * rate as f64) as usize).min(made);
        (invited..due).for_each(|call| caller.invite(call));
        invited = due.max(invited);
        left = hang_up_due(&mut caller, left, invited);
        caller.turn();
    }
    while caller.is_leaving() && start.elapsed() < limit {
        caller.turn();
    }
    // What a call leaves to be done after its end belongs to it.
    caller.run_for(Duration::from_millis(500));
    let cpu = subject.cpu() - cpu;
    let each = |nanos: u64| nanos as f64 / 1e6 / made.max(1) as f64;
    let threads = used_since(&threads, &subject).into_iter();
    ShortCalls {
        rate,
        made,
        cpu: each(cpu.as_nanos() as u64),
        threads: threads.map(|(name, nanos)| (name, each(nanos))).collect(),
        figures: std::mem::take(&mut caller.figures),
    }
}

/// Ends the calls that have talked long enough, in the order they began; gives back how many of
/// them are over or ending.
fn hang_up_due(caller: &mut Caller, mut left: usize, invited: usize) -> usize {
    let now = crate::datagrams::now();
    while left < invited {
        match caller.answered_at(left) {
            Some(at) if now.saturating_sub(at) < SHORT_CALL.as_nanos() as u64 => break,
            Some(_) => caller.hang_up(left),
            None if caller.is_ringing(left) => break,
            None => {}
        }
        left += 1;
    }
    left
}
