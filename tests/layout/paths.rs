//! Reads the paths out of Rust source: what a file imports or names, without a compiler.
//!
//! Comments, strings and literals are skipped. It knows `use` trees, inline paths, `self`, `super` and inline modules.

use std::collections::HashSet;

/// What a file names.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// Paths into this crate, from its root: `["store", "deks"]` for `crate::store::deks`.
    pub(crate) local: Vec<Vec<String>>,
    /// First segments of all other paths, foreign crates among them.
    pub(crate) foreign: HashSet<String>,
}

/// Reads `source`, the file of the module `module` (`["kek", "pkcs11"]` for `src/kek/pkcs11.rs`).
pub(crate) fn read(source: &str, module: &[&str]) -> Paths {
    let tokens = tokens(source);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        depth: 0,
        modules: Vec::new(),
        found: Vec::new(),
        declared: HashSet::new(),
    };
    reader.run();
    reader.resolve(module)
}

const OURS: &str = "aegis_custodian";
const BUILT_IN: [&str; 4] = ["std", "core", "alloc", "Self"];

struct Found {
    inside: Vec<String>,
    segments: Vec<String>,
    bound: Option<String>,
    global: bool,
}

struct Reader<'a> {
    tokens: &'a [String],
    at: usize,
    depth: usize,
    modules: Vec<(String, usize)>,
    found: Vec<Found>,
    declared: HashSet<String>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn run(&mut self) {
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "mod" if is_name(self.peek(1)) => self.module(),
                "use" => self.import(),
                "{" => self.depth += 1,
                "}" => self.close(),
                word if is_name(word) && self.peek(1) == "::" => self.inline(),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// `mod name;` or `mod name {`
    fn module(&mut self) {
        let name = self.peek(1).to_owned();
        self.declared.insert(name.clone());
        if self.peek(2) == "{" {
            self.modules.push((name, self.depth));
        }
        self.at += 1;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self
            .modules
            .last()
            .is_some_and(|(_, depth)| *depth == self.depth)
        {
            self.modules.pop();
        }
    }

    /// A path in code: `crate::store::open`, `aes_gcm::seal`.
    fn inline(&mut self) {
        let global = self.at > 0
            && self.tokens[self.at - 1] == "::"
            && !(self.at > 1 && ends_operand(&self.tokens[self.at - 2]));
        let mut segments = vec![self.peek(0).to_owned()];
        while self.peek(1) == "::" && is_name(self.peek(2)) {
            self.at += 2;
            segments.push(self.peek(0).to_owned());
        }
        self.push(segments, None, global);
    }

    fn import(&mut self) {
        self.at += 1;
        let global = self.peek(0) == "::";
        if global {
            self.at += 1;
        }
        self.tree(&mut Vec::new(), global);
    }

    /// One `use` tree below `prefix`; stops at the `,`, `}` or `;` that ends it.
    fn tree(&mut self, prefix: &mut Vec<String>, global: bool) {
        let before = prefix.len();
        loop {
            match self.peek(0) {
                "::" => self.at += 1,
                "{" => {
                    self.group(prefix, global);
                    break;
                }
                "*" => {
                    self.push(prefix.clone(), None, global);
                    self.at += 1;
                    break;
                }
                "as" => {
                    let alias = self.peek(1).to_owned();
                    self.push(prefix.clone(), Some(alias), global);
                    self.at += 2;
                    break;
                }
                word if is_name(word) => {
                    if word != "self" || prefix.is_empty() {
                        prefix.push(word.to_owned());
                    }
                    self.at += 1;
                }
                _ => {
                    let name = prefix.last().cloned();
                    self.push(prefix.clone(), name, global);
                    break;
                }
            }
        }
        prefix.truncate(before);
    }

    fn group(&mut self, prefix: &mut Vec<String>, global: bool) {
        self.at += 1;
        while !matches!(self.peek(0), "}" | "") {
            self.tree(prefix, global);
            if self.peek(0) == "," {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    fn push(&mut self, segments: Vec<String>, bound: Option<String>, global: bool) {
        self.found.push(Found {
            inside: self.modules.iter().map(|(name, _)| name.clone()).collect(),
            segments,
            bound,
            global,
        });
    }

    fn resolve(self, module: &[&str]) -> Paths {
        let mut paths = Paths::default();
        let mut known = self.declared;
        let is_local = |found: &&Found| !found.global && is_root(&found.segments[0]);
        let bound = self
            .found
            .iter()
            .filter(is_local)
            .filter_map(|found| found.bound.clone());
        known.extend(bound);
        for found in self.found {
            let root = found.segments[0].as_str();
            if !found.global && is_root(root) {
                paths.local.push(absolute(module, &found));
            } else if found.global || !(known.contains(root) || BUILT_IN.contains(&root)) {
                paths.foreign.insert(root.to_owned());
            }
        }
        paths
    }
}

/// From the crate's root, `self` and `super` followed.
fn absolute(module: &[&str], found: &Found) -> Vec<String> {
    let mut path: Vec<String> = module.iter().map(|&part| part.to_owned()).collect();
    path.extend(found.inside.iter().cloned());
    for segment in &found.segments {
        match segment.as_str() {
            "crate" | OURS => path.clear(),
            "self" => {}
            "super" => drop(path.pop()),
            name => path.push(name.to_owned()),
        }
    }
    path
}

fn is_root(word: &str) -> bool {
    ["crate", "self", "super", OURS].contains(&word)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Whether `::` after this continues a path (`Vec::<u8>::new`) and does not begin one.
fn ends_operand(word: &str) -> bool {
    word == ">" || is_name(word)
}

/// Words, `::` and single characters; no comments, strings, characters, lifetimes.
fn tokens(source: &str) -> Vec<String> {
    let text: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&here) = text.get(at) {
        let next = text.get(at + 1).copied();
        if here == '/' && next == Some('/') {
            at += text[at..].iter().take_while(|&&c| c != '\n').count();
        } else if here == '/' && next == Some('*') {
            at = after_comment(&text, at);
        } else if let Some(end) = after_raw_string(&text, at) {
            at = end;
        } else if here == '"' {
            at = after_quoted(&text, at, '"');
        } else if here == '\'' {
            at = after_quote(&text, at);
        } else if here.is_alphanumeric() || here == '_' {
            let length = text[at..]
                .iter()
                .take_while(|c| c.is_alphanumeric() || **c == '_')
                .count();
            tokens.push(text[at..at + length].iter().collect());
            at += length;
        } else if here == ':' && next == Some(':') {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !here.is_whitespace() {
                tokens.push(here.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// Block comments nest.
fn after_comment(text: &[char], start: usize) -> usize {
    let (mut at, mut open) = (start + 2, 1);
    while open > 0 && at < text.len() {
        match (text[at], text.get(at + 1)) {
            ('/', Some('*')) => (open, at) = (open + 1, at + 2),
            ('*', Some('/')) => (open, at) = (open - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, `br#"…"#`, `cr"…"`; not the raw name `r#type`.
fn after_raw_string(text: &[char], start: usize) -> Option<usize> {
    if start > 0 && (text[start - 1].is_alphanumeric() || text[start - 1] == '_') {
        return None;
    }
    let mut at = start + usize::from(matches!(text[start], 'b' | 'c'));
    if text.get(at) != Some(&'r') {
        return None;
    }
    at += 1;
    let hashes = text[at..].iter().take_while(|&&c| c == '#').count();
    at += hashes;
    if text.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    while at < text.len() {
        let closed = text[at] == '"'
            && text[at + 1..]
                .iter()
                .take(hashes)
                .filter(|&&c| c == '#')
                .count()
                == hashes;
        at += 1;
        if closed {
            return Some(at + hashes);
        }
    }
    Some(at)
}

fn after_quoted(text: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != quote {
        at += 1 + usize::from(text[at] == '\\');
    }
    at + 1
}

/// A character literal, or only the mark of a lifetime.
fn after_quote(text: &[char], start: usize) -> usize {
    let literal = text.get(start + 1) == Some(&'\\') || text.get(start + 2) == Some(&'\'');
    if literal {
        after_quoted(text, start, '\'')
    } else {
        start + 1
    }
}
