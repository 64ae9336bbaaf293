//! The caller's path: the menus and questions between the start and here. Its length is the depth.

use crate::dialplan::model::NodeId;

/// No node is on it twice, so it is never longer than the dialplan has nodes.
#[derive(Debug, Clone, Default)]
pub struct Path(Vec<NodeId>);

impl Path {
    /// A menu or question is put: one deeper, or as deep as it was when it is on the path already.
    pub fn visit(&mut self, node: NodeId) {
        match self.0.iter().position(|&visited| visited == node) {
            Some(index) => self.0.truncate(index + 1),
            None => self.0.push(node),
        }
    }

    /// Leaves `current` (where it is on the path itself) and tells the menu or question before it.
    /// At the first of the path there is none, and the path stays as it is.
    pub fn back(&mut self, current: NodeId) -> Option<NodeId> {
        if self.0.last() == Some(&current) {
            if self.0.len() == 1 {
                return None;
            }
            self.0.pop();
        }
        self.last()
    }

    /// The menu or question that was put last.
    pub fn last(&self) -> Option<NodeId> {
        self.0.last().copied()
    }

    /// The one of `wanted` that was put last.
    pub fn last_of(&self, wanted: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        self.0.iter().rev().copied().find(|&node| wanted(node))
    }

    pub fn depth(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: NodeId = NodeId(0);
    const TRACK: NodeId = NodeId(1);
    const STATUS: NodeId = NodeId(2);

    fn path(nodes: &[NodeId]) -> Path {
        let mut path = Path::default();
        nodes.iter().for_each(|&node| path.visit(node));
        path
    }

    #[test]
    fn depth_counts_distinct_nodes() {
        assert_eq!(path(&[]).depth(), 0);
        assert_eq!(path(&[MAIN, MAIN]).depth(), 1);
        assert_eq!(path(&[MAIN, TRACK, STATUS]).depth(), 3);
    }

    #[test]
    fn a_jump_to_a_node_on_the_path_has_its_depth() {
        assert_eq!(path(&[MAIN, TRACK, STATUS, MAIN]).depth(), 1);
        assert_eq!(path(&[MAIN, TRACK, STATUS, TRACK]).depth(), 2);
    }

    #[test]
    fn back_leaves_the_node_it_is_called_in() {
        let mut path = path(&[MAIN, TRACK]);
        assert_eq!(path.back(TRACK), Some(MAIN));
        assert_eq!(path.depth(), 1);
        assert_eq!(path.back(MAIN), None);
        assert_eq!(path.depth(), 1);
    }

    #[test]
    fn back_from_a_node_that_is_no_question_leads_to_the_last_one() {
        let mut path = path(&[MAIN, TRACK]);
        assert_eq!(path.back(STATUS), Some(TRACK));
        assert_eq!(path.depth(), 2);
    }
}
