//! The nodes as a graph: what leads where.

use crate::dialplan::model::{Dialplan, Node, NodeId, NodeKind, Target};
use std::collections::VecDeque;

/// One way out of a node.
#[derive(Debug, Clone)]
pub struct Way {
    pub to: Target,
    /// Where it is written, below `nodes.<name>`.
    pub path: Vec<String>,
}

/// Every way out, in the order written; none where the call ends or a person is rung.
pub fn ways(node: &Node) -> Vec<Way> {
    let way = |to: Target, path: &[&str]| Way {
        to,
        path: path.iter().map(|step| step.to_string()).collect(),
    };
    match &node.kind {
        NodeKind::Menu(menu) => {
            let options = menu.options.iter();
            options
                .map(|option| way(option.to, &["options", &option.key.to_string(), "to"]))
                .collect()
        }
        NodeKind::Ask(ask) => vec![way(ask.to, &["to"])],
        NodeKind::Knowledge(knowledge) => {
            let entries = knowledge.entries.iter().enumerate();
            entries
                .map(|(at, entry)| way(Target::Node(entry.answer), &["entries", &at.to_string()]))
                .collect()
        }
        NodeKind::Say(say) => match (say.confirm_resolved, say.to) {
            (Some(confirm), _) => vec![
                way(confirm.yes, &["confirm_resolved", "yes"]),
                way(confirm.no, &["confirm_resolved", "no"]),
            ],
            (None, to) => to.map(|to| way(to, &["to"])).into_iter().collect(),
        },
        NodeKind::Http(http) => vec![way(http.to, &["to"]), way(http.failed, &["failed"])],
        NodeKind::Branch(branch) => {
            let arms = branch.arms.iter().enumerate();
            let mut ways: Vec<Way> = arms
                .map(|(at, arm)| way(arm.to, &["branch", &at.to_string(), "to"]))
                .collect();
            ways.push(way(branch.otherwise, &["else"]));
            ways
        }
        NodeKind::Set(set) => vec![way(set.to, &["to"])],
        NodeKind::LanguageMenu(menu) => vec![way(menu.to, &["to"])],
        NodeKind::SwitchLanguage { to, .. } => vec![way(*to, &["to"])],
        NodeKind::Transfer { .. } | NodeKind::Hangup { .. } => Vec::new(),
    }
}

/// What `back` can lead to.
pub fn is_menu(node: &Node) -> bool {
    matches!(
        node.kind,
        NodeKind::Menu(_) | NodeKind::LanguageMenu(_) | NodeKind::Knowledge(_)
    )
}

/// Whether the node waits for the caller before it goes on.
pub fn listens(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Menu(_)
        | NodeKind::Ask(_)
        | NodeKind::LanguageMenu(_)
        | NodeKind::Knowledge(_) => true,
        NodeKind::Say(say) => say.confirm_resolved.is_some(),
        NodeKind::Http(_)
        | NodeKind::Branch(_)
        | NodeKind::Set(_)
        | NodeKind::SwitchLanguage { .. }
        | NodeKind::Transfer { .. }
        | NodeKind::Hangup { .. } => false,
    }
}

/// The fewest nodes that `counts` on a path from the start to each node, itself included; `None`
/// for nodes that nothing leads to. Nodes that `stops` are reached but not left.
pub fn distances(
    dialplan: &Dialplan,
    counts: impl Fn(&Node) -> bool,
    stops: impl Fn(&Node) -> bool,
) -> Vec<Option<u32>> {
    let mut found: Vec<Option<u32>> = vec![None; dialplan.nodes.len()];
    let mut open = VecDeque::from([(dialplan.start, 0)]);
    while let Some((id, before)) = open.pop_front() {
        let node = dialplan.node(id);
        let here = before + u32::from(counts(node));
        if found[id.0 as usize].is_some_and(|known| known <= here) {
            continue;
        }
        found[id.0 as usize] = Some(here);
        if stops(node) {
            continue;
        }
        for way in ways(node) {
            if let Target::Node(next) = way.to {
                match counts(dialplan.node(next)) {
                    false => open.push_front((next, here)),
                    true => open.push_back((next, here)),
                }
            }
        }
    }
    found
}

/// The first circle of nodes that never listen, as their ids in order.
pub fn deaf_circle(dialplan: &Dialplan, from: NodeId) -> Option<Vec<NodeId>> {
    let mut path: Vec<(NodeId, Vec<Way>)> = Vec::new();
    let mut seen = vec![false; dialplan.nodes.len()];
    let deaf_ways = |id: NodeId| {
        let node = dialplan.node(id);
        if listens(node) {
            Vec::new()
        } else {
            ways(node)
        }
    };
    seen[from.0 as usize] = true;
    path.push((from, deaf_ways(from)));
    while let Some((id, open)) = path.last_mut() {
        let id = *id;
        let Some(way) = open.pop() else {
            path.pop();
            continue;
        };
        let next = match way.to {
            Target::Node(next) => next,
            Target::Repeat => id,
            Target::Human | Target::Back | Target::Callback | Target::Message | Target::Hangup => {
                continue;
            }
        };
        if next == from {
            return Some(path.iter().map(|(id, _)| *id).collect());
        }
        if !std::mem::replace(&mut seen[next.0 as usize], true) {
            path.push((next, deaf_ways(next)));
        }
    }
    None
}
