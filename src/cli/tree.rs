//! A tree readable in a terminal.

/// A line, and what hangs on it.
#[derive(Debug)]
pub(super) struct Node {
    pub text: String,
    pub under: Vec<Node>,
}

impl Node {
    pub fn new(text: String, under: Vec<Self>) -> Self {
        Self { text, under }
    }

    pub fn draw(&self) -> String {
        let mut out = format!("{}\n", self.text);
        self.branches("", &mut out);
        out
    }

    fn branches(&self, lead: &str, out: &mut String) {
        for (at, node) in self.under.iter().enumerate() {
            let last = at + 1 == self.under.len();
            let (joint, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            out.push_str(&format!("{lead}{joint}{}\n", node.text));
            node.branches(&format!("{lead}{below}"), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_drawn_with_its_branches() {
        let leaf = |text: &str| Node::new(text.to_owned(), Vec::new());
        let tree = Node::new("a".into(), vec![Node::new("b".into(), vec![leaf("c"), leaf("d")]), leaf("e")]);
        assert_eq!(tree.draw(), "a\n├─ b\n│  ├─ c\n│  └─ d\n└─ e\n");
    }
}
