//! A tree of topic levels: filters that match a name, names that a filter matches. It must not know who subscribes
//! or what is stored.

use std::collections::BTreeMap;

/// Names a level of the tree that has a value; valid until something is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(u32);

const ROOT: NodeId = NodeId(0);

/// Values under topic names or filters. The levels lie in one vector, and every walk keeps its own stack: a topic of
/// 30,000 levels must not overflow the program's.
#[derive(Debug)]
pub struct Tree<T> {
    nodes: Vec<Node<T>>,
    free: Vec<NodeId>,
    len: usize,
}

#[derive(Debug)]
struct Node<T> {
    parent: NodeId,
    label: Box<str>,
    children: BTreeMap<Box<str>, NodeId>,
    /// The child `+`.
    plus: Option<NodeId>,
    /// The child `#`.
    hash: Option<NodeId>,
    value: Option<T>,
}

impl<T> Node<T> {
    fn new(parent: NodeId, label: &str) -> Self {
        Self {
            parent,
            label: label.into(),
            children: BTreeMap::new(),
            plus: None,
            hash: None,
            value: None,
        }
    }

    fn child(&self, level: &str) -> Option<NodeId> {
        match level {
            "+" => self.plus,
            "#" => self.hash,
            _ => self.children.get(level).copied(),
        }
    }

    fn is_unused(&self) -> bool {
        self.value.is_none() && self.children.is_empty() && self.plus.is_none() && self.hash.is_none()
    }
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new(ROOT, "")],
            free: Vec::new(),
            len: 0,
        }
    }
}

/// The first level of `path`, and the rest.
fn split(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (path, None),
    }
}

impl<T> Tree<T> {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn node(&self, id: NodeId) -> Option<&Node<T>> {
        self.nodes.get(id.0 as usize)
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node<T>> {
        self.nodes.get_mut(id.0 as usize)
    }

    fn find(&self, path: &str) -> Option<NodeId> {
        path.split('/')
            .try_fold(ROOT, |at, level| self.node(at).and_then(|node| node.child(level)))
    }

    /// The value under exactly this path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&T> {
        self.value(self.find(path)?)
    }

    /// The value under exactly this path.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut T> {
        let id = self.find(path)?;
        self.value_mut(id)
    }

    /// The value of a level.
    #[must_use]
    pub fn value(&self, id: NodeId) -> Option<&T> {
        self.node(id)?.value.as_ref()
    }

    /// The value of a level.
    pub fn value_mut(&mut self, id: NodeId) -> Option<&mut T> {
        self.node_mut(id)?.value.as_mut()
    }

    /// Sets the value under this path; gives the one before.
    pub fn insert(&mut self, path: &str, value: T) -> Option<T> {
        let id = path.split('/').fold(ROOT, |at, level| self.child_or_new(at, level));
        let old = self.node_mut(id).and_then(|node| node.value.replace(value));
        self.len += usize::from(old.is_none());
        old
    }

    fn child_or_new(&mut self, at: NodeId, level: &str) -> NodeId {
        if let Some(child) = self.node(at).and_then(|node| node.child(level)) {
            return child;
        }
        let new = Node::new(at, level);
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(node) = self.node_mut(id) {
                    *node = new;
                }
                id
            }
            None => {
                self.nodes.push(new);
                NodeId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
            }
        };
        if let Some(parent) = self.node_mut(at) {
            match level {
                "+" => parent.plus = Some(id),
                "#" => parent.hash = Some(id),
                _ => {
                    parent.children.insert(level.into(), id);
                }
            }
        }
        id
    }

    /// Removes the value under this path, and the levels that nothing needs any more.
    pub fn remove(&mut self, path: &str) -> Option<T> {
        let mut at = self.find(path)?;
        let value = self.node_mut(at)?.value.take()?;
        self.len -= 1;
        while at != ROOT && self.node(at).is_some_and(Node::is_unused) {
            let node = std::mem::replace(self.node_mut(at)?, Node::new(ROOT, ""));
            self.free.push(at);
            let parent = self.node_mut(node.parent)?;
            match &*node.label {
                "+" => parent.plus = None,
                "#" => parent.hash = None,
                label => {
                    parent.children.remove(label);
                }
            }
            at = node.parent;
        }
        Some(value)
    }

    /// For a tree of filters: adds those that match the topic name to `found`.
    pub fn filters_matching(&self, topic: &str, found: &mut Vec<NodeId>) {
        // Wildcards at the first level do not match names that begin with `$` [MQTT-4.7.2-1].
        let reserved = topic.starts_with('$');
        let mut walk = vec![(ROOT, Some(topic))];
        while let Some((at, rest)) = walk.pop() {
            let Some(node) = self.node(at) else { continue };
            let wildcards = !(reserved && at == ROOT);
            // `#` stands for the parent level too.
            if let Some(hash) = node.hash.filter(|_| wildcards) {
                found.push(hash);
            }
            let Some(rest) = rest else {
                if node.value.is_some() {
                    found.push(at);
                }
                continue;
            };
            let (level, rest) = split(rest);
            if let Some(plus) = node.plus.filter(|_| wildcards) {
                walk.push((plus, rest));
            }
            if let Some(child) = node.children.get(level) {
                walk.push((*child, rest));
            }
        }
    }

    /// For a tree of names: adds those that the filter matches to `found`, in their order.
    pub fn names_matching(&self, filter: &str, found: &mut Vec<NodeId>) {
        let mut walk = vec![(ROOT, Some(filter))];
        while let Some((at, rest)) = walk.pop() {
            let Some(node) = self.node(at) else { continue };
            let Some(path) = rest else {
                if node.value.is_some() {
                    found.push(at);
                }
                continue;
            };
            let (level, rest) = split(path);
            let children = node.children.iter().rev();
            let mut visible = children.filter(|(label, _)| at != ROOT || !label.starts_with('$'));
            match level {
                "#" => {
                    if node.value.is_some() {
                        found.push(at);
                    }
                    walk.extend(visible.map(|(_, child)| (*child, Some("#"))));
                }
                "+" => walk.extend(visible.by_ref().map(|(_, child)| (*child, rest))),
                _ => walk.extend(node.children.get(level).map(|child| (*child, rest))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::topic;
    use proptest::prelude::*;

    fn path(levels: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(levels), 1..5).prop_map(|levels| levels.join("/"))
    }

    const NAMES: &[&str] = &["a", "b", "", "$x"];
    const FILTERS: &[&str] = &["a", "b", "", "$x", "+", "+"];

    fn filter() -> impl Strategy<Value = String> {
        (path(FILTERS), any::<bool>(), any::<bool>()).prop_map(|(path, multi, all)| match (multi, all) {
            (true, true) => "#".to_owned(),
            (true, false) => format!("{path}/#"),
            _ => path,
        })
    }

    fn values(tree: &Tree<String>, found: &[NodeId]) -> Vec<String> {
        let mut values: Vec<_> = found.iter().filter_map(|id| tree.value(*id).cloned()).collect();
        values.sort();
        values
    }

    proptest! {
        #[test]
        fn finds_what_the_rule_finds(
            filters in prop::collection::btree_set(filter(), 0..20),
            names in prop::collection::btree_set(path(NAMES), 0..20),
            removed in prop::collection::vec(any::<bool>(), 20),
        ) {
            let (mut by_filter, mut by_name) = (Tree::default(), Tree::default());
            for filter in &filters {
                prop_assert_eq!(by_filter.insert(filter, filter.clone()), None);
            }
            for name in &names {
                prop_assert_eq!(by_name.insert(name, name.clone()), None);
            }
            let keep = |(item, remove): (&String, &bool)| (!remove).then(|| item.clone());
            for (filter, _) in filters.iter().zip(&removed).filter(|(_, remove)| **remove) {
                prop_assert_eq!(by_filter.remove(filter), Some(filter.clone()));
                prop_assert_eq!(by_filter.remove(filter), None);
            }
            for (name, _) in names.iter().zip(&removed).filter(|(_, remove)| **remove) {
                prop_assert_eq!(by_name.remove(name), Some(name.clone()));
            }
            let filters: Vec<String> = filters.iter().zip(&removed).filter_map(keep).collect();
            let names: Vec<String> = names.iter().zip(&removed).filter_map(keep).collect();
            prop_assert_eq!((by_filter.len(), by_name.len()), (filters.len(), names.len()));
            for name in &names {
                let mut found = Vec::new();
                by_filter.filters_matching(name, &mut found);
                let expected: Vec<_> = filters.iter().filter(|f| topic::matches(f, name)).cloned().collect();
                prop_assert_eq!(values(&by_filter, &found), expected, "{}", name);
            }
            for filter in &filters {
                let mut found = Vec::new();
                by_name.names_matching(filter, &mut found);
                let expected: Vec<_> = names.iter().filter(|n| topic::matches(filter, n)).cloned().collect();
                prop_assert_eq!(values(&by_name, &found), expected, "{}", filter);
            }
        }
    }

    #[test]
    fn removing_everything_frees_everything() {
        let mut tree = Tree::default();
        for path in ["a/b/c", "a/+/#", "#", "a"] {
            tree.insert(path, path);
        }
        for path in ["a", "#", "a/b/c", "a/+/#"] {
            assert_eq!(tree.remove(path), Some(path));
        }
        assert!(tree.is_empty());
        assert_eq!(tree.nodes.len(), tree.free.len() + 1, "only the root is in use");
    }

    #[test]
    fn the_deepest_topic_overflows_no_stack() {
        let deep = "/".repeat(65_000);
        let mut tree = Tree::default();
        tree.insert(&deep, ());
        let mut found = Vec::new();
        tree.filters_matching(&deep, &mut found);
        tree.names_matching("#", &mut found);
        assert_eq!(found.len(), 2);
        tree.remove(&deep);
        assert!(tree.is_empty());
    }
}
