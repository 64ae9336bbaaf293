//! Whoever is rung, and what becomes of it.

use super::{By, End, ONE, Rung, answering, attempts, came_back, come, reached};

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_rung_by_us() {
    static ENDS: &[End] = &[
        End {
            name: "answered",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 ~300 >200 <ACK <BYE >200")],
            caller: By::Staying(3_000),
            tells: |record| reached(record, "caller"),
        },
        End {
            name: "hung_up_at_once",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 >200 <ACK >BYE <200")],
            caller: By::ToTheEnd,
            tells: |record| reached(record, "agent"),
        },
        End {
            name: "busy",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 >486 <ACK")],
            caller: By::Staying(3_500),
            tells: |record| came_back(record, Some(486), "busy"),
        },
        End {
            name: "declined",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 ~500 >603 <ACK")],
            caller: By::Staying(4_000),
            tells: |record| came_back(record, Some(603), "declined"),
        },
        End {
            name: "out_of_service",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >503 <ACK")],
            caller: By::Staying(3_500),
            tells: |record| came_back(record, Some(503), "unreachable"),
        },
        End {
            name: "elsewhere",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >302 <ACK")],
            caller: By::Staying(3_500),
            tells: |record| came_back(record, Some(302), "other"),
        },
        End {
            name: "no_answer",
            desk: "ring: [ONE], timeout: 5s",
            rung: &[Rung::Sipp("<INVITE >180 <CANCEL >200 >487 <ACK")],
            caller: By::Staying(8_000),
            tells: |record| came_back(record, None, "no_answer"),
        },
        End {
            name: "nobody_there",
            desk: "ring: [ONE], timeout: 5s",
            rung: &[Rung::Nobody],
            caller: By::Staying(8_000),
            tells: |record| {
                let (status, failure) = attempts(record)[0];
                assert_eq!(status, None, "{record}");
                let either = [Some("unreachable"), Some("no_answer")];
                assert!(either.contains(&failure), "{record}");
            },
        },
        End {
            name: "the_next_one",
            desk: "ring: [ONE, TWO]",
            rung: &[
                Rung::Sipp("<INVITE >486 <ACK"),
                Rung::Sipp("<INVITE >180 >200 <ACK <BYE >200"),
            ],
            caller: By::Staying(4_000),
            tells: |record| {
                let both = [(Some(486), Some("busy")), (None, None)];
                assert_eq!(attempts(record), both, "{record}");
                reached(record, "caller");
            },
        },
        End {
            name: "the_caller_goes_while_it_rings",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 <CANCEL >200 >487 <ACK")],
            caller: By::Staying(2_500),
            tells: |record| {
                assert_eq!(attempts(record), [(None, Some("cancelled"))], "{record}");
                assert_eq!(record["outcome"], "gave_up_while_ringing", "{record}");
            },
        },
        // The 200 is under way when our CANCEL comes: it is acknowledged, and ended.
        End {
            name: "answered_too_late",
            desk: "ring: [ONE], timeout: 5s",
            rung: &[Rung::Sipp(
                "<INVITE >180 <CANCEL >481 >INVITE:200 <ACK <BYE >200",
            )],
            caller: By::Staying(8_000),
            tells: |record| came_back(record, None, "no_answer"),
        },
        End {
            name: "answered_as_the_caller_went",
            desk: ONE,
            rung: &[Rung::Sipp(
                "<INVITE >180 <CANCEL >481 >INVITE:200 <ACK <BYE >200",
            )],
            caller: By::Staying(2_500),
            tells: |record| {
                assert_eq!(attempts(record), [(None, Some("cancelled"))], "{record}");
                assert_eq!(record["outcome"], "gave_up_while_ringing", "{record}");
            },
        },
        End {
            name: "both_hang_up",
            desk: ONE,
            rung: &[Rung::Ours(|| answering(Some(2_500)))],
            caller: By::Staying(3_000),
            tells: |record| {
                assert_eq!(record["outcome"], "transferred_answered", "{record}");
            },
        },
        End {
            name: "two_answer_at_once",
            desk: "ring: [ONE, TWO], order: all",
            rung: &[
                Rung::Ours(|| answering(None)),
                Rung::Ours(|| answering(None)),
            ],
            caller: By::Staying(4_000),
            tells: |record| {
                let mut told = attempts(record);
                told.sort();
                assert_eq!(told, [(None, None), (None, Some("cancelled"))], "{record}");
                reached(record, "caller");
            },
        },
    ];
    come(ENDS).await;
}
