//! Who and what the world is made of, and the names in braces that stand for them in paths and bodies.

use aegis_custodian::{
    custodian::{Custodian, bearer::BearerToken, provision::First},
    id::Subject,
    policy::{Grants, Role},
};
use serde_json::Value;

use super::{super::lot, Answer};
use custodians::Signers;

mod custodians;
mod overrides;

/// Who may call: the first words of an input. The last two are custodians, one of them suspended.
pub const ROLES: [&str; 7] = [
    "admin",
    "operator",
    "app",
    "second",
    "auditor",
    "custodian",
    "suspended",
];

/// Those of them who are there from the start.
const FIRST: usize = 5;

pub struct Cast {
    tokens: Vec<(&'static str, String)>,
    names: Names,
}

/// Texts in braces and what stands for them.
pub(super) type Names = Vec<(&'static str, String)>;

/// Makes a call that has to succeed, as a role or with a token.
type Tell<'a> = &'a dyn Fn(&str, &str, &str) -> Value;

/// Longer than a plaintext may be, and longer than a body may be.
const LENGTHS: [(&str, usize); 2] = [("{long}", 100_000), ("{huge}", 1_200_000)];

impl Cast {
    /// Makes the first principals that call.
    pub fn provision(custodian: &Custodian, keks: Names) -> Self {
        let mut firsts = Vec::new();
        let mut tokens = Vec::new();
        for name in ROLES.into_iter().take(FIRST) {
            let (role, deks) = match name {
                "operator" => (Role::Operator, vec![]),
                "app" => (Role::App, vec!["*".to_owned()]),
                "auditor" => (Role::Auditor, vec![]),
                _ => (Role::Admin, vec![]),
            };
            let token = BearerToken::fresh().unwrap();
            tokens.push((name, token.expose().to_owned()));
            let subject = Subject::folded(name).unwrap();
            let grants = Grants {
                servers: deks.clone(),
                deks,
            };
            firsts.push(First {
                name: name.to_owned(),
                subject,
                role,
                grants,
                token,
            });
        }
        // Who asked for the deletion of a KEK version, which takes an operator who still is one.
        firsts.push(First {
            name: "somebody".to_owned(),
            subject: Subject::folded("somebody").unwrap(),
            role: Role::Operator,
            grants: Grants::default(),
            token: BearerToken::fresh().unwrap(),
        });
        custodian.provision(firsts).unwrap();
        let names = keks;
        Self { tokens, names }
    }

    /// The role of that name, else the one that any text stands for.
    pub fn role(&self, name: &str, otherwise: &str) -> &'static str {
        let named = ROLES.into_iter().find(|role| *role == name);
        named.unwrap_or(ROLES[lot(otherwise, ROLES.len())])
    }

    pub fn token(&self, role: &str) -> &str {
        let found = self.tokens.iter().find(|(name, _)| *name == role);
        &found.unwrap().1
    }

    /// Makes what calls are about, by calls; lets a day pass between, so that some of it comes too late.
    pub fn prepare(
        &mut self,
        ask: impl Fn(&str, &str, &str, &str) -> Answer,
        a_day_passes: impl FnOnce(),
    ) {
        let tell = |who: &str, call: &str, body: &str| -> Value {
            let (method, path) = call.split_once(' ').unwrap();
            let token = if ROLES.contains(&who) {
                self.token(who)
            } else {
                who
            };
            let answer = ask(token, method, path, body);
            assert!(answer.status < 300, "{call}: {answer}");
            serde_json::from_slice(&answer.body).unwrap()
        };
        let mut names = [keys(&tell), people(&tell), custodians::stale(&tell)].concat();
        let expired = overrides::expired(&tell);
        a_day_passes();
        let signers = Signers::enrol(&tell);
        names.extend(custodians::waiting(&tell));
        names.extend(expired(&signers));
        names.extend(overrides::every(&tell, &signers));
        names.extend(signers.names());
        names.extend(signed_tools(&tell));
        self.names.extend(names);
        self.tokens.extend(signers.tokens());
    }

    /// All the texts in braces.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let lengths = LENGTHS.into_iter().map(|(name, _)| name);
        self.names.iter().map(|(name, _)| *name).chain(lengths)
    }

    /// A path with what exists; what only a new route knows is taken for an id.
    pub fn path(&self, path: &str) -> String {
        let of = |name: &str| self.names.iter().find(|(known, _)| *known == name);
        let mut before = "";
        let known = |segment| {
            let named = match (before, segment) {
                ("custodians", "{id}") => "{custodian}",
                ("jobs", "{id}") => "{job}",
                ("overrides", "{id}") => "{override}",
                (_, segment) => segment,
            };
            before = segment;
            match of(named) {
                Some((_, value)) => value,
                None if segment.starts_with('{') => &of("{id}").unwrap().1,
                None => segment,
            }
        };
        path.split('/').map(known).collect::<Vec<_>>().join("/")
    }

    /// A text with what exists in the place of names in braces.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.names {
            filled = filled.replace(name, value);
        }
        // Once, or a short input could fill the memory.
        for (name, length) in LENGTHS {
            filled = filled.replacen(name, &"A".repeat(length), 1);
        }
        filled
    }
}

/// DEKs of both kinds with versions in every state, and blobs: a new kind of them is one more call and one more name.
fn keys(tell: Tell<'_>) -> Names {
    const DEK: &str = "POST /v1/deks/telemetry";
    let plain = r#"{"plaintext":"aGVsbG8=","context":{"tenant":"acme"}}"#;
    let new = |body| tell("operator", "POST /v1/deks", body);
    new(r#"{"name":"telemetry","algorithm":"aes-256-gcm"}"#);
    new(r#"{"name":"sealed","algorithm":"mlkem768-x25519"}"#);
    let sealed = tell("app", "POST /v1/deks/sealed/encrypt", plain);
    let wrapped = tell("app", "POST /v1/wrap", plain);
    let mut names = vec![
        ("{name}", "telemetry".to_owned()),
        ("{hybrid}", "sealed".to_owned()),
        ("{hybrid-version}", text(&sealed, "version")),
        ("{hybrid-ciphertext}", text(&sealed, "ciphertext")),
        ("{wrapped}", text(&wrapped, "wrapped")),
    ];
    for (version, ciphertext) in [
        ("{doomed-version}", "{doomed-ciphertext}"),
        ("{shut-version}", "{shut-ciphertext}"),
        ("{old-version}", "{old-ciphertext}"),
        ("{version}", "{ciphertext}"),
    ] {
        let made = tell("app", &format!("{DEK}/encrypt"), plain);
        names.push((version, text(&made, "version")));
        names.push((ciphertext, text(&made, "ciphertext")));
        if version != "{version}" {
            tell("operator", &format!("{DEK}/rotate"), "");
        }
    }
    let path = |name, verb| {
        let version = names.iter().find(|(known, _)| *known == name);
        format!("{DEK}/versions/{}/{verb}", version.unwrap().1)
    };
    tell("operator", &path("{shut-version}", "disable"), "");
    let confirm = format!(r#"{{"confirm":"telemetry/{}"}}"#, names[5].1);
    tell("operator", &path("{doomed-version}", "destroy"), &confirm);
    names
}

/// What signs a list of one tool, which has no more than the name `add`.
fn signed_tools(tell: Tell<'_>) -> Names {
    let list = r#"{"tools":[{"name":"add"}],"server":"payments","expires_in":"365d"}"#;
    let signed = tell("app", "POST /v1/mcp/tools/sign", list);
    let amtss = &signed["_meta"]["aegis-custodian/amtss"];
    vec![
        ("{manifest}", amtss["manifest"].to_string()),
        ("{manifest-key}", text(amtss, "keyid")),
        ("{manifest-sig}", text(amtss, "signature")),
    ]
}

/// A principal that waits for approval, and an active one whose new grants and token wait.
fn people(tell: Tell<'_>) -> Names {
    const PRINCIPALS: &str = "/v1/admin/principals";
    let propose = |name: &str| {
        let body = format!(r#"{{"name":"{name}","subject":"{name}","roles":["app"]}}"#);
        text(&tell("admin", &format!("POST {PRINCIPALS}"), &body), "id")
    };
    let (active, pending) = (propose("active"), propose("pending"));
    let call = |method, what| format!("{method} {PRINCIPALS}/{active}/{what}");
    tell("second", &call("POST", "approve"), "");
    let grants = r#"{"deks":["telemetry","new-*"]}"#;
    tell("admin", &call("PUT", "grants"), grants);
    let token = tell("admin", &call("POST", "tokens"), "");
    vec![
        ("{id}", active),
        ("{pending}", pending),
        ("{token_id}", text(&token, "id")),
    ]
}

fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap().to_owned()
}
