use super::*;
use crate::dialplan::model::{Order, Queue, Way};
use crate::language::Language;
use proptest::prelude::*;

mod line;

/// Everything that happens, at the second in which it does.
struct Hall {
    distributor: Distributor,
    start: Instant,
    now: Instant,
}

impl Hall {
    fn new(agents: &[&str]) -> Hall {
        let start = Instant::now();
        let mut distributor = Distributor::default();
        for name in agents {
            distributor.agent_is(start, name, AgentState::Available);
        }
        Hall {
            distributor,
            start,
            now: start,
        }
    }

    fn at(&mut self, second: u64) -> &mut Hall {
        self.now = self.start + Duration::from_secs(second);
        while let Some(due) = self
            .distributor
            .next_timeout()
            .filter(|due| *due <= self.now)
        {
            self.distributor.handle_timeout(due);
            assert!(
                self.distributor
                    .next_timeout()
                    .is_none_or(|next| next > due),
                "a time-out that stays is a loop"
            );
        }
        self
    }

    fn tell(&mut self, seeker: Seeker, request: Request) -> &mut Hall {
        self.distributor.handle_input(self.now, seeker, request);
        self
    }

    fn seek(&mut self, seeker: Seeker, desks: &[Desk]) -> &mut Hall {
        let since = self.now;
        self.tell(
            seeker,
            Request::Seek {
                plan: plan(desks),
                since,
                search: 1,
            },
        )
    }

    /// A callback: somebody free, and then the caller first.
    fn call_back(&mut self, seeker: Seeker, desks: &[Desk]) -> &mut Hall {
        let (mut plan, since, search) = (plan(desks), self.now, 1);
        plan.for_callback(false);
        self.tell(
            seeker,
            Request::Seek {
                plan,
                since,
                search,
            },
        )
    }

    fn failed(&mut self, seeker: Seeker, name: &str) -> &mut Hall {
        let (target, why) = (uri(name), Failed::Itself);
        self.tell(seeker, Request::Failed { target, why })
    }

    fn answered(&mut self, seeker: Seeker, name: &str) -> &mut Hall {
        let target = uri(name);
        self.tell(seeker, Request::Answered { target })
    }

    fn is(&mut self, agent: &str, state: AgentState) -> &mut Hall {
        self.distributor.agent_is(self.now, agent, state);
        self
    }

    fn handed_over(&mut self, seeker: Seeker) -> &mut Hall {
        self.tell(seeker, Request::HandedOver)
    }

    fn over(&mut self, seeker: Seeker) -> &mut Hall {
        self.tell(seeker, Request::Over)
    }

    /// What was said since, in words: `1: ring a b`, `2: place 1 in 60 s`, `3: nobody`.
    #[track_caller]
    fn says(&mut self, expected: &[&str]) -> &mut Hall {
        assert_eq!(self.heard(), expected);
        self
    }

    fn heard(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.distributor.poll_output())
            .map(|(seeker, _, answer)| match answer {
                Answer::Ring { tries, passed } => {
                    let names: Vec<&str> = tries.iter().map(|one| name(&one.target)).collect();
                    format!("{seeker}: ring {}{}", names.join(" "), told(&passed))
                }
                Answer::Waiting {
                    position,
                    estimate: None,
                    passed,
                    ..
                } => format!("{seeker}: place {position}{}", told(&passed)),
                Answer::Waiting {
                    position,
                    estimate: Some(estimate),
                    passed,
                    ..
                } => {
                    let seconds = estimate.as_secs();
                    format!("{seeker}: place {position} in {seconds} s{}", told(&passed))
                }
                Answer::NobodyLeft { passed, .. } => format!("{seeker}: nobody{}", told(&passed)),
            })
            .collect()
    }
}

fn told(passed: &Passed) -> String {
    let closed = passed.closed.iter().map(|desk| format!(", {desk} closed"));
    let taken = passed
        .none_free
        .iter()
        .map(|desk| format!(", {desk} taken"));
    closed.chain(taken).collect()
}

fn uri(name: &str) -> String {
    match name.strip_prefix('@') {
        Some(agent) => format!("sip:{agent}@zeroline.local"),
        None => format!("sip:{name}@pbx.example.com"),
    }
}

fn name(uri: &str) -> &str {
    uri.split([':', '@']).nth(1).unwrap_or_default()
}

fn plan(desks: &[Desk]) -> Plan {
    Plan {
        dialplan: "parcel".into(),
        handoff: desks[0].handoff.clone(),
        language: Language::En,
        calls_back: false,
        caller_first: false,
        desks: desks.to_vec(),
        closed_last: Vec::new(),
        empty_because: ReturnReason::NobodyAnswered,
    }
}

/// Rings these; `a/2`: two calls at once.
fn desk(handoff: &str, targets: &str) -> Desk {
    let one = |text: &str| {
        let (name, limit) = text.split_once('/').unwrap_or((text, ""));
        Try {
            handoff: handoff.into(),
            target: uri(name),
            timeout: Duration::from_secs(25),
            way: Way::Bridged,
            accept: false,
            then_keys: None,
            allowed: true,
            limit: match name.starts_with('@') {
                true => Some(1),
                false => limit.parse().ok(),
            },
            languages: Vec::new(),
            is_agent: name.starts_with('@'),
        }
    };
    Desk {
        handoff: handoff.into(),
        tries: targets.split_whitespace().map(one).collect(),
        order: Order::InOrder,
        rest: Duration::from_secs(10),
        queue: None,
        after_closed: Vec::new(),
    }
}

fn queued(targets: &str) -> Desk {
    Desk {
        queue: Some(Queue::default()),
        ..desk("support", targets)
    }
}

fn ordered(order: Order, targets: &str) -> Desk {
    Desk {
        order,
        ..desk("support", targets)
    }
}

#[test]
fn one_after_the_other_and_then_the_next_desk() {
    let desks = [desk("support", "a b"), desk("night", "c")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).says(&["1: ring a"]);
    hall.failed(1, "a").says(&["1: ring b"]);
    hall.failed(1, "b").says(&["1: ring c"]);
    hall.failed(1, "c").says(&["1: nobody"]);
    hall.failed(1, "c").says(&[]);
}

#[test]
fn all_at_once_and_the_next_when_all_have_failed() {
    let desks = [ordered(Order::All, "a b c"), desk("night", "d")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).says(&["1: ring a b c"]);
    hall.failed(1, "b").failed(1, "a").says(&[]);
    hall.failed(1, "c").says(&["1: ring d"]);
}

#[test]
fn each_in_turn() {
    let desks = [ordered(Order::RoundRobin, "a b c")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).says(&["1: ring a"]);
    hall.seek(2, &desks).says(&["2: ring b"]);
    hall.failed(2, "b").says(&["2: ring c"]);
    hall.seek(3, &desks).says(&["3: ring a"]);
}

#[test]
fn who_was_idle_longest() {
    let desks = [ordered(Order::LongestIdle, "a/1 b/1 c/1")];
    let mut hall = Hall::new(&[]);
    for (seeker, target) in [(1, "a"), (2, "b"), (3, "c")] {
        hall.seek(seeker, &desks).answered(seeker, target);
    }
    hall.heard();
    hall.at(10).over(2);
    hall.at(20).over(3);
    hall.at(30).over(1);
    hall.seek(4, &desks).says(&["4: ring b"]);
    hall.seek(5, &desks).says(&["5: ring c"]);
    hall.seek(6, &desks).says(&["6: ring a"]);
}

#[test]
fn who_was_idle_longest_where_calls_are_passed_on() {
    let desks = [ordered(Order::LongestIdle, "a b c")];
    let mut hall = Hall::new(&[]);
    for (seeker, target) in [(1, "a"), (2, "b"), (3, "c"), (4, "a")] {
        let rung = format!("{seeker}: ring {target}");
        hall.at(seeker).seek(seeker, &desks).says(&[&rung]);
        hall.handed_over(seeker);
    }
    // The caller's dialog ends before anything is told of theirs.
    hall.at(9).seek(5, &desks).says(&["5: ring b"]);
    let target = uri("b");
    hall.tell(5, Request::Referred { target }).over(5);
    hall.seek(6, &desks).says(&["6: ring c"]).over(6);
    hall.seek(7, &desks).says(&["7: ring c"]);
}

#[test]
fn agents_are_rung_by_their_idle_time_and_only_while_they_are_free() {
    let desks = [ordered(Order::LongestIdle, "@anna @bert")];
    let mut hall = Hall::new(&["anna", "bert"]);
    hall.seek(1, &desks).says(&["1: ring anna"]);
    hall.seek(2, &desks).says(&["2: ring bert"]);
    hall.seek(3, &desks).says(&["3: nobody, support taken"]);
    hall.answered(1, "@anna").answered(2, "@bert");
    hall.at(10).over(2);
    hall.at(20).over(1);
    hall.seek(4, &desks).says(&["4: ring bert"]);
    hall.failed(4, "@bert").says(&["4: ring anna"]);
}

#[test]
fn more_calls_than_its_limit_are_not_rung_at_a_target() {
    let desks = [desk("support", "a/2 b/1")];
    let mut hall = Hall::new(&[]);
    for (seeker, target) in [(1, "a"), (2, "a"), (3, "b")] {
        let rung = format!("{seeker}: ring {target}");
        hall.seek(seeker, &desks).says(&[&rung]);
    }
    hall.seek(4, &desks).says(&["4: nobody, support taken"]);
    hall.over(2).seek(5, &desks).says(&["5: ring a"]);
}

#[test]
fn who_failed_rests_and_is_rung_last_meanwhile() {
    let desks = [desk("support", "a b")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks)
        .failed(1, "a")
        .says(&["1: ring a", "1: ring b"]);
    hall.at(9).seek(2, &desks).says(&["2: ring b"]);
    hall.failed(2, "b").says(&["2: ring a"]);
    hall.at(19).seek(3, &desks).says(&["3: ring a"]);
}

#[test]
fn who_does_not_answer_options_is_rung_last() {
    let desks = [desk("support", "a b")];
    let mut hall = Hall::new(&[]);
    let now = hall.now;
    hall.distributor.set_health(now, &uri("a"), false);
    hall.seek(1, &desks).says(&["1: ring b"]);
    hall.distributor.set_health(now, &uri("a"), true);
    hall.seek(2, &desks).says(&["2: ring a"]);
}

#[test]
fn who_does_not_answer_options_is_rung_all_the_same_where_there_is_nobody_else() {
    let mut hall = Hall::new(&[]);
    let now = hall.now;
    hall.distributor.set_health(now, &uri("a"), false);
    hall.seek(1, &[desk("support", "a")]).says(&["1: ring a"]);
    hall.over(1);
    hall.seek(2, &[queued("a")]).says(&["2: ring a"]);
}

#[test]
fn who_speaks_the_callers_language_is_rung_first() {
    let mut one = desk("support", "a b c");
    one.tries[0].languages = vec![Language::Zh];
    one.tries[1].languages = vec![Language::En, Language::Zh];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &[one]).says(&["1: ring b"]);
    hall.failed(1, "b").says(&["1: ring c"]);
    hall.failed(1, "c").says(&["1: ring a"]);
}

proptest! {
    /// Whatever happens: nobody is rung above their limit, whoever waits is served in the order of
    /// their priority and time, and at the end nothing is kept.
    #[test]
    fn order_and_limits_hold(steps in proptest::collection::vec((0u64..12, 0u8..5, 0u8..2), 1..120)) {
        let desks = |vip| {
            let mut one = queued("a/1 b/2 c/1");
            one.queue = Some(Queue { priority: 5 + vip, ..Queue::default() });
            [one]
        };
        let mut hall = Hall::new(&[]);
        let mut rung: BTreeMap<Seeker, String> = BTreeMap::new();
        let mut waiting: BTreeSet<(Reverse<u8>, usize, Seeker)> = BTreeSet::new();
        for (at, (seeker, what, vip)) in steps.into_iter().enumerate() {
            hall.at(20 * at as u64);
            match what {
                0 | 1 if !rung.contains_key(&seeker) => {
                    waiting.retain(|(.., waits)| *waits != seeker);
                    waiting.insert((Reverse(5 + vip), at, seeker));
                    hall.seek(seeker, &desks(vip));
                }
                2 => if let Some(target) = rung.get(&seeker) {
                    let target = target.clone();
                    hall.answered(seeker, &target);
                },
                3 | 4 => {
                    hall.over(seeker);
                    rung.remove(&seeker);
                    waiting.retain(|(.., waits)| *waits != seeker);
                }
                _ => {}
            }
            for told in hall.heard() {
                let Some((seeker, target)) = told.split_once(": ring ") else { continue };
                let seeker: Seeker = seeker.parse().expect("it is a number");
                let first = waiting.pop_first().expect("somebody waits");
                prop_assert_eq!(first.2, seeker, "who is first in line");
                rung.insert(seeker, target.to_owned());
            }
            for (target, limit) in [("a", 1), ("b", 2), ("c", 1)] {
                let calls = rung.values().filter(|rung| *rung == target).count();
                prop_assert!(calls <= limit, "{} calls at {}", calls, target);
            }
            prop_assert!(waiting.is_empty() || rung.len() == 4, "somebody is free and is not rung");
        }
        for seeker in 0..12 {
            hall.over(seeker);
        }
        let distributor = &hall.distributor;
        prop_assert!(distributor.searches.is_empty() && distributor.line.is_empty());
        prop_assert!(distributor.targets.values().all(|target| target.calls == 0));
    }

    /// Only those are looked at whom the news may help; looking at all of them finds nobody else, with
    /// desks that share targets at other limits, agents who come and go, and targets that rest.
    #[test]
    fn nobody_in_line_is_overlooked(
        steps in proptest::collection::vec((0u64..9, 0u8..10, 0usize..5), 1..150),
    ) {
        let line = |handoff: &str, targets| Desk {
            queue: Some(Queue { longest: Duration::from_secs(40), ..Queue::default() }),
            ..desk(handoff, targets)
        };
        let all = Desk { order: Order::All, ..line("all", "a/1 c/1") };
        let plans = [
            vec![line("support", "a/1 b/2")],
            vec![line("sales", "b/1 c/1 @anna"), desk("night", "a/3")],
            vec![line("vip", "@anna @ben")],
            vec![all],
            vec![line("open", "d c")],
        ];
        let states = [AgentState::Available, AgentState::Busy, AgentState::Away];
        let mut hall = Hall::new(&["anna"]);
        let mut rung: BTreeMap<Seeker, Vec<String>> = BTreeMap::new();
        for (at, (seeker, what, which)) in steps.into_iter().enumerate() {
            hall.at(3 * at as u64);
            let first = rung.get(&seeker).and_then(|rung| rung.first().cloned());
            match (what, first) {
                (0 | 1, None) => _ = hall.seek(seeker, &plans[which]),
                (7, None) => _ = hall.call_back(seeker, &plans[which]),
                (8, Some(_)) => _ = hall.tell(seeker, Request::CallerIsThere),
                (2, Some(target)) => _ = hall.answered(seeker, &target),
                (3, Some(target)) => {
                    rung.entry(seeker).or_default().remove(0);
                    hall.failed(seeker, &target);
                }
                (4, _) => {
                    rung.remove(&seeker);
                    hall.over(seeker);
                }
                (6, _) => {
                    rung.remove(&seeker);
                    hall.handed_over(seeker);
                }
                (5, _) => {
                    let agent = ["anna", "ben"][seeker as usize % 2];
                    let state = states[which % states.len()];
                    hall.distributor.agent_is(hall.now, agent, state);
                }
                (9, _) => {
                    let (target, is_up) = (["a", "b", "c", "d", "@anna"][which], seeker > 3);
                    hall.distributor.set_health(hall.now, &uri(target), is_up);
                }
                _ => {}
            }
            for told in hall.heard() {
                let Some((seeker, targets)) = told.split_once(": ring ") else { continue };
                let targets = targets.split(',').next().unwrap_or_default();
                let seeker: Seeker = seeker.parse().expect("it is a number");
                rung.insert(seeker, targets.split(' ').map(agent_or_target).collect());
            }
            let due = hall.distributor.next_timeout();
            hall.distributor.news.is_about_all = true;
            hall.distributor.look_again(hall.now);
            prop_assert_eq!(hall.heard(), [""; 0], "who was overlooked");
            prop_assert_eq!(hall.distributor.next_timeout(), due);
        }
    }
}

/// As [`uri`] takes it.
fn agent_or_target(name: &str) -> String {
    match name {
        "anna" | "ben" => format!("@{name}"),
        _ => name.to_owned(),
    }
}

#[test]
fn a_callback_is_made_when_it_may_come_to_something() {
    let mut hall = Hall::new(&["anna"]);
    let can = |hall: &Hall, desks: &[Desk]| hall.distributor.can_serve(hall.now, &plan(desks));
    let (now, line) = ([desk("desk", "@anna")], [queued("@anna")]);
    for (state, at_once, by_and_by) in [
        (AgentState::Available, true, true),
        (AgentState::Busy, false, true),
        (AgentState::Away, false, false),
        (AgentState::Offline, false, false),
    ] {
        hall.is("anna", state);
        assert_eq!(can(&hall, &now), at_once, "{state:?}");
        assert_eq!(can(&hall, &line), by_and_by, "{state:?}");
    }
}
