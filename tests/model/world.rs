//! The model's state, and what it says of callers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    ledger::Expected,
    target::Target,
    things::{Blob, Dek, Person, Token, Version, Whose},
    verbs::Verb,
};

/// An answer that an idempotency key stands for.
#[derive(Clone, Debug)]
pub struct Kept {
    pub verb: Verb,
    pub person: usize,
    pub body: String,
    pub answer: Value,
    pub at: i64,
}

/// Who asks: a person only if the token opens.
#[derive(Clone, Debug)]
pub struct Who {
    pub token: String,
    pub person: Option<usize>,
}

pub struct World {
    /// The game's clock; stands still if the game cannot move the service's.
    pub now: i64,
    /// Whether version names can be foretold to the day.
    pub clocked: bool,
    pub delay: i64,
    pub lifetime: i64,
    pub deks: BTreeMap<String, Dek>,
    pub people: Vec<Person>,
    pub blobs: Vec<Blob>,
    pub kek_blobs: Vec<Blob>,
    /// By principal, path and key.
    pub kept: BTreeMap<(String, String, String), Kept>,
    pub expected: Vec<Expected>,
}

const MOST_BLOBS: usize = 400;

impl World {
    /// As the target says that it is: ids and grants of the first principals are read.
    pub fn new(target: &Target) -> Self {
        let mut world = Self {
            now: target.now().unwrap_or_default(),
            clocked: target.now().is_some(),
            delay: target.delay,
            lifetime: target.lifetime,
            deks: BTreeMap::new(),
            people: Vec::new(),
            blobs: Vec::new(),
            kek_blobs: Vec::new(),
            kept: BTreeMap::new(),
            expected: Vec::new(),
        };
        let admin = &target.firsts[0].1;
        let list = target
            .call(admin, "GET", "/v1/admin/principals?limit=500", &[], "")
            .is(200);
        let mut firsts = target.firsts.iter().peekable();
        for shown in list["items"].as_array().unwrap() {
            let role = shown["roles"][0].as_str().unwrap();
            if let Some((role, text)) = firsts.next_if(|(first, _)| *first == role) {
                world
                    .people
                    .push(first(shown, role, text, world.now + world.lifetime));
            } else {
                world.people.push(bystander(shown));
            }
        }
        assert!(firsts.peek().is_none(), "{list}");
        world
    }

    pub fn person(&self, who: &Who) -> Option<&Person> {
        who.person.map(|at| &self.people[at])
    }

    pub fn live(&self, id: &str) -> Option<usize> {
        self.people
            .iter()
            .position(|person| person.id == id && !person.deleted)
    }

    pub fn version(&self, dek: &str, name: &str) -> Option<&Version> {
        self.deks
            .get(dek)?
            .versions
            .iter()
            .find(|version| version.name == name)
    }

    pub fn version_mut(&mut self, dek: &str, name: &str) -> Option<&mut Version> {
        let dek = self.deks.get_mut(dek)?;
        dek.versions.iter_mut().find(|version| version.name == name)
    }

    /// How many other people can sign in as admins.
    pub fn other_admins(&self, id: &str) -> usize {
        let others = self
            .people
            .iter()
            .filter(|person| person.id != id && person.is("admin"));
        let mut subjects: Vec<_> = others
            .filter(|person| person.way_in(self.now))
            .map(|person| &person.subject)
            .collect();
        subjects.sort();
        subjects.dedup();
        subjects.len()
    }

    /// Keeps a blob; an old one gives way.
    pub fn keep_blob(&mut self, blob: Blob, place: usize) {
        let all = match blob.whose {
            Whose::Dek { .. } => &mut self.blobs,
            Whose::Scope(_) => &mut self.kek_blobs,
        };
        match all.len() {
            MOST_BLOBS => all[place % MOST_BLOBS] = blob,
            _ => all.push(blob),
        }
    }
}

fn first(shown: &Value, role: &'static str, text: &str, expires: i64) -> Person {
    let mut person = bystander(shown);
    person.roles = vec![role];
    person.tokens.push(Token {
        id: shown["tokens"][0]["id"].as_str().unwrap().to_owned(),
        text: text.to_owned(),
        expires: Some(expires),
        revoked: false,
    });
    person
}

/// The reader of the log: it takes no part, but its name and subject are taken.
fn bystander(shown: &Value) -> Person {
    let text = |field: &str| shown[field].as_str().unwrap().to_owned();
    let grants = shown["grants"]["deks"].as_array().unwrap();
    Person {
        id: text("id"),
        name: text("name"),
        subject: text("subject"),
        roles: vec!["auditor"],
        grants: grants
            .iter()
            .map(|grant| grant.as_str().unwrap().to_owned())
            .collect(),
        scope: text("wrap_scope"),
        tokens: Vec::new(),
        deleted: false,
        fixed: true,
    }
}
