//! Business for people only: from a node marked so, no path of the dialplan's ends with the bot.

use super::Judge;
use super::graph::{Way, ways};
use crate::diagnostic::rules;
use crate::dialplan::model::{Node, NodeId, NodeKind, Target};
use std::collections::VecDeque;

/// A way by which the bot could answer: the nodes from the marked one on, and what ends it.
struct Escape {
    nodes: Vec<NodeId>,
    end: &'static str,
    /// Out of the marked node, where the way leads out of it.
    first: Option<Way>,
}

impl Judge<'_, '_, '_> {
    pub(super) fn people_only(&mut self) {
        for (at, node) in self.dialplan.nodes.iter().enumerate() {
            if !node.human_only {
                continue;
            }
            let Some(escape) = self.escape(NodeId(at as u16)) else {
                continue;
            };
            let mut path: Vec<&str> = vec!["nodes", &node.name];
            match &escape.first {
                Some(way) => path.extend(way.path.iter().map(String::as_str)),
                None => path.push(escape.end),
            }
            let span = self.place(&path);
            let names = escape.nodes.iter();
            let names: Vec<&str> = names
                .map(|id| self.dialplan.node(*id).name.as_str())
                .collect();
            self.report.add(
                &rules::HUMAN_ONLY_ANSWERED,
                span,
                format!(
                    "`{}` is for people only, and here the call can end without one: {} ({}).",
                    node.name,
                    names.join(" → "),
                    escape.end
                ),
                "Lead to `human`, a transfer, `callback` or `message`; or take `human_only` away.",
            );
        }
    }

    /// The shortest one.
    fn escape(&self, from: NodeId) -> Option<Escape> {
        let mut before: Vec<Option<(NodeId, Way)>> = vec![None; self.dialplan.nodes.len()];
        let mut open = VecDeque::from([from]);
        while let Some(id) = open.pop_front() {
            let node = self.dialplan.node(id);
            if let Some(end) = ends_with_bot(node) {
                return Some(trace(&before, from, id, None, end));
            }
            for way in ways(node) {
                match way.to {
                    Target::Hangup => return Some(trace(&before, from, id, Some(way), "hangup")),
                    Target::Back => return Some(trace(&before, from, id, Some(way), "back")),
                    Target::Node(next) if next != from && before[next.0 as usize].is_none() => {
                        before[next.0 as usize] = Some((id, way));
                        open.push_back(next);
                    }
                    _ => {}
                }
            }
        }
        None
    }
}

/// The field by which a node is the bot's own answer, or an end.
fn ends_with_bot(node: &Node) -> Option<&'static str> {
    match &node.kind {
        NodeKind::Say(say) if say.answers => Some("answers"),
        NodeKind::Say(say) if say.confirm_resolved.is_some() => Some("confirm_resolved"),
        NodeKind::Knowledge(_) => Some("knowledge"),
        NodeKind::Hangup { .. } => Some("hangup"),
        _ => None,
    }
}

fn trace(
    before: &[Option<(NodeId, Way)>],
    from: NodeId,
    last: NodeId,
    out: Option<Way>,
    end: &'static str,
) -> Escape {
    let (mut nodes, mut first, mut at) = (vec![last], out, last);
    while at != from
        && let Some((previous, way)) = &before[at.0 as usize]
    {
        first = Some(way.clone());
        at = *previous;
        nodes.push(at);
    }
    nodes.reverse();
    Escape { nodes, end, first }
}
