//! Law 2: every path leads somewhere, and the caller is heard on the way.

use super::Judge;
use super::graph::{Way, deaf_circle, distances, is_menu, listens, ways};
use crate::diagnostic::{Span, rules};
use crate::dialplan::model::{NodeId, NodeKind, Target};
use std::collections::BTreeSet;

impl Judge<'_, '_, '_> {
    pub(super) fn unreachable_nodes(&mut self) {
        let reached = distances(self.dialplan, |_| false, |_| false);
        for (node, reached) in self.dialplan.nodes.iter().zip(reached) {
            if reached.is_none() {
                self.report.add(
                    &rules::UNREACHABLE_NODE,
                    node.span,
                    format!("Nothing leads to the node `{}`.", node.name),
                    "Add an option or a `to` that leads here, or remove the node.",
                );
            }
        }
    }

    /// After a `say` node for people only a person is rung.
    pub(super) fn dead_ends(&mut self) {
        for node in &self.dialplan.nodes {
            if let NodeKind::Say(say) = &node.kind
                && say.to.is_none()
                && say.confirm_resolved.is_none()
                && !node.human_only
            {
                self.report.add(
                    &rules::DEAD_END,
                    node.span,
                    format!("Nothing follows when `{}` has been said.", node.name),
                    "Add `to: …`, or `confirm_resolved: { \"yes\": hangup, \"no\": human }`.",
                );
            }
        }
    }

    pub(super) fn endless_loops(&mut self) {
        let mut told = BTreeSet::new();
        for at in 0..self.dialplan.nodes.len() {
            let id = NodeId(at as u16);
            if told.contains(&id) {
                continue;
            }
            let Some(circle) = deaf_circle(self.dialplan, id) else {
                continue;
            };
            let node = self.dialplan.node(id);
            let names: Vec<&str> = circle
                .iter()
                .map(|id| self.dialplan.node(*id).name.as_str())
                .collect();
            self.report.add(
                &rules::ENDLESS_LOOP,
                node.span,
                format!(
                    "The nodes lead in a circle that never listens: {} → {}.",
                    names.join(" → "),
                    names[0]
                ),
                "Put a menu or a question into the circle, or lead one of them to `human`.",
            );
            told.extend(circle);
        }
    }

    /// Menus and questions all of whose ways lead to themselves.
    pub(super) fn ways_on(&mut self) {
        for (at, node) in self.dialplan.nodes.iter().enumerate() {
            let here = Target::Node(NodeId(at as u16));
            let stays = |way: &Way| way.to == here || way.to == Target::Repeat;
            if listens(node) && ways(node).iter().all(stays) {
                self.report.add(
                    &rules::NO_WAY_ON,
                    node.span,
                    format!("From `{}` every way leads back to it.", node.name),
                    "Lead one of its ways to another node, or to `human`.",
                );
            }
        }
    }

    /// `back` where no menu can have come before: an answered question is not put again.
    pub(super) fn nothing_to_go_back_to(&mut self) {
        let early = distances(self.dialplan, |_| false, is_menu);
        self.each_early_way(&early, |judge, to, span| {
            if to == Target::Back {
                judge.report.add(
                    &rules::NO_WAY_BACK,
                    span,
                    "There may be nothing to go back to here.",
                    "Name the node that is meant.",
                );
            }
        });
    }

    /// A hang-up before the caller was asked anything: no time to take the offer of a person.
    pub(super) fn hangups(&mut self) {
        let early = distances(self.dialplan, |_| false, listens);
        let told = "The call can end here before any menu or question, so the caller had no time to ask for a person.";
        let fix = "Put a menu or `confirm_resolved` before it, or lead to `human`.";
        self.each_early_way(&early, |judge, to, span| {
            if to == Target::Hangup {
                judge
                    .report
                    .add(&rules::HANGUP_WITHOUT_OFFER, span, told, fix);
            }
        });
        for (node, early) in self.dialplan.nodes.iter().zip(&early) {
            if early.is_some() && matches!(node.kind, NodeKind::Hangup { .. }) {
                self.report
                    .add(&rules::HANGUP_WITHOUT_OFFER, node.span, told, fix);
            }
        }
    }

    /// The ways out of nodes that can be come to without any menu or question before. What listens
    /// has offered a person before it is left, so its ways are only looked at for `back`.
    fn each_early_way(
        &mut self,
        early: &[Option<u32>],
        mut judge: impl FnMut(&mut Self, Target, Span),
    ) {
        for (node, early) in self.dialplan.nodes.iter().zip(early) {
            if early.is_none() {
                continue;
            }
            for way in ways(node) {
                if listens(node) && way.to != Target::Back {
                    continue;
                }
                let below: Vec<&str> = way.path.iter().map(String::as_str).collect();
                let path = [&["nodes", node.name.as_str()], below.as_slice()].concat();
                let span = self.place(&path);
                judge(self, way.to, span);
            }
        }
    }
}
