//! Transfers by REFER, blind and attended, and re-INVITEs that cross.

use super::{By, End, ONE, Rung, answering, attempts, came_back, come, reached};
use serde_json::Value;

const REFER: &str = "ring: [ONE], way: refer, timeout: 5s";
const ATTENDED: &str = "ring: [ONE], way: attended";

fn not_passed_on(record: &Value, status: u64, ended_by: &str) {
    let refused = (Some(status), Some("refer_refused"));
    assert_eq!(attempts(record)[0], refused, "{record}");
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["ended_by"], ended_by, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_to_whom_the_exchange_is_asked_to_pass_the_call() {
    static ENDS: &[End] = &[
        End {
            name: "refer_forbidden",
            desk: REFER,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >403 <BYE >200"),
            tells: |record| not_passed_on(record, 403, "agent"),
        },
        End {
            name: "refer_unknown",
            desk: REFER,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >405 <BYE >200"),
            tells: |record| not_passed_on(record, 405, "agent"),
        },
        End {
            name: "refer_declined",
            desk: REFER,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >603 <BYE >200"),
            tells: |record| not_passed_on(record, 603, "agent"),
        },
        End {
            name: "referred",
            desk: REFER,
            rung: &[Rung::Nobody],
            caller: By::Sipp(
                ">INFO:0 <200 <REFER:sip:desk@ >202 >NOTIFY:100 <200 >NOTIFY:180 <200 ~300 \
                 >NOTIFY:200 <200 <BYE >200",
            ),
            tells: |record| {
                assert_eq!(attempts(record), [(None, None)], "{record}");
                reached(record, "transfer");
                assert!(record["seconds_to_ringing"].is_f64(), "{record}");
            },
        },
        End {
            name: "referred_and_busy",
            desk: REFER,
            rung: &[Rung::Nobody],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >202 >NOTIFY:486 <200 ~2500 >BYE <200"),
            tells: |record| came_back(record, Some(486), "busy"),
        },
        // Nobody tells what came of it, and the caller is still with us.
        End {
            name: "referred_without_a_word",
            desk: REFER,
            rung: &[Rung::Nobody],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >202 ~18000 >BYE <200"),
            tells: |record| came_back(record, None, "no_answer"),
        },
        End {
            name: "attended",
            desk: ATTENDED,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(
                ">INFO:0 <200 <REFER:Replaces= >202 >NOTIFY:100 <200 ~1500 >NOTIFY:200 <200 <BYE >200",
            ),
            tells: |record| {
                assert_eq!(attempts(record), [(None, None)], "{record}");
                reached(record, "transfer");
            },
        },
        End {
            name: "attended_refused",
            desk: ATTENDED,
            rung: &[Rung::Ours(|| answering(Some(2_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:Replaces= >603 <BYE >200"),
            tells: |record| not_passed_on(record, 603, "agent"),
        },
        // Who was on the line went, and nobody tells where: the caller has a choice.
        End {
            name: "attended_without_a_word",
            desk: ATTENDED,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:Replaces= >202 ~8000 >BYE <200"),
            tells: |record| {
                assert_eq!(record["outcome"], "transferred_answered", "{record}");
                assert_eq!(record["ended_by"], "caller", "{record}");
                assert_eq!(record["handoff_steps"], 1, "{record}");
            },
        },
        // SIPp sends no sound: after half a minute it is asked whether it is there, and asks itself.
        End {
            name: "re_invites_cross",
            desk: ONE,
            rung: &[Rung::Ours(|| answering(None))],
            caller: By::Sipp(
                ">INFO:0 <200 <INVITE >491 <ACK >INVITE ?<100 <200 >ACK <INVITE >200 <ACK ~500 \
                 >BYE <200",
            ),
            tells: |record| reached(record, "caller"),
        },
    ];
    come(ENDS).await;
}
