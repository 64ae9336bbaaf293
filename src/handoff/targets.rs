//! Whom to ring, now: a handoff's targets and those of its `else` chain, as hours allow.

use crate::config::trunk::TrunkKeys;
use crate::dialplan::model::{Dialplan, HandoffId, Otherwise, Way};
use crate::events::ReturnReason;
use std::time::Duration;

/// One target, ready to be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    pub handoff: String,
    /// A SIP URI.
    pub target: String,
    pub timeout: Duration,
    pub way: Way,
    pub then_keys: Option<String>,
    /// Whether the config allows calls there.
    pub allowed: bool,
    /// The handoffs between the try before and this one, which are closed at this hour.
    pub after_closed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The handoff that the dialogue asked for.
    pub handoff: String,
    pub tries: Vec<Try>,
    /// The closed handoffs after the last try.
    pub closed_last: Vec<String>,
    /// What to tell the caller when there are no tries.
    pub empty_because: ReturnReason,
}

/// What the config says about a target URI.
pub trait TargetPolicy {
    fn is_allowed(&self, target: &str) -> bool;
    /// The way of the target's trunk, for handoffs that name none.
    fn way(&self, target: &str) -> Way;
    /// How the target's trunk is sent keys.
    fn keys(&self, target: &str) -> TrunkKeys;
    /// Whether it is an agent who registers here: who answers there is a person for certain.
    fn is_agent(&self, target: &str) -> bool;
}

/// The targets of `first` and of its `else` chain that are open at `local_time`, in order.
pub fn plan(
    dialplan: &Dialplan,
    first: HandoffId,
    local_time: jiff::civil::DateTime,
    policy: &dyn TargetPolicy,
) -> Plan {
    let mut tries = Vec::new();
    let mut any_open = false;
    let mut closed = Vec::new();
    for handoff in chain(dialplan, first).map(|id| dialplan.handoff(id)) {
        if handoff
            .hours
            .as_ref()
            .is_some_and(|hours| !hours.is_open(local_time))
        {
            closed.push(handoff.name.clone());
            continue;
        }
        any_open = true;
        tries.extend(handoff.ring.iter().map(|target| Try {
            handoff: handoff.name.clone(),
            target: target.clone(),
            timeout: handoff.timeout,
            way: match handoff.way {
                Way::Default => policy.way(target),
                chosen => chosen,
            },
            then_keys: handoff.then_keys.clone(),
            allowed: policy.is_allowed(target),
            after_closed: std::mem::take(&mut closed),
        }));
    }
    let empty_because = if any_open {
        ReturnReason::NobodyAnswered
    } else {
        ReturnReason::OutOfHours
    };
    Plan {
        handoff: dialplan.handoff(first).name.clone(),
        tries,
        closed_last: closed,
        empty_because,
    }
}

/// `first` and what its `else` leads to. The checker refuses cycles; the bound holds without it.
fn chain(dialplan: &Dialplan, first: HandoffId) -> impl Iterator<Item = HandoffId> {
    std::iter::successors(Some(first), |&id| match dialplan.handoff(id).otherwise {
        Otherwise::Handoff(next) => Some(next),
        Otherwise::Callback | Otherwise::Message => None,
    })
    .take(dialplan.handoffs.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::dialplan::load::load;

    struct AllowAll;

    impl TargetPolicy for AllowAll {
        fn is_allowed(&self, _: &str) -> bool {
            true
        }

        fn way(&self, _: &str) -> Way {
            Way::Bridged
        }

        fn keys(&self, _: &str) -> TrunkKeys {
            TrunkKeys::Rfc4733
        }

        fn is_agent(&self, _: &str) -> bool {
            false
        }
    }

    #[test]
    fn closed_desks_are_passed_over_and_named() {
        let text = r#"
dialplan: t
languages: [en]
timezone: Europe/London
greeting: { en: This is an automatic service. }
human: { key: "0", handoff: day }
start: main
handoffs:
  day: { ring: ["sip:day@pbx.example.com"], hours: "Mo-Fr 08:00-18:00", else: night }
  night: { ring: ["sip:night@pbx.example.com"], else: weekday }
  weekday: { ring: ["sip:weekday@pbx.example.com"], hours: "Mo-Fr 00:00-24:00", else: callback }
nodes:
  main: { say: { en: Hello. }, to: human }
"#;
        let dialplan = load(&Source::new("t.yaml", text.to_string())).expect("it is right");
        let sunday = jiff::civil::datetime(2026, 11, 22, 12, 0, 0, 0);
        let plan = plan(&dialplan, dialplan.human.handoff, sunday, &AllowAll);
        let [night] = &plan.tries[..] else {
            panic!("one desk is open");
        };
        assert_eq!(night.handoff, "night");
        assert_eq!(night.after_closed, ["day"]);
        assert_eq!(plan.closed_last, ["weekday"]);
    }
}
