//! Who answers is told whose call it is, and takes it by a key, or does not.

use super::{By, End, Rung, answering, attempts, came_back, come};
use zeroline::key::Key;

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_told_whose_call_it_is() {
    static ENDS: &[End] = &[
        End {
            name: "accepted",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Presses(Key::ONE, 2_000)],
            caller: By::Staying(6_000),
            tells: |record| {
                assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
                let attempt = &record["attempts"][0];
                let seconds = |what: &str| attempt[what].as_f64().expect("a time");
                let told = seconds("seconds_to_confirmed") - seconds("seconds_to_answer");
                assert!(told > 1.5, "{record}");
            },
        },
        End {
            name: "turned_down",
            desk: "ring: [ONE, TWO], accept: true",
            rung: &[
                Rung::Presses(Key::TWO, 2_000),
                Rung::Presses(Key::ONE, 1_000),
            ],
            caller: By::Staying(8_000),
            tells: |record| {
                let both = [(None, Some("declined")), (None, None)];
                assert_eq!(attempts(record), both, "{record}");
                assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
            },
        },
        // It speaks, and presses nothing: a voicemail does.
        End {
            name: "voicemail",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Ours(|| answering(None))],
            caller: By::Staying(24_000),
            tells: |record| {
                came_back(record, None, "not_accepted");
                assert!(record["seconds_to_answer"].is_f64(), "{record}");
            },
        },
        End {
            name: "gone_while_told",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Sipp("<INVITE >180 >200 <ACK ~1500 >BYE <200")],
            caller: By::Staying(6_000),
            tells: |record| came_back(record, None, "not_accepted"),
        },
        End {
            name: "the_caller_goes_while_they_are_told",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Sipp("<INVITE >180 >200 <ACK <BYE >200")],
            caller: By::Staying(3_000),
            tells: |record| {
                assert_eq!(attempts(record), [(None, Some("cancelled"))], "{record}");
                assert_eq!(record["outcome"], "gave_up_while_ringing", "{record}");
            },
        },
    ];
    come(ENDS).await;
}
