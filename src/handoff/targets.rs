//! Whom to ring, now: a handoff's targets and those of its `else` chain, as hours allow.

use crate::config::trunk::TrunkKeys;
use crate::dialplan::model::{Dialplan, Handoff, HandoffId, Order, Otherwise, Queue, Ring, Way};
use crate::events::ReturnReason;
use crate::language::Language;
use jiff::Timestamp;
use std::time::Duration;

/// One target, ready to be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    pub handoff: String,
    /// A SIP URI.
    pub target: String,
    pub timeout: Duration,
    pub way: Way,
    /// A person takes the call by a key, after they were told whose it is.
    pub accept: bool,
    pub then_keys: Option<String>,
    /// Whether the config allows calls there.
    pub allowed: bool,
    /// So many calls at once; `None`: the target knows itself.
    pub limit: Option<u32>,
    /// What is spoken there; empty: any language.
    pub languages: Vec<Language>,
    /// Somebody who registers here: their answer is a person's.
    pub is_agent: bool,
}

/// An open handoff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    pub handoff: String,
    pub tries: Vec<Try>,
    pub order: Order,
    /// So long a target that failed is not rung again, if there is another or a queue.
    pub rest: Duration,
    pub queue: Option<Queue>,
    /// The handoffs between the desk before and this one, which are closed at this hour.
    pub after_closed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub dialplan: String,
    /// The handoff that the dialogue asked for.
    pub handoff: String,
    /// The caller's.
    pub language: Language,
    /// We call the caller back: nobody holds the line meanwhile.
    pub calls_back: bool,
    /// A callback whose caller is rung when somebody is free, and the target when the caller is there.
    pub caller_first: bool,
    pub desks: Vec<Desk>,
    /// The closed handoffs after the last desk.
    pub closed_last: Vec<String>,
    /// What to tell the caller when there is no desk.
    pub empty_because: ReturnReason,
}

impl Plan {
    /// The two talk through this server; `agent_first`: the caller's telephone rings only when a person
    /// has taken the call for certain.
    pub fn for_callback(&mut self, agent_first: bool) {
        self.calls_back = true;
        self.caller_first = !agent_first;
        for one in self.desks.iter_mut().flat_map(|desk| &mut desk.tries) {
            one.accept |= agent_first && !one.is_agent;
            one.way = Way::Bridged;
        }
    }
}

/// What the config says about a target URI.
pub trait TargetPolicy {
    fn is_allowed(&self, target: &str) -> bool;
    /// The way of the target's trunk, for handoffs that name none.
    fn way(&self, target: &str) -> Way;
    /// How the target's trunk is sent keys.
    fn keys(&self, target: &str) -> TrunkKeys;
    /// Whether `target` is somebody who registers here: an answer there is a person's, for certain.
    fn is_agent(&self, target: &str) -> bool;
    /// Whether this server calls back who called from `number`.
    fn calls_back(&self, number: &str) -> bool;
    /// The targets of those who register here and have all these skills.
    fn agents(&self, skills: &[String]) -> Vec<(String, Vec<Language>)>;
}

/// The targets of `first` and of its `else` chain that are open `at` that time, in order.
pub fn plan(
    dialplan: &Dialplan,
    first: HandoffId,
    language: Language,
    at: Timestamp,
    policy: &dyn TargetPolicy,
) -> Plan {
    let mut desks = Vec::new();
    let mut closed = Vec::new();
    for handoff in chain(dialplan, first).map(|id| dialplan.handoff(id)) {
        if !handoff.opening.is_open(at) {
            closed.push(handoff.name.clone());
            continue;
        }
        desks.push(Desk {
            handoff: handoff.name.clone(),
            tries: tries(handoff, policy),
            order: handoff.order,
            rest: handoff.rest,
            queue: handoff.queue.clone(),
            after_closed: std::mem::take(&mut closed),
        });
    }
    let empty_because = if desks.is_empty() {
        ReturnReason::OutOfHours
    } else {
        ReturnReason::NobodyAnswered
    };
    Plan {
        dialplan: dialplan.name.clone(),
        handoff: dialplan.handoff(first).name.clone(),
        language,
        calls_back: false,
        caller_first: false,
        desks,
        closed_last: closed,
        empty_because,
    }
}

fn tries(handoff: &Handoff, policy: &dyn TargetPolicy) -> Vec<Try> {
    let one = |target: String, limit: Option<u32>, languages: Vec<Language>| Try {
        handoff: handoff.name.clone(),
        timeout: handoff.timeout,
        way: way(handoff, &target, policy),
        accept: handoff.accept,
        then_keys: handoff.then_keys.clone(),
        allowed: policy.is_allowed(&target),
        // Who registers here is one person.
        limit: match policy.is_agent(&target) {
            true => Some(1),
            false => limit,
        },
        languages,
        is_agent: policy.is_agent(&target),
        target,
    };
    let all = handoff.ring.iter().flat_map(|ring| match ring {
        Ring::Target {
            uri,
            limit,
            languages,
        } => vec![one(uri.clone(), *limit, languages.clone())],
        Ring::Agents => {
            let agents = policy.agents(&handoff.skills).into_iter();
            agents
                .map(|(target, languages)| one(target, Some(1), languages))
                .collect()
        }
    });
    all.collect()
}

fn way(handoff: &Handoff, target: &str, policy: &dyn TargetPolicy) -> Way {
    let chosen = match handoff.way {
        Way::Default => policy.way(target),
        chosen => chosen,
    };
    match chosen {
        // Only one can be the one that the caller is passed on to.
        Way::Refer if handoff.order == Order::All => Way::Bridged,
        // No exchange knows the address of who registers here.
        _ if policy.is_agent(target) => Way::Bridged,
        chosen => chosen,
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

    /// Everything is allowed, and reached by this way.
    struct Reached(Way);

    impl TargetPolicy for Reached {
        fn is_allowed(&self, _: &str) -> bool {
            true
        }

        fn way(&self, _: &str) -> Way {
            self.0
        }

        fn keys(&self, _: &str) -> TrunkKeys {
            TrunkKeys::Rfc4733
        }

        fn is_agent(&self, target: &str) -> bool {
            target.ends_with("@zeroline.local")
        }

        fn calls_back(&self, _: &str) -> bool {
            false
        }

        fn agents(&self, _: &[String]) -> Vec<(String, Vec<Language>)> {
            Vec::new()
        }
    }

    #[test]
    fn who_rings_with_others_or_registers_here_is_never_referred_to() {
        for (ring, order, ways) in [
            ("sip:a@x", "in_order", [Way::Refer, Way::Bridged]),
            ("sip:a@x", "all", [Way::Bridged, Way::Bridged]),
        ] {
            let text = format!(
                r#"
dialplan: t
languages: [en]
greeting: {{ en: This is an automatic service. }}
human: {{ key: "0", handoff: desk }}
start: main
handoffs:
  desk: {{ ring: ["{ring}", "sip:anna@zeroline.local"], order: {order}, else: callback }}
nodes:
  main: {{ say: {{ en: Hello. }}, to: human }}
"#
            );
            let dialplan = load(&Source::new("t.yaml", text)).expect("it is right");
            let first = dialplan.human.handoff;
            let plan = plan(
                &dialplan,
                first,
                Language::En,
                jiff::Timestamp::now(),
                &Reached(Way::Refer),
            );
            let told: Vec<Way> = plan.desks[0].tries.iter().map(|one| one.way).collect();
            assert_eq!(told, ways, "{order}");
        }
    }

    #[test]
    fn who_registers_here_has_one_call_at_a_time() {
        let text = r#"
dialplan: t
languages: [en]
greeting: { en: This is an automatic service. }
human: { key: "0", handoff: desk }
start: main
handoffs:
  desk:
    ring:
      - { to: "sip:anna@zeroline.local", limit: 3 }
      - "sip:ben@zeroline.local"
      - { to: "sip:team@pbx.example.com", limit: 3 }
      - "sip:desk@pbx.example.com"
    else: callback
nodes:
  main: { say: { en: Hello. }, to: human }
"#;
        let dialplan = load(&Source::new("t.yaml", text.to_string())).expect("it is right");
        let (first, now) = (dialplan.human.handoff, jiff::Timestamp::now());
        let plan = plan(&dialplan, first, Language::En, now, &Reached(Way::Bridged));
        let limits: Vec<_> = plan.desks[0].tries.iter().map(|one| one.limit).collect();
        assert_eq!(limits, [Some(1), Some(1), Some(3), None]);
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
  weekday: { ring: ["sip:weekday@pbx.example.com"], hours: "Mo-Fr 00:00-24:00", holidays: "2026-12-25", else: callback }
nodes:
  main: { say: { en: Hello. }, to: human }
"#;
        let dialplan = load(&Source::new("t.yaml", text.to_string())).expect("it is right");
        let sunday = "2026-11-22T12:00:00Z".parse().expect("it is a time");
        let first = dialplan.human.handoff;
        let plan = plan(
            &dialplan,
            first,
            Language::En,
            sunday,
            &Reached(Way::Bridged),
        );
        let [night] = &plan.desks[..] else {
            panic!("one desk is open");
        };
        assert_eq!(night.handoff, "night");
        assert_eq!(night.after_closed, ["day"]);
        assert_eq!(plan.closed_last, ["weekday"]);
        // A Friday.
        let christmas = "2026-12-25T19:00:00Z".parse().expect("it is a time");
        let plan = super::plan(
            &dialplan,
            first,
            Language::En,
            christmas,
            &Reached(Way::Bridged),
        );
        assert_eq!(plan.closed_last, ["weekday"]);
        let week_later = "2027-01-01T19:00:00Z".parse().expect("it is a time");
        let plan = super::plan(
            &dialplan,
            first,
            Language::En,
            week_later,
            &Reached(Way::Bridged),
        );
        assert_eq!(plan.closed_last, Vec::<String>::new());
    }
}
