//! Two custodians and their overrides: requested, signed, rejected, withdrawn, and set back when one is sent away. One
//! client at a time works with a council, so that it is known how each override stands.

use std::{sync::Arc, time::Instant};

use aegis_custodian::crypto::{messages::Rejection, scheme::SigningKey};
use serde_json::{Value, json};

use super::{
    ledger::{Custodian, Lapsing},
    load::{Worker, text},
    people::{KINDS, RISK, SECURITY, prove},
};

const LEADS: [&str; 2] = [RISK, SECURITY];

/// One custodian of each role, and what was asked of them.
#[derive(Clone)]
pub struct Council {
    pub members: [Member; 2],
    pub overrides: Vec<Override>,
    /// Asked for and not answered: after a kill it was done or not.
    pub asked: Option<Act>,
}

#[derive(Clone)]
pub struct Member {
    pub id: String,
    token: String,
    key: Arc<SigningKey>,
}

/// An override as it stands, by what was acknowledged.
#[derive(Clone, Debug)]
pub struct Override {
    pub id: String,
    message: [u8; 32],
    pub status: &'static str,
    /// Those that count, by role.
    pub signed: [Option<String>; 2],
    /// Signatures that count no more, for good: of a scheme that signs the same way each time they cannot come again.
    pub void: Vec<String>,
    /// Its certificate is in the ledger.
    pub handed_out: bool,
}

/// What changes overrides; each is named by its place, and a member by its role's.
#[derive(Clone, Debug)]
pub enum Act {
    Close(usize, &'static str),
    SendAway(usize),
    Sign(usize, usize, String),
}

impl Override {
    fn new(shown: &Value) -> Self {
        let hash = hex::decode(text(&shown["signing_hash"])).unwrap();
        Self {
            id: text(&shown["id"]),
            message: hash.try_into().unwrap(),
            status: "pending",
            signed: [None, None],
            void: Vec::new(),
            handed_out: false,
        }
    }

    pub fn is_open(&self) -> bool {
        ["pending", "partial"].contains(&self.status)
    }

    /// An override that nobody closed is as far as its signatures.
    fn count(&mut self) {
        if self.is_open() {
            let signed = self.signed.iter().flatten().count();
            self.status = ["pending", "partial", "approved"][signed];
        }
    }

    /// Whether the service shows it so.
    pub fn is_shown_as(&self, shown: &Value) -> bool {
        let signature = |at: usize| {
            let mut all = shown["signatures"].as_array().unwrap().iter();
            let of_role = all.find(|one| one["role"] == LEADS[at]);
            of_role.map(|one| text(&one["signature"]))
        };
        let void = shown["void_signatures"].as_array().map_or(0, Vec::len);
        shown["status"] == self.status
            && [signature(0), signature(1)] == self.signed
            && void == self.void.len()
    }
}

impl Council {
    /// What was asked for has been done.
    pub fn settle(&mut self) {
        match self.asked.take() {
            Some(Act::Close(at, status)) => self.overrides[at].status = status,
            Some(Act::Sign(at, by, signature)) => {
                self.overrides[at].signed[by] = Some(signature);
                self.overrides[at].count();
            }
            Some(Act::SendAway(who)) => {
                for one in self.overrides.iter_mut().filter(|one| one.is_open()) {
                    one.void.extend(one.signed[who].take());
                    one.count();
                }
            }
            None => {}
        }
    }
}

impl Worker<'_> {
    /// One act of one council.
    pub fn sit(&mut self) -> Option<()> {
        let known = match self.dice.below(10) {
            0 => None,
            _ => self.take_council(),
        };
        let mut council = match known {
            Some(council) => council,
            None => Council {
                members: [self.enrol(RISK)?, self.enrol(SECURITY)?],
                overrides: Vec::new(),
                asked: None,
            },
        };
        let alive = self.act(&mut council);
        self.ledger().councils.push(council);
        alive
    }

    fn act(&mut self, council: &mut Council) -> Option<()> {
        self.seat(council, 0)?;
        self.seat(council, 1)?;
        let is_open = |at: &usize| council.overrides[*at].is_open();
        let open: Vec<_> = (0..council.overrides.len()).filter(is_open).collect();
        match (self.dice.below(12), self.dice.one_of(&open)) {
            (0 | 1, _) | (_, None) => self.request(council),
            (2..=8, Some(at)) => self.sign(council, at),
            (9, Some(at)) => self.reject(council, at),
            (10, Some(at)) => self.withdraw(council, at),
            (_, Some(_)) => self.send_away(council),
        }
    }

    fn take_council(&mut self) -> Option<Council> {
        let mut ledger = self.life.ledger.lock().unwrap();
        let count = ledger.councils.len();
        (count > 0).then(|| ledger.councils.swap_remove(self.dice.below(count)))
    }

    /// Enrols a custodian, proves its key, and gives it a principal.
    fn enrol(&mut self, lead: &str) -> Option<Member> {
        let name = self.next_name();
        let kind = self.dice.one_of(&KINDS)?;
        let key = SigningKey::generate(kind).unwrap();
        let public = key.public_key();
        let body = json!({"name": name, "subject": name, "role": lead,
            "scheme": public.scheme().name(), "public_key": public.text()});
        let path = "/v1/admin/custodians";
        let made = self.call("admin", "POST", path, body)?.is(201);
        let id = text(&made["id"]);
        let (status, asked) = ("pending", None);
        let custodian = Custodian { status, asked };
        self.ledger().custodians.insert(id.clone(), custodian);
        let proof = json!({"signature": prove(&key, &made)});
        self.change_custodian(&id, "activate", "active", proof)?;
        let body =
            json!({"name": name, "subject": name, "roles": ["custodian"], "custodian_id": id});
        let made = self.call("admin", "POST", "/v1/admin/principals", body)?;
        Some(Member {
            id,
            token: text(&made.is(201)["token"]),
            key: Arc::new(key),
        })
    }

    fn change_custodian(
        &mut self,
        id: &str,
        verb: &str,
        to: &'static str,
        body: Value,
    ) -> Option<()> {
        self.ledger().custodians.get_mut(id).unwrap().asked = Some(to);
        let path = format!("/v1/admin/custodians/{id}/{verb}");
        let changed = self.call("admin", "POST", &path, body)?.is(200);
        assert_eq!(changed["status"], to);
        let (status, asked) = (to, None);
        let custodian = Custodian { status, asked };
        self.ledger().custodians.insert(id.to_owned(), custodian);
        Some(())
    }

    fn request(&mut self, council: &mut Council) -> Option<()> {
        let why = self.next_name();
        let body =
            json!({"proposal_id": self.name, "justification": why, "failed_gates": ["risk"]});
        let asked = self.call("app", "POST", "/v1/overrides", body)?.is(201);
        council.overrides.push(Override::new(&asked));
        Some(())
    }

    /// An override that nobody touches, so that it expires by itself.
    pub fn request_for_a_minute(&mut self) -> Option<()> {
        let (why, asked) = (self.next_name(), Instant::now());
        let body = json!({"proposal_id": self.name, "justification": why, "failed_gates": ["risk"], "expires_in": "1m"});
        let made = self.call("app", "POST", "/v1/overrides", body)?.is(201);
        let (id, answered) = (text(&made["id"]), Instant::now());
        self.ledger().lapsing.push(Lapsing {
            id,
            asked,
            answered,
        });
        Some(())
    }

    fn sign(&mut self, council: &mut Council, at: usize) -> Option<()> {
        let by = self.dice.below(2);
        let (member, one) = (&council.members[by], &council.overrides[at]);
        let signature = member.key.sign(&one.message).unwrap();
        let body = json!({"custodian_id": member.id, "signature": signature});
        if one.signed[by].is_some() || one.void.contains(&signature) {
            let path = format!("/v1/overrides/{}/signatures", one.id);
            let again = self.call_as(&member.token, "POST", &path, body, None)?;
            again.is(409);
            return Some(());
        }
        let act = Act::Sign(at, by, signature);
        let token = member.token.clone();
        self.perform(council, act, &token, at, "signatures", body)?;
        self.fetch_certificate(&mut council.overrides[at])
    }

    fn reject(&mut self, council: &mut Council, at: usize) -> Option<()> {
        let (member, one) = (&council.members[self.dice.below(2)], &council.overrides[at]);
        let message = Rejection {
            custodian_id: &member.id,
            override_id: &one.id,
            reason: "no",
        };
        let signature = member.key.sign(&message.message().unwrap()).unwrap();
        let body = json!({"custodian_id": member.id, "reason": "no", "signature": signature});
        let token = member.token.clone();
        self.perform(
            council,
            Act::Close(at, "rejected"),
            &token,
            at,
            "reject",
            body,
        )
    }

    fn withdraw(&mut self, council: &mut Council, at: usize) -> Option<()> {
        let act = Act::Close(at, "withdrawn");
        let token = self.life.client.token("app");
        self.perform(council, act, token, at, "withdraw", json!({}))
    }

    /// Something that changes one override, and how it stands then.
    fn perform(
        &mut self,
        council: &mut Council,
        act: Act,
        token: &str,
        at: usize,
        verb: &str,
        body: Value,
    ) -> Option<()> {
        let path = format!("/v1/overrides/{}/{verb}", council.overrides[at].id);
        council.asked = Some(act);
        let shown = self.call_as(token, "POST", &path, body, None)?.is(200);
        council.settle();
        let one = &council.overrides[at];
        assert!(one.is_shown_as(&shown), "{one:?} and not {shown}");
        Some(())
    }

    /// A member is suspended or revoked: what it signed and is not approved is void.
    fn send_away(&mut self, council: &mut Council) -> Option<()> {
        let who = self.dice.below(2);
        let id = council.members[who].id.clone();
        let (verb, status) = match self.dice.below(2) {
            0 => ("suspend", "suspended"),
            _ => ("revoke", "revoked"),
        };
        council.asked = Some(Act::SendAway(who));
        self.change_custodian(&id, verb, status, json!({"reason": "a test"}))?;
        council.settle();
        Some(())
    }

    /// Whoever was sent away comes back, or another takes the place.
    fn seat(&mut self, council: &mut Council, who: usize) -> Option<()> {
        let id = council.members[who].id.clone();
        let status = self.ledger().custodians[&id].status;
        match status {
            "suspended" => {
                let because = json!({"reason": "a test"});
                self.change_custodian(&id, "reinstate", "active", because)?;
            }
            "revoked" => council.members[who] = self.enrol(LEADS[who])?,
            _ => {}
        }
        Some(())
    }

    fn fetch_certificate(&self, one: &mut Override) -> Option<()> {
        if one.status == "approved" {
            let path = format!("/v1/overrides/{}/certificate", one.id);
            let (client, token) = (self.life.client, self.life.client.token("app"));
            let reply = client.send(token, "check", "GET", &path, Value::Null, None)?;
            assert_eq!(reply.status, 200, "{}", reply.text);
            one.handed_out = true;
            let handed_out = (one.id.clone(), reply.text);
            self.ledger().certificates.push(handed_out);
        }
        Some(())
    }
}
