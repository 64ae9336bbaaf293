//! Callers who wait in line: `cargo bench --bench calls -- queue`, four minutes with 500 callers and
//! twelve people (`--callers=500`, `--people=12`).
//!
//! All of them hear a prompt first: that is what the wait is compared with. Then one after the other
//! presses the human key; they hear music and where they are, talk to a person for two to four
//! seconds, and hang up. What they were told, and in which order they were served, is in the journal.
//!
//! A thread that does nothing wakes on the server's core all the while, before the server's own: what
//! the machine makes late for both is not the server's doing.

mod people;
mod report;
mod told;

use crate::affinity;
use crate::caller::{Caller, Figures};
use crate::histogram::Histogram;
use crate::idle_thread::IdleThread;
use crate::scenarios::Cores;
use crate::subject::{Kind, Subject};
use people::People;
use std::time::{Duration, Instant};
use told::Told;

/// New calls a second.
const RAMP: f64 = 100.0;
/// Human keys a second: farther apart than the packets of a line, so that their order is known.
const KEYS: f64 = 25.0;
/// Of the prompt that the wait is compared with.
const WINDOW: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(3);
/// Ringing, answering, and everything else that is not talk.
const SLACK: Duration = Duration::from_secs(60);

/// Seconds.
#[derive(Clone, Copy)]
struct Spent {
    /// Of all calls together.
    call_seconds: f64,
    /// On the processor.
    cpu: f64,
    /// On the processor, of synthesizers that ended in this time.
    children_cpu: f64,
    time: f64,
}

/// What callers heard, and what that cost.
struct Heard {
    figures: Figures,
    /// What a thread that does nothing had in place of packets' intervals.
    idle: Histogram,
    spent: Spent,
}

struct Waited {
    prompt: Heard,
    /// From the first human key until nobody waits.
    line: Heard,
    /// As long as the prompt, from the last human key on.
    all_in_line: Spent,
    /// How many waited then.
    waiting: usize,
    /// Resident bytes: before the first call, while all hear the prompt, and the most while all wait.
    memory: [u64; 3],
    told: Told,
    records: usize,
    outcomes: Vec<(String, usize)>,
}

/// How long this caller talks.
fn talk(caller: usize) -> Duration {
    Duration::from_millis(2000 + caller as u64 * 7919 % 2000)
}

pub fn run(cores: Cores, as_json: bool, callers: usize, people: usize) {
    eprintln!("{callers} callers and {people} people");
    let waited = wait(cores, callers, people as u16);
    if as_json {
        println!("{:#}", waited.json(callers, people));
    } else {
        waited.print(callers, people);
    }
    assert_eq!(waited.line.figures.failed, 0, "calls were lost");
    assert_eq!(waited.records, callers, "a record for each call");
    let served = [("transferred_answered".to_string(), callers)];
    assert_eq!(waited.outcomes, served, "everybody is served");
    assert_eq!(waited.told.out_of_order, 0, "served out of order");
}

fn wait(cores: Cores, callers: usize, people: u16) -> Waited {
    affinity::pin(cores.caller);
    let mut answering = people::answer();
    let port = answering.port;
    let subject = Subject::start(Kind::Queue { people, port }, cores.server);
    let mut caller = Caller::new(format!("q{}x", subject.id()), subject.sip, callers);
    caller.run_for(SETTLE);
    let empty = subject.memory();
    let idle = IdleThread::start(cores.server);
    let (start, mut invited) = (Instant::now(), 0);
    while invited < callers {
        let due = due(start, RAMP, callers);
        (invited..due).for_each(|call| caller.invite(call));
        invited = due;
        caller.turn();
    }
    caller.run_for(SETTLE);
    assert_eq!(caller.talking(), callers, "all calls are answered");

    let mut prompt = Meter::begin(&subject, &mut caller, &idle);
    let start = Instant::now();
    while start.elapsed() < WINDOW {
        caller.turn();
        prompt.look(&caller);
    }
    let prompt = prompt.end(&subject, &mut caller, &idle);
    let with_prompt = subject.memory();

    let mut line = Meter::begin(&subject, &mut caller, &idle);
    (0..callers).for_each(|call| caller.measure(call, false));
    let longest = SLACK + 4 * Duration::from_secs(callers as u64) / u32::from(people);
    let mut served = Served::default();
    let (start, mut pressed) = (Instant::now(), 0);
    let mut all = None;
    while served.ended < callers && start.elapsed() < longest {
        let due = due(start, KEYS, callers);
        (pressed..due).for_each(|call| {
            caller.press_human_key(call);
            caller.measure(call, true);
        });
        pressed = due;
        caller.turn();
        served.go_on(&mut caller, &mut answering);
        line.look(&caller);
        if pressed == callers {
            let all = all.get_or_insert_with(|| AllInLine::begin(&subject, &served, callers));
            all.look(&subject, &caller);
        }
    }
    let all = all.expect("all callers asked for a person");
    let line = line.end(&subject, &mut caller, &idle);
    caller.run_for(SETTLE);
    let records = subject.records();
    Waited {
        prompt,
        line,
        memory: [empty, with_prompt, all.memory],
        all_in_line: all.spent,
        waiting: all.waiting,
        told: told::read(&subject.data(), &records),
        records: records.len(),
        outcomes: told::outcomes(&records),
    }
}

/// So many of `all` are due at this rate.
fn due(start: Instant, rate: f64, all: usize) -> usize {
    ((start.elapsed().as_secs_f64() * rate) as usize).min(all)
}

/// Who was connected hangs up when their time is over.
#[derive(Default)]
struct Served {
    talking: Vec<(Instant, usize)>,
    connected: usize,
    ended: usize,
}

impl Served {
    fn go_on(&mut self, caller: &mut Caller, people: &mut People) {
        while let Some(call) = people.next_connected() {
            caller.measure(call, false);
            self.connected += 1;
            self.talking.push((Instant::now() + talk(call), call));
        }
        let now = Instant::now();
        for (_, call) in self.talking.extract_if(.., |(until, _)| *until <= now) {
            caller.hang_up(call);
            self.ended += 1;
        }
    }
}

/// What is spent on the processor while calls go on.
struct Meter {
    start: Instant,
    looked: Instant,
    cpu: Duration,
    children_cpu: Duration,
    call_seconds: f64,
}

impl Meter {
    fn at(subject: &Subject) -> Meter {
        let start = Instant::now();
        Meter {
            start,
            looked: start,
            cpu: subject.cpu(),
            children_cpu: subject.children_cpu(),
            call_seconds: 0.0,
        }
    }

    /// Forgets what was heard before.
    fn begin(subject: &Subject, caller: &mut Caller, idle: &IdleThread) -> Meter {
        caller.begin_window();
        idle.take();
        Meter::at(subject)
    }

    fn look(&mut self, caller: &Caller) {
        let now = Instant::now();
        let since = now - self.looked;
        if since >= Duration::from_millis(100) {
            self.looked = now;
            self.call_seconds += since.as_secs_f64() * caller.talking() as f64;
        }
    }

    fn spent(&self, subject: &Subject) -> Spent {
        Spent {
            cpu: (subject.cpu() - self.cpu).as_secs_f64(),
            children_cpu: (subject.children_cpu() - self.children_cpu).as_secs_f64(),
            time: self.start.elapsed().as_secs_f64(),
            call_seconds: self.call_seconds,
        }
    }

    fn end(&self, subject: &Subject, caller: &mut Caller, idle: &IdleThread) -> Heard {
        let spent = self.spent(subject);
        (0..caller.lines()).for_each(|call| caller.measure(call, false));
        Heard {
            figures: caller.take_figures(),
            idle: idle.take(),
            spent,
        }
    }
}

/// From the last human key on.
struct AllInLine {
    meter: Meter,
    waiting: usize,
    spent: Spent,
    memory: u64,
}

impl AllInLine {
    fn begin(subject: &Subject, served: &Served, callers: usize) -> AllInLine {
        let meter = Meter::at(subject);
        AllInLine {
            waiting: callers - served.connected,
            spent: meter.spent(subject),
            memory: subject.memory(),
            meter,
        }
    }

    fn look(&mut self, subject: &Subject, caller: &Caller) {
        let looked = self.meter.looked;
        self.meter.look(caller);
        if looked != self.meter.looked && self.meter.start.elapsed() <= WINDOW {
            self.spent = self.meter.spent(subject);
            self.memory = self.memory.max(subject.memory());
        }
    }
}
