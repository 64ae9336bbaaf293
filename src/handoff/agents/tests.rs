use super::AgentState::*;
use super::*;
use proptest::prelude::*;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Anna and Ben, both registered for an hour; each wraps up for 10 s.
fn two(now: Instant) -> Agents {
    let mut agents = Agents::new(now, ["ben", "anna"].map(AgentConfig::named));
    for name in ["anna", "ben"] {
        agents.registered(now, name, now + HOUR);
    }
    agents
}

fn changes(agents: &mut Agents) -> Vec<(String, AgentState)> {
    std::iter::from_fn(|| agents.poll_change()).collect()
}

#[test]
fn who_has_answered_a_call_is_left_alone_for_a_while() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.call_began(now, "anna");
    assert_eq!(agents.state("anna"), Some(Busy));
    assert!(agents.is_free("ben") && !agents.is_free("anna"));
    let end = now + seconds(60);
    agents.call_ended(end, "anna", true);
    assert_eq!(agents.state("anna"), Some(WrapUp));
    assert_eq!(agents.next_timeout(), Some(end + seconds(10)));
    agents.handle_timeout(end + seconds(9));
    assert_eq!(agents.state("anna"), Some(WrapUp));
    agents.handle_timeout(end + seconds(10));
    assert_eq!(agents.idle_since("anna"), Some(end + seconds(10)));
    assert_eq!(agents.idle_since("ben"), Some(now));
}

#[test]
fn who_has_not_answered_is_free_again_at_once() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.call_began(now, "anna");
    agents.call_ended(now + seconds(25), "anna", false);
    assert_eq!(agents.idle_since("anna"), Some(now + seconds(25)));
}

#[test]
fn a_wish_in_a_call_holds_from_its_end_on() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.call_began(now, "anna");
    assert_eq!(agents.set_away(now, "anna"), Ok(Busy));
    agents.call_ended(now, "anna", true);
    assert_eq!(agents.state("anna"), Some(Away));
    agents.handle_timeout(now + seconds(60));
    assert_eq!(
        agents.state("anna"),
        Some(Away),
        "not when it is wrapped up"
    );
    assert_eq!(agents.set_available(now, "anna"), Ok(Available));
    assert_eq!(agents.set_away(now, "carl"), Err(NoSuchAgent));
}

#[test]
fn who_is_done_wrapping_up_says_so() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.call_began(now, "anna");
    agents.call_ended(now, "anna", true);
    let end = now + seconds(3);
    assert_eq!(agents.set_available(end, "anna"), Ok(Available));
    assert_eq!(agents.idle_since("anna"), Some(end));
}

#[test]
fn a_registration_that_ends_takes_its_agent_away_and_the_next_one_changes_no_wish() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.set_away(now, "ben").expect("he is there");
    agents.registered(now, "anna", now + 2 * HOUR);
    agents.handle_timeout(now + HOUR);
    assert_eq!(agents.state("ben"), Some(Offline));
    assert_eq!(agents.state("anna"), Some(Available));
    agents.unregistered(now + HOUR, "anna");
    assert_eq!(agents.state("anna"), Some(Offline));
    assert_eq!(agents.next_timeout(), None);
    for name in ["anna", "ben"] {
        agents.registered(now + HOUR, name, now + 2 * HOUR);
    }
    assert_eq!(agents.state("anna"), Some(Available));
    assert_eq!(agents.state("ben"), Some(Away));
}

#[test]
fn who_is_in_a_call_is_not_offline() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.call_began(now, "anna");
    agents.handle_timeout(now + HOUR);
    assert_eq!(agents.state("anna"), Some(Busy));
    assert_eq!(agents.state("ben"), Some(Offline));
    agents.registered(now + HOUR, "anna", now + 2 * HOUR);
    agents.unregistered(now + HOUR, "anna");
    assert_eq!(agents.state("anna"), Some(Busy));
    agents.call_ended(now + HOUR, "anna", true);
    assert_eq!(agents.state("anna"), Some(Offline));
}

#[test]
fn who_is_cut_off_is_given_a_while_to_come_back_and_is_not_rung() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.connection_lost(now, "anna");
    agents.connection_lost(now, "ben");
    assert_eq!(agents.state("anna"), Some(Reconnecting));
    assert!(!agents.is_free("anna"));
    agents.registered(now + seconds(9), "ben", now + HOUR);
    agents.handle_timeout(now + seconds(9));
    assert_eq!(agents.state("anna"), Some(Reconnecting));
    assert_eq!(agents.next_timeout(), Some(now + seconds(10)));
    agents.handle_timeout(now + seconds(10));
    assert_eq!(agents.state("anna"), Some(Offline));
    assert_eq!(agents.state("ben"), Some(Available));
    // It goes by its own wish, or has gone: then nobody is waited for.
    agents.connection_lost(now + seconds(10), "anna");
    assert_eq!(agents.state("anna"), Some(Offline));
    agents.connection_lost(now + seconds(10), "ben");
    agents.unregistered(now + seconds(10), "ben");
    assert_eq!(agents.state("ben"), Some(Offline));
}

#[test]
fn who_registers_again_in_time_does_not_lose_the_turn() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.registered(now + seconds(60), "anna", now + HOUR);
    assert_eq!(agents.idle_since("anna"), Some(now));
}

#[test]
fn the_last_of_several_changes_is_told_in_the_order_of_names() {
    let now = Instant::now();
    let mut agents = two(now);
    agents.call_began(now, "ben");
    let told = [("anna".to_owned(), Available), ("ben".to_owned(), Busy)];
    assert_eq!(changes(&mut agents), told);
    agents.call_ended(now, "ben", false);
    agents.call_began(now, "ben");
    assert_eq!(changes(&mut agents), []);
}

/// What can happen to an agent.
#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Register(u64),
    Unregister,
    Lose,
    Away,
    Available,
    Call,
    End { answered: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..15u64).prop_map(Step::Pass),
        (1..30u64).prop_map(Step::Register),
        Just(Step::Unregister),
        Just(Step::Lose),
        Just(Step::Away),
        Just(Step::Available),
        Just(Step::Call),
        any::<bool>().prop_map(|answered| Step::End { answered }),
    ]
}

proptest! {
    /// Nobody is rung who has no telephone, is in a call or has wished not to be; and who is there,
    /// in no call and willing is free within the time to wrap up.
    #[test]
    fn only_the_willing_are_free_and_they_do_not_stay_wrapped_up(
        steps in proptest::collection::vec(step(), 0..60)
    ) {
        let mut now = Instant::now();
        let mut agents = Agents::new(now, [AgentConfig::named("anna")]);
        let (mut until, mut calls, mut away) = (None::<Instant>, 0u32, false);
        let mut lost = false;
        for step in steps {
            match step {
                Step::Pass(count) => now += seconds(count),
                Step::Register(count) => {
                    (until, lost) = (Some(now + seconds(count)), false);
                    agents.registered(now, "anna", now + seconds(count));
                }
                Step::Unregister => {
                    until = None;
                    agents.unregistered(now, "anna");
                }
                Step::Lose => {
                    until = until.map(|until| until.min(now + seconds(10)));
                    lost = true;
                    agents.connection_lost(now, "anna");
                }
                Step::Away => {
                    away = true;
                    agents.set_away(now, "anna").expect("she is known");
                }
                Step::Available => {
                    away = false;
                    agents.set_available(now, "anna").expect("she is known");
                }
                Step::Call => {
                    calls += 1;
                    agents.call_began(now, "anna");
                }
                Step::End { answered } if calls > 0 => {
                    calls -= 1;
                    agents.call_ended(now, "anna", answered);
                }
                Step::End { .. } => {}
            }
            agents.handle_timeout(now);
            let registered = until.is_some_and(|until| now < until);
            let willing = registered && !lost && calls == 0 && !away;
            prop_assert!(willing || !agents.is_free("anna"));
            prop_assert_eq!(agents.state("anna") == Some(Offline), !registered && calls == 0);
            prop_assert_eq!(agents.idle_since("anna").is_some(), agents.is_free("anna"));
            prop_assert!(agents.next_timeout().is_none_or(|timeout| now < timeout));
            let told = agents.poll_change().map(|(_, state)| state);
            prop_assert!(told.is_none_or(|told| Some(told) == agents.state("anna")));
            prop_assert_eq!(agents.poll_change(), None);
        }
        agents.registered(now, "anna", now + HOUR);
        agents.handle_timeout(now + seconds(10));
        prop_assert_eq!(agents.is_free("anna"), calls == 0 && !away);
    }
}
