//! What the service shows after a step, beside what is true.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    game::Game,
    people::text,
    steps::proposal,
    world::{End, Override, Signed, State, World},
};

impl Game {
    /// Every override about the proposal of `question`, as the service lists them.
    pub fn look_at_proposal(&mut self, question: usize) {
        let proposal = proposal(question);
        let path = format!("/v1/overrides?limit=500&proposal_id={proposal}");
        let listed = self.target.see(&path)["items"].take();
        let known: Vec<_> = (0..self.world.overrides.len())
            .filter(|at| self.world.overrides[*at].asked["proposal_id"] == proposal.as_str())
            .collect();
        let listed = listed.as_array().unwrap();
        assert_eq!(listed.len(), known.len(), "{}", self.played());
        for (seen, at) in listed.iter().zip(known) {
            self.compare(seen, at);
        }
    }

    pub fn look_at_override(&mut self, at: usize) {
        let path = format!("/v1/overrides/{}", self.world.overrides[at].id);
        let seen = self.target.see(&path);
        self.compare(&seen, at);
    }

    fn compare(&mut self, seen: &Value, at: usize) {
        self.world.shows(seen, at);
        self.stays(seen);
        self.looked += 1;
    }

    /// What is final once is final for ever, whatever the model thinks.
    fn stays(&mut self, seen: &Value) {
        let status = text(seen, "status");
        if !["pending", "partial"].contains(&status.as_str()) {
            let first = self
                .finals
                .entry(text(seen, "id"))
                .or_insert(status.clone());
            assert_eq!(*first, status, "a final state changed: {seen}");
        }
    }

    /// A certificate exists if and only if the override is approved, and it is always the same.
    pub fn look_at_certificate(&mut self, at: usize) {
        let over = &self.world.overrides[at];
        let answer = self.target.certificate(&over.id);
        if !matches!(over.end, Some((End::Approved, _))) {
            return answer.is_refused(409, "conflict");
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        match &over.certificate {
            Some(first) => assert_eq!(*first, answer.text, "another certificate"),
            None => {
                self.proof.holds(&self.world, at, &answer.text);
                self.world.overrides[at].certificate = Some(answer.text);
            }
        }
    }

    pub fn look_at_custodian(&self, who: usize) {
        let known = &self.world.custodians[who];
        let seen = self.target.see(&format!("/v1/custodians/{}", known.id));
        let state = match known.state {
            State::Active => "active",
            State::Pending => "pending",
            State::Revoked => "revoked",
            State::Suspended => "suspended",
        };
        assert_eq!(seen["status"], state, "{seen}");
        assert_eq!(seen["proven_at"].is_null(), !known.proven, "{seen}");
        assert_eq!(seen["activated_at"], json!(known.active_from.map(time)));
    }
}

impl World {
    fn shows(&self, seen: &Value, at: usize) {
        let over = &self.overrides[at];
        let said = |what: &str| format!("{what} of {seen}, at {}", self.now);
        assert_eq!(seen["id"], over.id.as_str());
        assert_eq!(seen["status"], self.status(over), "{}", said("status"));
        for fixed in ["message_hash", "signing_hash", "requested_by", "created_at"] {
            assert_eq!(seen[fixed], over.asked[fixed], "{}", said(fixed));
        }
        let subject = self.apps[over.app].subject.as_str();
        assert_eq!(seen["requested_by"], subject);
        assert_eq!(seen["on_behalf_of"], json!(over.on_behalf_of));
        assert_eq!(seen["expires_at"], time(over.expires_at));
        let rejected = matches!(over.end, Some((End::Rejected, _)));
        assert_eq!(seen["rejection"].is_null(), !rejected);
        match over.end {
            Some((_, at)) => assert_eq!(seen["closed_at"], time(at), "{}", said("end")),
            // When the end of its time was written down is when somebody looked, or the next second.
            None => assert_eq!(seen["closed_at"].is_null(), self.is_open(over)),
        }
        self.shows_signatures(seen, over);
    }

    fn shows_signatures(&self, seen: &Value, over: &Override) {
        let (valid, void) = (&seen["signatures"], &seen["void_signatures"]);
        let listed = |list: &Value| list.as_array().cloned().unwrap_or_default();
        let of = |void| {
            let all = over.signed.iter().filter(move |one| one.void == void);
            all.map(|one| self.shown(one)).collect::<Vec<_>>()
        };
        assert_eq!(listed(valid), of(false), "{seen}");
        assert_eq!(listed(void), of(true), "{seen}");
    }

    fn shown(&self, signed: &Signed) -> Value {
        let who = &self.custodians[signed.by];
        let key = who.key.public_key();
        json!({"role": who.lead, "custodian_id": who.id, "subject": who.subject, "scheme": key.scheme().name(),
            "public_key": key.text(), "signature": signed.text, "signed_at": time(signed.at)})
    }
}

/// As the API writes it.
pub fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().to_string()
}
