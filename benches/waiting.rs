//! What it costs to know whose turn it is: `cargo bench --bench waiting`. Microseconds of one request
//! while so many callers wait in line, those of the best of many short rounds, which other work on
//! the machine disturbs least.

use std::time::{Duration, Instant};
use zeroline::dialplan::model::{Order, Queue, Way};
use zeroline::events::ReturnReason;
use zeroline::handoff::distributor::{Distributor, Failed, Request, Seeker};
use zeroline::handoff::targets::{Desk, Plan, Try};
use zeroline::language::Language;

const LINES: [u64; 3] = [50, 500, 5000];
const PEOPLE: u64 = 10;
const ROUNDS: usize = 50;
const REQUESTS: u64 = 20;

fn person(number: u64) -> String {
    format!("sip:person{number}@pbx.example.com")
}

/// Ten people, each for one caller at a time.
fn plan() -> Plan {
    let one = |number| Try {
        handoff: "support".into(),
        target: person(number),
        timeout: Duration::from_secs(25),
        way: Way::Bridged,
        accept: false,
        then_keys: None,
        allowed: true,
        limit: Some(1),
        languages: Vec::new(),
        is_agent: false,
    };
    let queue = Queue {
        most: 10_000,
        ..Queue::default()
    };
    let desk = Desk {
        handoff: "support".into(),
        tries: (0..PEOPLE).map(one).collect(),
        order: Order::LongestIdle,
        rest: Duration::from_secs(10),
        queue: Some(queue),
        after_closed: Vec::new(),
    };
    Plan {
        dialplan: "parcel".into(),
        handoff: "support".into(),
        language: Language::En,
        calls_back: false,
        caller_first: false,
        desks: vec![desk],
        closed_last: Vec::new(),
        empty_because: ReturnReason::NobodyAnswered,
    }
}

struct Hall {
    distributor: Distributor,
    now: Instant,
    /// The callers are numbered as they come, and served so.
    next: Seeker,
    served: Seeker,
}

impl Hall {
    /// All people talk, and so many wait.
    fn with(waiting: u64) -> Hall {
        let mut hall = Hall {
            distributor: Distributor::default(),
            now: Instant::now(),
            next: 0,
            served: 0,
        };
        (0..PEOPLE + waiting).for_each(|_| hall.seek());
        for number in 0..PEOPLE {
            let target = person(number);
            hall.tell(number, Request::Answered { target });
        }
        hall
    }

    fn tell(&mut self, seeker: Seeker, request: Request) {
        self.now += Duration::from_millis(10);
        self.distributor.handle_input(self.now, seeker, request);
        while self.distributor.poll_output().is_some() {}
    }

    fn seek(&mut self) {
        let seek = Request::Seek {
            plan: plan(),
            since: self.now,
            search: 1,
        };
        self.tell(self.next, seek);
        self.next += 1;
    }

    /// One is served, and one more comes.
    fn serve(&mut self) {
        self.tell(self.served, Request::Over);
        self.served += 1;
        self.seek();
    }
}

/// Prints what one call of `work` costs.
fn measure(name: &str, hall: &mut Hall, mut work: impl FnMut(&mut Hall)) {
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..REQUESTS).for_each(|_| work(hall));
            start.elapsed()
        })
        .min()
        .expect("there are rounds");
    let microseconds = best.as_secs_f64() * 1e6 / REQUESTS as f64;
    println!("{name:<40} {microseconds:>10.1} µs");
}

fn main() {
    for waiting in LINES {
        let mut hall = Hall::with(waiting);
        println!("{waiting} wait");
        measure("the last asks for their place", &mut hall, |hall| {
            hall.tell(hall.next - 1, Request::WhereAmI);
        });
        measure("one is served, one more comes", &mut hall, Hall::serve);
        measure("nothing that helps anybody", &mut hall, |hall| {
            let (target, why) = (person(99), Failed::NotWanted);
            hall.tell(hall.next - 1, Request::Failed { target, why });
        });
    }
}
