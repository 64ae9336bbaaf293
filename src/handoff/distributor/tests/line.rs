//! Who waits: order, places, estimates, and the ways out of the line.

use super::*;

#[test]
fn callers_wait_in_order_and_are_told_their_place() {
    let desks = [queued("a/1")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).says(&["1: ring a"]);
    hall.at(1).seek(2, &desks).says(&["2: place 1"]);
    hall.at(2).seek(3, &desks).says(&["3: place 2"]);
    hall.at(3).seek(4, &desks).says(&["4: place 3"]);
    hall.answered(1, "a").over(3).says(&[]);
    hall.tell(4, Request::WhereAmI).says(&["4: place 2"]);
    hall.at(60).over(1).says(&["2: ring a"]);
    hall.failed(2, "a").says(&["2: place 1"]);
    hall.at(69).says(&[]).at(70).says(&["2: ring a"]);
    hall.tell(4, Request::WhereAmI).says(&["4: place 1"]);
}

#[test]
fn a_target_without_a_limit_is_rung_for_one_after_the_other_in_their_order() {
    let desks = [queued("a")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks)
        .failed(1, "a")
        .says(&["1: ring a", "1: place 1"]);
    hall.at(1).seek(2, &desks).says(&["2: place 2"]);
    hall.at(2).seek(3, &desks).says(&["3: place 3"]);
    hall.at(10).says(&["1: ring a"]);
    hall.answered(1, "a").says(&["2: ring a"]);
    hall.failed(2, "a").says(&["2: place 1"]);
    hall.at(20).says(&["2: ring a"]);
    hall.answered(2, "a").says(&["3: ring a"]);
}

/// The caller's telephone rings, not the target: nobody else in line is held up.
#[test]
fn a_callback_whose_caller_is_rung_first_holds_up_callbacks_alone() {
    let desks = [queued("a")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).failed(1, "a").over(1).heard();
    hall.at(1).call_back(2, &desks).says(&["2: place 1"]);
    hall.at(2).call_back(3, &desks).says(&["3: place 2"]);
    hall.at(3).seek(4, &desks).says(&["4: place 3"]);
    hall.at(4).seek(5, &desks).says(&["5: place 4"]);
    hall.at(10).says(&["2: ring a", "4: ring a"]);
    hall.answered(4, "a").says(&["5: ring a"]);
    hall.answered(5, "a").says(&[]);
    hall.tell(2, Request::CallerIsThere).says(&[]);
    hall.at(12).seek(6, &desks).says(&["6: place 2"]);
    hall.answered(2, "a").says(&["3: ring a", "6: ring a"]);
}

/// Nor is anybody else given the target that is kept for them.
#[test]
fn a_callback_whose_caller_is_rung_first_keeps_its_place_at_a_limit() {
    let desks = [queued("a/1")];
    let mut hall = Hall::new(&[]);
    hall.call_back(1, &desks).says(&["1: ring a"]);
    hall.seek(2, &desks).says(&["2: place 1"]);
    hall.tell(1, Request::CallerIsThere).answered(1, "a");
    hall.says(&[]).over(1).says(&["2: ring a"]);
    hall.over(2).call_back(3, &desks).says(&["3: ring a"]);
    hall.seek(4, &desks).says(&["4: place 1"]);
    hall.over(3).says(&["4: ring a"]);
}

/// How long a caller's telephone rang is no service of a target that others could have meanwhile.
#[test]
fn a_service_begins_when_the_target_is_rung() {
    for (target, estimate) in [("a", 60), ("a/1", 90)] {
        let desks = [queued(target)];
        let mut hall = Hall::new(&[]);
        for (begin, seeker) in [(0, 1), (100, 2), (200, 3)] {
            hall.at(begin).call_back(seeker, &desks);
            hall.at(begin + 30).tell(seeker, Request::CallerIsThere);
            hall.answered(seeker, "a").at(begin + 90).over(seeker);
        }
        hall.seek(4, &desks).failed(4, "a").heard();
        hall.tell(4, Request::WhereAmI);
        hall.says(&[&format!("4: place 1 in {estimate} s")]);
    }
}

#[test]
fn who_refuses_at_once_is_not_rung_in_a_circle() {
    let mut desk = queued("a");
    desk.rest = Duration::ZERO;
    let mut hall = Hall::new(&[]);
    hall.seek(1, &[desk])
        .failed(1, "a")
        .says(&["1: ring a", "1: place 1"]);
    hall.at(1).says(&["1: ring a"]);
}

/// How many seconds after each failure the target is rung again.
fn rests(rest: u64, failures: usize) -> Vec<u64> {
    let mut desk = queued("a");
    desk.rest = Duration::from_secs(rest);
    desk.queue = Some(Queue {
        longest: Duration::from_secs(86_400),
        ..Queue::default()
    });
    let mut hall = Hall::new(&[]);
    hall.seek(1, &[desk]).says(&["1: ring a"]);
    let mut rests = Vec::new();
    for _ in 0..failures {
        let failed = hall.now;
        hall.failed(1, "a").says(&["1: place 1"]);
        let due = hall
            .distributor
            .next_timeout()
            .expect("they are rung again");
        hall.at((due - hall.start).as_secs()).says(&["1: ring a"]);
        rests.push((due - failed).as_secs());
    }
    rests
}

#[test]
fn who_fails_again_and_again_rests_longer_each_time() {
    assert_eq!(rests(0, 9), [1, 2, 4, 8, 16, 32, 64, 120, 120]);
    assert_eq!(rests(10, 6), [10, 20, 40, 80, 120, 120]);
    assert_eq!(rests(300, 2), [300, 300]);
    assert_eq!(rests(1, 40)[39], 120);
}

#[test]
fn who_was_taken_and_hangs_up_is_rung_at_once_for_the_next() {
    let mut hall = Hall::new(&[]);
    let desk = [queued("a")];
    hall.seek(1, &desk).answered(1, "a").says(&["1: ring a"]);
    // Without a limit it is rung, and says that it is taken.
    hall.at(5).seek(2, &desk).failed(2, "a");
    hall.says(&["2: ring a", "2: place 1"]);
    hall.at(16).failed(2, "a");
    hall.says(&["2: ring a", "2: place 1"]);
    hall.at(18).over(1).says(&["2: ring a"]);
    // The row begins anew.
    hall.failed(2, "a").says(&["2: place 1"]);
    hall.at(27).says(&[]);
    hall.at(28).says(&["2: ring a"]);
}

#[test]
fn an_answer_ends_a_row_of_failures_and_several_at_once_are_one() {
    let desks = [queued("a/3")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).seek(2, &desks).seek(3, &desks).heard();
    hall.at(1).failed(1, "a").over(1).failed(2, "a").over(2);
    hall.at(2).failed(3, "a").heard();
    hall.at(11).says(&[]).at(12).says(&["3: ring a"]);
    hall.failed(3, "a").at(31).heard();
    hall.at(32).says(&["3: ring a"]);
    hall.answered(3, "a").over(3);
    hall.seek(4, &desks).failed(4, "a").heard();
    hall.at(41).says(&[]).at(42).says(&["4: ring a"]);
}

#[test]
fn who_is_back_is_rung_whatever_was_before() {
    let mut hall = Hall::new(&["anna"]);
    hall.seek(1, &[queued("@anna")]).failed(1, "@anna").heard();
    hall.at(10).says(&["1: ring anna"]);
    hall.failed(1, "@anna").says(&["1: place 1"]);
    hall.at(11).is("anna", AgentState::Busy).says(&[]);
    hall.is("anna", AgentState::Available).says(&[]);
    hall.over(1).is("anna", AgentState::Away);
    hall.is("anna", AgentState::Available);
    hall.seek(1, &[queued("@anna")]).says(&["1: ring anna"]);

    let mut hall = Hall::new(&[]);
    hall.seek(1, &[queued("a")]).failed(1, "a").heard();
    let now = hall.now;
    hall.distributor.set_health(now, &uri("a"), false);
    hall.says(&[]);
    hall.distributor.set_health(now, &uri("a"), true);
    hall.says(&["1: ring a"]);
}

#[test]
fn who_is_back_is_rung_for_as_many_as_they_have_places() {
    let desks = [queued("a/3")];
    let two_wait_for_who_rests = || {
        let mut hall = Hall::new(&[]);
        hall.seek(1, &desks).answered(1, "a");
        hall.seek(2, &desks).failed(2, "a").seek(3, &desks).heard();
        hall
    };
    let rung = ["2: ring a", "3: ring a"];
    two_wait_for_who_rests().over(1).says(&rung);

    let mut hall = two_wait_for_who_rests();
    let now = hall.now;
    hall.distributor.set_health(now, &uri("a"), false);
    hall.says(&[]);
    hall.distributor.set_health(now, &uri("a"), true);
    hall.says(&rung);
}

#[test]
fn who_rang_for_nobody_has_been_idle_for_as_long() {
    let desks = [ordered(Order::LongestIdle, "a/1 b/1")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks)
        .answered(1, "a")
        .seek(2, &desks)
        .answered(2, "b")
        .heard();
    hall.at(10).over(1);
    hall.at(20).over(2);
    hall.at(30).seek(3, &desks).says(&["3: ring a"]);
    hall.at(31).over(3);
    hall.at(32).seek(4, &desks).says(&["4: ring a"]);
}

#[test]
fn the_higher_priority_is_served_first_where_two_desks_share_a_target() {
    let vip = Desk {
        queue: Some(Queue {
            priority: 9,
            ..Queue::default()
        }),
        ..desk("vip", "a/1")
    };
    let mut hall = Hall::new(&[]);
    hall.seek(1, &[queued("a/1")]);
    hall.at(1).seek(2, &[queued("a/1")]);
    hall.at(2).seek(3, std::slice::from_ref(&vip));
    hall.at(3).seek(4, &[vip]);
    hall.says(&["1: ring a", "2: place 1", "3: place 1", "4: place 2"]);
    hall.tell(2, Request::WhereAmI).says(&["2: place 3"]);
    hall.over(1).says(&["3: ring a"]);
}

#[test]
fn the_wait_is_estimated_from_real_times_and_otherwise_not() {
    let desks = [queued("a/1 b/1")];
    let mut hall = Hall::new(&[]);
    for (begin, seeker) in [(0, 1), (100, 2), (200, 3)] {
        hall.at(begin).seek(seeker, &desks).answered(seeker, "a");
        hall.at(begin + 60).over(seeker);
    }
    hall.seek(4, &desks).seek(5, &desks).heard();
    hall.seek(6, &desks).says(&["6: place 1 in 30 s"]);
    hall.seek(7, &desks).says(&["7: place 2 in 60 s"]);
}

/// An attended transfer's first seconds, and a REFER's, are no service: the talk goes on unseen.
#[test]
fn calls_that_go_on_elsewhere_say_nothing_about_the_wait() {
    for is_attended in [true, false] {
        let desks = [queued("a/1")];
        let mut hall = Hall::new(&[]);
        for (begin, seeker) in [(0, 1), (100, 2), (200, 3)] {
            hall.at(begin).seek(seeker, &desks);
            if is_attended {
                hall.answered(seeker, "a");
            }
            hall.at(begin + 5).handed_over(seeker);
        }
        hall.seek(4, &desks).answered(4, "a").heard();
        hall.seek(5, &desks).says(&["5: place 1"]);
        hall.handed_over(4).says(&["5: ring a"]);
    }
}

/// Whichever is told first: that the call is over, or that they wrap it up.
#[test]
fn who_wraps_up_is_not_free_for_the_next_and_the_estimate_knows() {
    for wraps_up_first in [true, false] {
        let desks = [queued("@anna")];
        let mut hall = Hall::new(&["anna"]);
        for (begin, seeker) in [(0, 1), (100, 2), (200, 3)] {
            hall.at(begin)
                .seek(seeker, &desks)
                .answered(seeker, "@anna");
            hall.is("anna", AgentState::Busy).at(begin + 40);
            match wraps_up_first {
                true => hall.is("anna", AgentState::WrapUp).over(seeker),
                false => hall.over(seeker).is("anna", AgentState::WrapUp),
            };
            hall.at(begin + 60).is("anna", AgentState::Available);
        }
        hall.seek(4, &desks).heard();
        hall.seek(5, &desks).says(&["5: place 1 in 60 s"]);
    }
}

#[test]
fn a_full_queue_and_a_long_wait_lead_on() {
    let short = Desk {
        queue: Some(Queue {
            most: 1,
            longest: Duration::from_secs(60),
            ..Queue::default()
        }),
        ..desk("support", "a/1")
    };
    let desks = [short, desk("night", "z")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).seek(2, &desks);
    hall.says(&["1: ring a", "2: place 1"]);
    hall.seek(3, &desks).says(&["3: ring z, support taken"]);
    hall.at(59).says(&[]);
    hall.at(60).says(&["2: ring z, support taken"]);
}

/// Who holds the line is not turned away for somebody who does not.
#[test]
fn callbacks_take_no_place_of_those_who_hold_the_line() {
    let one = Desk {
        queue: Some(Queue {
            most: 1,
            ..Queue::default()
        }),
        ..desk("support", "a/1")
    };
    let desks = [one, desk("night", "z")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks).call_back(2, &desks).seek(3, &desks);
    hall.says(&["1: ring a", "2: place 1", "3: place 2"]);
    hall.seek(4, &desks).says(&["4: ring z, support taken"]);
    hall.call_back(5, &desks).says(&["5: place 3"]);
}

#[test]
fn nobody_waits_for_who_is_not_there() {
    let desks = [queued("@anna"), desk("night", "z")];
    let mut hall = Hall::new(&["anna"]);
    let now = hall.now;
    hall.seek(1, &desks).seek(2, &desks);
    hall.says(&["1: ring anna", "2: place 1"]);
    hall.failed(1, "@anna").says(&["1: place 1"]);
    hall.distributor.agent_is(now, "anna", AgentState::Away);
    hall.says(&["1: ring z", "2: ring z, support taken"]);
    hall.seek(3, &desks).says(&["3: ring z, support taken"]);
}

#[test]
fn a_place_is_kept_by_its_time() {
    let desks = [queued("a/1")];
    let mut hall = Hall::new(&[]);
    hall.seek(1, &desks);
    hall.at(1).seek(2, &desks);
    let since = hall.now;
    hall.at(2).seek(3, &desks).over(2);
    hall.at(50).heard();
    let plan = plan(&desks);
    hall.tell(
        2,
        Request::Seek {
            plan,
            since,
            search: 2,
        },
    )
    .says(&["2: place 1"]);
    hall.over(1).says(&["2: ring a"]);
}
