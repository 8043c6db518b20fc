//! One step of a game, and the request that it makes.

use std::rc::Rc;

use aegis_custodian::crypto::{messages::Rejection, scheme::SigningKey};
use serde_json::{Value, json};

use crate::{people::prove, world::World};

#[derive(Clone, Debug)]
pub enum Step {
    Activate {
        admin: usize,
        who: usize,
        right: bool,
    },
    Approve {
        admin: usize,
        who: usize,
    },
    /// `suspend`, `reinstate` or `revoke`.
    Change {
        admin: usize,
        who: usize,
        verb: &'static str,
    },
    Enrol {
        admin: usize,
        subject: &'static str,
        lead: &'static str,
        key: Rc<SigningKey>,
    },
    /// Of the clock; it may go back.
    Pass {
        seconds: i64,
    },
    Reject {
        over: usize,
        whose: usize,
        by: By,
        right: bool,
    },
    Request(Request),
    Sign(Signature),
    Token {
        away: bool,
    },
    Withdraw {
        over: usize,
        by: By,
    },
}

#[derive(Clone, Debug)]
pub struct Request {
    pub app: usize,
    pub question: usize,
    pub gates: &'static [&'static str],
    pub environment: &'static str,
    pub expires_in: &'static str,
    pub on_behalf_of: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub struct Signature {
    /// Which override; one too many is none.
    pub over: usize,
    pub whose: usize,
    pub by: By,
    pub how: How,
    pub text: String,
}

/// Whose principal posts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    App(usize),
    Custodian(usize),
}

/// What a signature is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum How {
    /// One that it posted here before, and that counts.
    Again,
    /// One that it posted here before, and that is void.
    AgainVoid,
    Fresh,
    Nonsense,
    /// By its key, over another override.
    OfAnother,
    /// By somebody else's key.
    WrongKey,
}

impl How {
    /// Whether it is by the custodian's key over this override.
    pub fn verifies(self) -> bool {
        match self {
            Self::Again | Self::AgainVoid | Self::Fresh => true,
            Self::Nonsense | Self::OfAnother | Self::WrongKey => false,
        }
    }
}

/// A POST, and how the audit log calls it.
pub struct Call {
    pub action: &'static str,
    pub token: String,
    pub path: String,
    pub body: Value,
}

pub const ADMINS: [&str; 2] = ["ada", "bob"];

/// The seconds of each `expires_in` that is taken.
pub const PERIODS: [(&str, i64); 4] = [("1m", 60), ("10m", 600), ("1h", 3600), ("24h", 86_400)];

/// Overrides are requested about a new proposal after so many.
pub const BATCH: usize = 10;

pub fn proposal(question: usize) -> String {
    format!("proposal-{}", question / BATCH)
}

const REASON: &str = "chance has it so";

impl Step {
    /// What it asks, with the admins' tokens; `None` if it asks nothing.
    pub fn call(&self, world: &World, admins: [&str; 2]) -> Option<Call> {
        let by_admin = |action, admin: usize, path: String, body| Call {
            action,
            token: admins[admin].to_owned(),
            path,
            body,
        };
        Some(match self {
            Self::Activate { admin, who, right } => {
                let body = json!({"signature": proof(world, *who, *right)});
                let path = custodian(world, *who, "activate");
                by_admin("custodian.activate", *admin, path, body)
            }
            Self::Approve { admin, who } => {
                let path = custodian(world, *who, "approve");
                by_admin("custodian.approve", *admin, path, json!({}))
            }
            Self::Change { admin, who, verb } => {
                let action = match *verb {
                    "suspend" => "custodian.suspend",
                    "reinstate" => "custodian.reinstate",
                    _ => "custodian.revoke",
                };
                let path = custodian(world, *who, verb);
                by_admin(action, *admin, path, json!({"reason": REASON}))
            }
            Self::Enrol {
                admin,
                subject,
                lead,
                key,
            } => {
                let public = key.public_key();
                let body = json!({"name": subject, "subject": subject, "role": lead,
                    "scheme": public.scheme().name(), "public_key": public.text()});
                let path = "/v1/admin/custodians".to_owned();
                by_admin("custodian.enrol", *admin, path, body)
            }
            Self::Reject {
                over,
                whose,
                by,
                right,
            } => Call {
                action: "override.reject",
                token: by.token(world),
                path: path(world, *over, "reject"),
                body: rejection(world, *over, *whose, *right),
            },
            Self::Request(request) => request.call(world),
            Self::Sign(signature) => signature.call(world),
            Self::Withdraw { over, by } => Call {
                action: "override.withdraw",
                token: by.token(world),
                path: path(world, *over, "withdraw"),
                body: json!({}),
            },
            Self::Pass { .. } | Self::Token { .. } => return None,
        })
    }

    /// For the figures.
    pub fn kind(&self) -> String {
        match self {
            Self::Activate { .. } => "activate".to_owned(),
            Self::Approve { .. } => "approve".to_owned(),
            Self::Change { verb, .. } => (*verb).to_owned(),
            Self::Enrol { .. } => "enrol".to_owned(),
            Self::Pass { seconds } if *seconds < 0 => "clock back".to_owned(),
            Self::Pass { .. } => "clock on".to_owned(),
            Self::Reject { .. } => "reject".to_owned(),
            Self::Request(_) => "request".to_owned(),
            Self::Sign(signature) => format!("sign {:?}", signature.how),
            Self::Token { away: true } => "token away".to_owned(),
            Self::Token { away: false } => "token back".to_owned(),
            Self::Withdraw { .. } => "withdraw".to_owned(),
        }
    }
}

impl Request {
    fn call(&self, world: &World) -> Call {
        let mut body = json!({
            "proposal_id": proposal(self.question),
            "justification": format!("question {}", self.question),
            "failed_gates": self.gates,
            "environment": self.environment,
            "expires_in": self.expires_in,
        });
        if let Some(subject) = self.on_behalf_of {
            body["on_behalf_of"] = json!(subject.to_uppercase());
        }
        Call {
            action: "override.request",
            token: world.apps[self.app].token.clone(),
            path: "/v1/overrides".to_owned(),
            body,
        }
    }
}

impl Signature {
    fn call(&self, world: &World) -> Call {
        let id = &world.custodians[self.whose].id;
        Call {
            action: "override.sign",
            token: self.by.token(world),
            path: path(world, self.over, "signatures"),
            body: json!({"custodian_id": id, "signature": self.text}),
        }
    }
}

impl By {
    pub fn subject(self, world: &World) -> &str {
        match self {
            Self::App(at) => &world.apps[at].subject,
            Self::Custodian(at) => world.custodians[at].subject,
        }
    }

    fn token(self, world: &World) -> String {
        match self {
            Self::App(at) => world.apps[at].token.clone(),
            Self::Custodian(at) => world.custodians[at].token.clone(),
        }
    }
}

fn proof(world: &World, who: usize, right: bool) -> String {
    let who = &world.custodians[who];
    let mut enrolled = who.enrolled.clone();
    if !right {
        enrolled["challenge"] = json!("AAAA");
    }
    prove(&who.key, &enrolled)
}

fn rejection(world: &World, over: usize, whose: usize, right: bool) -> Value {
    let who = &world.custodians[whose];
    let message = Rejection {
        custodian_id: &who.id,
        override_id: &id(world, over),
        reason: if right { REASON } else { "something else" },
    };
    let signature = who.key.sign(&message.message().unwrap()).unwrap();
    json!({"custodian_id": who.id, "reason": REASON, "signature": signature})
}

fn custodian(world: &World, who: usize, verb: &str) -> String {
    format!("/v1/admin/custodians/{}/{verb}", world.custodians[who].id)
}

fn path(world: &World, over: usize, verb: &str) -> String {
    format!("/v1/overrides/{}/{verb}", id(world, over))
}

fn id(world: &World, over: usize) -> String {
    let found = world.overrides.get(over).map(|over| over.id.clone());
    found.unwrap_or_else(|| "7d793037-a076-4a9c-8e0b-a64bcb1bd8a2".to_owned())
}
