//! What Prometheus is told: counted from the same events as the records.

use crate::call::call_record::{CallRecord, Person};
use crate::events::{Entry, Event};
use metrics::{counter, describe_counter, describe_gauge, gauge};

pub fn describe() {
    describe_gauge!("zeroline_calls", "Calls at this moment");
    describe_gauge!("zeroline_callers_in_line", "Callers who wait for a person");
    describe_gauge!(
        "zeroline_target_up",
        "Whether a target answers, where it is asked by OPTIONS: 1 or 0"
    );
    describe_gauge!("zeroline_agents", "Agents who register here, by state");
    describe_gauge!(
        "zeroline_calls_unstored",
        "Ended calls that are in the journal and not in the store yet"
    );
    describe_counter!(
        "zeroline_calls_started_total",
        "Calls that came, the refused ones with them"
    );
    describe_counter!(
        "zeroline_calls_rejected_total",
        "Calls that were refused, by SIP status"
    );
    describe_counter!(
        "zeroline_strangers_refused_total",
        "Calls from sources that are not allowed: refused without a record"
    );
    describe_counter!(
        "zeroline_calls_ended_total",
        "Calls that ended, by who ended them"
    );
    describe_counter!(
        "zeroline_calls_answered_total",
        "Calls that we answered: the whole, of which people serve a share"
    );
    describe_counter!(
        "zeroline_calls_with_person_total",
        "Ended calls in which a target answered, perhaps a voicemail, and did not leave the accept key \
         unpressed; and those in which a person is certain: each counted once a call"
    );
    describe_counter!(
        "zeroline_human_offers_total",
        "Offers of a person that were heard"
    );
    describe_counter!(
        "zeroline_human_requests_total",
        "Wishes for a person, by what made them"
    );
    describe_counter!(
        "zeroline_distress_total",
        "Signs of callers' distress, by kind: each once a call"
    );
    describe_counter!("zeroline_targets_tried_total", "Targets that were rung");
    describe_counter!("zeroline_targets_answered_total", "Targets that answered");
    describe_counter!(
        "zeroline_targets_failed_total",
        "Targets that failed, by why"
    );
    describe_counter!(
        "zeroline_transfers_returned_total",
        "Transfers after which the caller was back"
    );
    describe_counter!(
        "zeroline_utterances_total",
        "Utterances of callers, by what the dialogue made of them"
    );
    describe_gauge!(
        "zeroline_utterances",
        "Utterances that are being recognized at this moment"
    );
    describe_counter!(
        "zeroline_utterances_lost_total",
        "Utterances that no recognizer could recognize, or not in time"
    );
    describe_counter!(
        "zeroline_interruptions_total",
        "Prompts that a caller's voice interrupted"
    );
    describe_counter!("zeroline_lookups_total", "Lookups that ended");
    describe_counter!(
        "zeroline_prompts_failed_total",
        "Prompts that could not be made into sound"
    );
    // Who watches a server that has had no call yet is told that it has none.
    gauge!("zeroline_calls").set(0.0);
}

pub fn count_calls(calls: usize) {
    gauge!("zeroline_calls").set(calls as f64);
}

pub fn count_waiting(callers: usize) {
    gauge!("zeroline_callers_in_line").set(callers as f64);
}

/// One utterance that is being recognized, for as long as it lives.
pub struct CountedUtterance(());

impl CountedUtterance {
    pub fn begin() -> CountedUtterance {
        gauge!("zeroline_utterances").increment(1.0);
        CountedUtterance(())
    }
}

impl Drop for CountedUtterance {
    fn drop(&mut self) {
        gauge!("zeroline_utterances").decrement(1.0);
    }
}

pub fn count_unstored(calls: usize) {
    gauge!("zeroline_calls_unstored").set(calls as f64);
}

/// What of one call tells whether a person served it: known when it is over, and once a call.
#[derive(Debug, Default)]
pub struct CallCounted(Vec<Entry>);

impl CallCounted {
    /// As [`observe`], of a call's next event.
    pub fn observe(&mut self, entry: &Entry) {
        observe(entry);
        match &entry.event {
            Event::CallAnswered { .. }
            | Event::CallbackBegun { .. }
            | Event::TargetTried { .. }
            | Event::TargetAnswered { .. }
            | Event::TargetConfirmed { .. }
            | Event::TargetFailed { .. } => self.0.push(entry.clone()),
            Event::CallEnded { .. } => match self.person() {
                // Who is certain has answered.
                Some(Person::Confirmed) => {
                    count_person("answered");
                    count_person("confirmed");
                }
                Some(Person::Answered) => count_person("answered"),
                None => {}
            },
            _ => {}
        }
    }

    /// As the record tells it.
    fn person(&mut self) -> Option<Person> {
        CallRecord::fold(&std::mem::take(&mut self.0))?.person()
    }
}

fn count_person(person: &'static str) {
    counter!("zeroline_calls_with_person_total", "person" => person).increment(1);
}

pub fn observe(entry: &Entry) {
    match &entry.event {
        Event::CallStarted { .. } => counter!("zeroline_calls_started_total").increment(1),
        Event::CallRejected { status, .. } => {
            counter!("zeroline_calls_rejected_total", "status" => status.to_string()).increment(1)
        }
        Event::CallAnswered { .. } => counter!("zeroline_calls_answered_total").increment(1),
        Event::CallEnded { by, .. } => {
            counter!("zeroline_calls_ended_total", "by" => label(by)).increment(1)
        }
        Event::HumanOffered { .. } => counter!("zeroline_human_offers_total").increment(1),
        Event::HumanRequested { by, .. } => {
            counter!("zeroline_human_requests_total", "by" => label(by)).increment(1)
        }
        Event::DistressSeen { sign, .. } => {
            counter!("zeroline_distress_total", "sign" => sign.name()).increment(1)
        }
        Event::TargetTried { .. } => counter!("zeroline_targets_tried_total").increment(1),
        Event::TargetAnswered { .. } => counter!("zeroline_targets_answered_total").increment(1),
        Event::TargetFailed { reason, .. } => {
            counter!("zeroline_targets_failed_total", "reason" => label(reason)).increment(1)
        }
        Event::TransferReturned { reason } => {
            counter!("zeroline_transfers_returned_total", "reason" => label(reason)).increment(1)
        }
        Event::SpeechHeard { result, .. } => {
            counter!("zeroline_utterances_total", "result" => label(result)).increment(1)
        }
        Event::RecognizerLate { .. } => counter!("zeroline_utterances_lost_total").increment(1),
        Event::SpeechBegan {
            interrupted: true, ..
        } => counter!("zeroline_interruptions_total").increment(1),
        Event::LookupEnded { .. } => counter!("zeroline_lookups_total").increment(1),
        Event::PromptFailed { .. } => counter!("zeroline_prompts_failed_total").increment(1),
        _ => {}
    }
}

/// As the records name it.
fn label(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example_call::law_4;
    use crate::events::TargetFailure;
    use metrics_exporter_prometheus::PrometheusBuilder;

    /// What is counted of calls with these events.
    fn counted(calls: &[Vec<Entry>]) -> [u32; 2] {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for call in calls {
                let mut counted = CallCounted::default();
                call.iter().for_each(|entry| counted.observe(entry));
            }
        });
        let told = recorder.handle().render();
        ["answered", "confirmed"].map(|person| {
            let name = format!("zeroline_calls_with_person_total{{person=\"{person}\"}} ");
            let value = told.lines().find_map(|line| line.strip_prefix(&name));
            value.map_or(0, |value| value.parse().expect("a number"))
        })
    }

    /// The example call, without the event that `is_left_out`.
    fn without(is_left_out: impl Fn(&Event) -> bool) -> Vec<Entry> {
        let mut call = law_4();
        call.retain(|entry| !is_left_out(&entry.event));
        call
    }

    #[test]
    fn a_call_with_two_people_is_one_call_with_a_person() {
        let mut twice = law_4();
        let people: Vec<Entry> = law_4()
            .into_iter()
            .filter(|entry| matches!(entry.event, Event::TargetConfirmed { .. }))
            .collect();
        assert_eq!(people.len(), 1);
        let end = twice.len() - 1;
        twice.splice(end..end, people);
        assert_eq!(counted(&[twice]), [1, 1]);
    }

    #[test]
    fn calls_are_counted_as_their_records_tell() {
        let confirmed = law_4();
        let answered = without(|event| matches!(event, Event::TargetConfirmed { .. }));
        let mut voicemail = answered.clone();
        let end = voicemail.len() - 1;
        let failed = Entry {
            event: Event::TargetFailed {
                attempt: 2,
                status: None,
                reason: TargetFailure::NotAccepted,
            },
            ..voicemail[end].clone()
        };
        voicemail.insert(end, failed);
        let still_lives = without(|event| matches!(event, Event::CallEnded { .. }));
        let mut missed = without(|event| matches!(event, Event::CallAnswered { .. }));
        let begun = Entry {
            event: Event::CallbackBegun {
                of: missed[0].call,
                attempt: 1,
                wish: None,
            },
            ..missed[0].clone()
        };
        missed.insert(1, begun);
        let told = |call: &Vec<Entry>| CallRecord::fold(call).expect("it folds").person();
        assert_eq!(told(&confirmed), Some(Person::Confirmed));
        assert_eq!(told(&answered), Some(Person::Answered));
        assert_eq!((told(&voicemail), told(&missed)), (None, None));
        let calls = [confirmed, answered, voicemail, missed, still_lives];
        assert_eq!(counted(&calls), [2, 1]);
    }
}
