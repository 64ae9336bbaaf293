//! Who may be rung, and who of them is asked whether they live.

use super::built_in_agent;
use super::reader::bounded;
use crate::diagnostic::{Report, rules};
use crate::dialplan::targets::TargetPattern;
use crate::yaml::{Node, Value, read};
use read::Fields;
use std::time::Duration;

/// Which targets are asked by OPTIONS, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthChecks {
    pub asked: Asked,
    pub every: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Nobody,
    /// Those that are rung through a trunk of the config, or at its host.
    Trunks,
    All,
}

impl Default for HealthChecks {
    fn default() -> HealthChecks {
        HealthChecks {
            asked: Asked::Trunks,
            every: Duration::from_secs(30),
        }
    }
}

/// The built-in agent stays allowed: no call to it leaves the machine.
pub(super) fn read_transfers(
    node: &Node,
    report: &mut Report,
) -> (Vec<TargetPattern>, HealthChecks) {
    let mut patterns = vec![built_in_agent()];
    let Some(mut fields) = Fields::of(node, "`transfers`", report) else {
        return (patterns, HealthChecks::default());
    };
    if let Some(node) = fields.require("allow", "allow: [\"sip:*@pbx.example.com\"]", report) {
        for item in bounded(read::one_or_more(node), node, report) {
            let Some(text) = read::word(item, "a pattern", report) else {
                continue;
            };
            match TargetPattern::parse(text) {
                Ok(pattern) => patterns.push(pattern),
                Err(reason) => report.add(
                    &rules::BAD_TARGET,
                    item.span,
                    format!("`{text}` is no pattern of addresses: {reason}."),
                    "Write one like \"sip:*@pbx.example.com\" or \"tel:+4420*\".",
                ),
            }
        }
    }
    let health = fields.take("health");
    let health = health.and_then(|node| read_health(node, report));
    fields.finish(report);
    (patterns, health.unwrap_or_default())
}

/// `off`, or how often all are asked.
fn read_health(node: &Node, report: &mut Report) -> Option<HealthChecks> {
    let usual = HealthChecks::default();
    if matches!(&node.value, Value::Scalar { text, .. } if text == "off") {
        let asked = Asked::Nobody;
        return Some(HealthChecks { asked, ..usual });
    }
    let range = Duration::from_secs(5)..=Duration::from_secs(3600);
    let every = read::duration(node, "`health`", range, report)?;
    let asked = Asked::All;
    Some(HealthChecks { asked, every })
}
