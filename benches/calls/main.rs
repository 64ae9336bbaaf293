//! Every row of the design's budget, measured: `cargo bench --bench calls`, a minute of it with
//! `-- --quick`, and `-- --format json`; how callers who speak are served: `-- voice` (25 minutes;
//! `--turns=5`: five); when no recognizer keeps up: `-- saturated`, ten minutes (`--minutes=1`); and
//! how callers wait for a person: `-- queue`, four minutes (`--callers=500`, `--people=12`). The
//! server is on one core, the caller on another, and the same calls are made to a bare loop beside
//! it: the ratio of the two holds on any machine.

mod affinity;
mod bare_loop;
mod caller;
mod datagrams;
mod dialogue;
mod histogram;
mod idle_thread;
mod line;
mod made_up;
mod queue;
mod report;
mod saturated;
mod scenarios;
mod subject;
mod voice;

use report::Results;
use scenarios::{Cores, carry, short_calls};
use std::time::Duration;
use subject::Kind;

/// How much is measured.
struct Plan {
    levels: &'static [usize],
    window: Duration,
    /// Runs of what is judged at 400 calls and at 100 calls a second: the median counts.
    rounds: usize,
    short_time: Duration,
    rates: &'static [usize],
    burst: Duration,
}

const FULL: Plan = Plan {
    levels: &[50, 400, 1000, 2000, 2500],
    window: Duration::from_secs(8),
    rounds: 3,
    short_time: Duration::from_secs(8),
    rates: &[200, 500, 1000],
    burst: Duration::from_secs(3),
};

const QUICK: Plan = Plan {
    levels: &[50, 400],
    window: Duration::from_secs(4),
    rounds: 1,
    short_time: Duration::from_secs(4),
    rates: &[1000],
    burst: Duration::from_secs(2),
};

/// The level and the rate that the budget judges by.
const JUDGED_CALLS: usize = 400;
const JUDGED_RATE: usize = 100;
/// New calls a second while many are set up to last.
const RAMP: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    if let [option, address] = &arguments[..]
        && option == subject::BARE_LOOP
    {
        return bare_loop::run(address);
    }
    let cores = affinity::cores();
    let &[server, caller, ..] = &cores[..] else {
        eprintln!("this benchmark needs two cores: one for the server, one for the caller");
        std::process::exit(2);
    };
    let _ = rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
            maximum: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
        },
    );
    let as_json = has("json") || has("--format=json");
    let cores = Cores { server, caller };
    let figure = |option: &str| {
        let mut given = arguments.iter();
        given.find_map(|it| it.strip_prefix(option)?.parse().ok())
    };
    if has("voice") {
        return voice::run(cores, as_json, figure("--turns=").unwrap_or(25));
    }
    if has("saturated") {
        let minutes = figure("--minutes=").unwrap_or(10);
        return saturated::run(cores, as_json, minutes as u64);
    }
    if has("queue") {
        let people = figure("--people=").unwrap_or(12);
        return queue::run(cores, as_json, figure("--callers=").unwrap_or(500), people);
    }
    let plan = if has("--quick") { QUICK } else { FULL };
    let results = run(&plan, cores);
    if as_json {
        println!("{}", report::json(&results));
    } else {
        print!("{}", report::table(&results));
    }
}

fn run(plan: &Plan, cores: Cores) -> Results {
    let mut results = Results::default();
    for &calls in plan.levels {
        let rounds = if calls == JUDGED_CALLS {
            plan.rounds
        } else {
            1
        };
        for _ in 0..rounds {
            eprintln!("{calls} calls: zeroline, then the bare loop");
            let zeroline = carry(Kind::Zeroline, cores, calls, RAMP, plan.window);
            let bare = carry(Kind::BareLoop, cores, calls, 5 * RAMP, plan.window / 2);
            results.carried.push((zeroline, bare));
        }
    }
    for _ in 0..plan.rounds {
        eprintln!("{JUDGED_RATE} short calls a second: zeroline, then the bare loop");
        let zeroline = short_calls(Kind::Zeroline, cores, JUDGED_RATE, plan.short_time);
        let bare = short_calls(Kind::BareLoop, cores, JUDGED_RATE, plan.short_time / 2);
        results.short.push((zeroline, bare));
    }
    for &rate in plan.rates {
        eprintln!("{rate} short calls a second");
        let burst = short_calls(Kind::Zeroline, cores, rate, plan.burst);
        results.bursts.push(burst);
    }
    results
}
