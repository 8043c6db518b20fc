//! After a restart: all that was acknowledged is there, and nothing is there by half.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    at_once::at_once,
    client::{Client, Reply},
    dice::Dice,
    file,
    halves::nothing_is_there_by_half,
    ledger::{Ledger, Name, State, Wish},
    load::text,
    sealed::Keys,
    service::Service,
};

/// Items of a batch.
const BATCH: usize = 256;
/// Of what is older than this many, a check that is not thorough looks at a few.
const RECENT: usize = 60;
/// Of sign-ins that fail more are not told apart from being limited.
const SHUT_OUT: usize = 60;

/// One life of the service, looked at from outside and, past it, in its file.
pub struct Check<'a> {
    pub service: &'a Service,
    pub client: &'a Client,
    pub ledger: &'a mut Ledger,
    pub dice: &'a mut Dice,
    /// Everything is looked at, and not the recent and some of the rest.
    pub thorough: bool,
}

impl Check<'_> {
    /// Everything; `log` is the audit log as it was, and grows; `keys` open backups.
    pub fn all(&mut self, log: &mut Vec<Value>, keys: &Keys) {
        self.log_is_whole();
        self.keks_are_as_acknowledged();
        self.jobs_go_on();
        self.versions_are_as_acknowledged();
        self.encryptions_are_counted();
        self.nothing_destroyed_is_left();
        self.ciphertexts_open();
        self.blobs_unwrap();
        self.events_open();
        self.signatures_hold();
        self.people_are_as_acknowledged();
        self.tokens_work();
        self.revocations_hold();
        self.councils_are_as_acknowledged();
        self.keys_make_once();
        self.newest_versions_work();
        self.backup_is_whole(keys);
        let begun = self.read_log(log);
        self.requests_are_audited_once(&log[begun..]);
        if self.thorough {
            nothing_is_there_by_half(&self.service.dir.join("custodian.db"));
        }
    }

    /// Each version is in the state acknowledged last, or in the one asked for when the service died.
    fn versions_are_as_acknowledged(&mut self) {
        let there = self.versions_there();
        for (of, version) in &mut self.ledger.versions {
            let state = there.get(of).unwrap_or_else(|| panic!("{of:?} is lost"));
            let asked = version.asked.take();
            match asked.filter(|asked| asked.name() == state) {
                Some(asked) => version.state = asked,
                None => assert_eq!(version.state.name(), state, "{of:?}"),
            }
        }
        let count = self.ledger.versions.len();
        self.looked_at("states of DEK versions", count);
    }

    fn versions_there(&mut self) -> BTreeMap<Name, String> {
        let (mut there, mut keys) = (BTreeMap::new(), BTreeMap::new());
        self.each_item("operator", "/v1/deks", |dek| {
            for one in dek["versions"].as_array().unwrap() {
                let of = (text(&dek["name"]), text(&one["version"]));
                let state = text(&one["state"]);
                assert_eq!(one["kek"].is_null(), state == "destroyed", "{of:?}");
                if let Some(key) = one["public_key"].as_str() {
                    keys.insert(of.clone(), key.to_owned());
                }
                there.insert(of, state);
            }
        });
        for (of, key) in &self.ledger.public_keys {
            assert!(keys[of] == *key, "the public key of {of:?} is another");
        }
        self.ledger.public_keys.append(&mut keys);
        there
    }

    pub fn each_item(&self, role: &str, list: &str, mut item: impl FnMut(&Value)) {
        let mut path = format!("{list}?limit=500");
        loop {
            let page = self.service.get(role, &path).is(200);
            page["items"].as_array().unwrap().iter().for_each(&mut item);
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("{list}?limit=500&cursor={next}");
        }
    }

    fn nothing_destroyed_is_left(&mut self) {
        let gone = self.ledger.versions.iter();
        let gone = gone.filter(|(_, version)| version.state == State::Destroyed);
        let gone: Vec<_> = gone
            .map(|(of, version)| (of.clone(), version.sealed.clone().unwrap()))
            .collect();
        assert_eq!(file::traces(&self.service.dir, &gone), [""; 0]);
        self.looked_at("destroyed secrets searched for in the files", gone.len());
    }

    /// Each decrypts, or is refused as the state of its version says.
    fn ciphertexts_open(&mut self) {
        let mut by_state: BTreeMap<(String, u16), Vec<(Value, Value)>> = BTreeMap::new();
        let some = self.some(|ledger| &ledger.ciphertexts);
        for one in &some {
            let state = self.ledger.version(&one.of).state;
            let item = json!({"ciphertext": one.blob, "context": {"dek": one.of.0}});
            let wanted = match state.answers() {
                (200, _) => json!({"plaintext": one.plaintext}),
                (_, code) => json!({"code": code}),
            };
            let key = (one.of.0.clone(), state.answers().0);
            by_state.entry(key).or_default().push((item, wanted));
        }
        let (service, groups) = (self.service, by_state.into_iter().collect::<Vec<_>>());
        at_once(&groups, |((dek, _), all)| {
            batches_open(service, &format!("/v1/deks/{dek}/decrypt"), "items", all);
        });
        self.looked_at("ciphertexts", some.len());
    }

    /// Each is there with the grants acknowledged last, or gone; or as it was asked for when the service died.
    fn people_are_as_acknowledged(&mut self) {
        let mut there = BTreeMap::new();
        self.each_item("admin", "/v1/admin/principals", |one| {
            there.insert(text(&one["id"]), one["grants"]["deks"].clone());
        });
        let mut shut_out = Vec::new();
        for (id, person) in &mut self.ledger.people {
            let is = there.get(id);
            match (person.asked.take(), is) {
                (Some(Wish::Deletion), None) => person.gone = true,
                (Some(Wish::Grants(asked)), Some(is)) if json!(asked) == *is => {
                    person.grants = asked
                }
                _ => assert_eq!(
                    is.cloned(),
                    (!person.gone).then(|| json!(person.grants)),
                    "{id}"
                ),
            }
            if person.gone {
                shut_out.push(person.token.clone());
            }
        }
        for token in shut_out.iter().rev().take(SHUT_OUT) {
            self.is_shut_out(token);
        }
        let count = self.ledger.people.len();
        self.looked_at("principals and their grants", count);
    }

    fn tokens_work(&mut self) {
        let tokens = self.some(|ledger| &ledger.tokens);
        for token in &tokens {
            assert_eq!(self.sign_in(&token.text), 200, "a token was lost");
        }
        self.looked_at("tokens that work", tokens.len());
    }

    fn revocations_hold(&mut self) {
        let recent = self.ledger.revoked.iter().rev().take(SHUT_OUT);
        let recent: Vec<_> = recent.cloned().collect();
        for token in &recent {
            self.is_shut_out(token);
        }
        self.looked_at("tokens that are revoked", recent.len());
    }

    fn is_shut_out(&self, token: &str) {
        let status = self.sign_in(token);
        assert!([401, 429].contains(&status), "a revoked token works");
    }

    fn sign_in(&self, token: &str) -> u16 {
        let path = "/v1/capabilities";
        let reply = self
            .client
            .send(token, "check", "GET", path, Value::Null, None);
        reply.unwrap().status
    }

    /// Sent again, each gives the answer that was acknowledged, or makes its thing now and never again.
    fn keys_make_once(&mut self) {
        let keyed = self.some(|ledger| &ledger.keyed).into_iter();
        // While the first of the same is answered, the second is refused.
        let keyed: BTreeMap<_, _> = keyed.map(|one| (one.key.clone(), one)).collect();
        let keyed: Vec<_> = keyed.into_values().collect();
        let client = self.client;
        at_once(&keyed, |one| {
            let send = || -> Reply {
                let (token, body, key) = (client.token(one.role), one.body.clone(), &one.key);
                let reply = client.send(token, "check-once", "POST", &one.path, body, Some(key));
                reply.unwrap()
            };
            let (mut one, again) = (one.clone(), send());
            if one.answer.is_none() {
                one.answer = Some(again.is(201));
                return one.is_replayed_by(send());
            }
            one.is_replayed_by(again);
        });
        self.looked_at("idempotency keys", keyed.len());
        let there = self.versions_there();
        let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
        for path in self.ledger.keyed.iter().map(|keyed| &keyed.path) {
            if let Some(dek) = path.strip_prefix("/v1/deks/") {
                *versions.entry(dek).or_insert(1) += 1;
            }
        }
        for (path, count) in versions {
            let dek = path.strip_suffix("/rotate").unwrap();
            let made = there.keys().filter(|(name, _)| name == dek).count();
            assert_eq!(made, count, "{dek} was rotated more than once by one key");
        }
    }

    /// The newest version of each DEK that was used encrypts, unless it is disabled.
    fn newest_versions_work(&mut self) {
        let (deks, service) = (self.some(|ledger| &ledger.deks), self.service);
        let used = at_once(&deks, |dek| {
            let path = format!("/v1/deks/{}", dek.name);
            let body = json!({"plaintext": "eA=="});
            let made = service.post("app", &format!("{path}/encrypt"), body);
            if made.status == 409 {
                return None;
            }
            let made = made.is(200);
            let body = json!({"ciphertext": made["ciphertext"]});
            let opened = service.post("app", &format!("{path}/decrypt"), body);
            assert_eq!(opened.is(200)["plaintext"], "eA==");
            Some(text(&made["version"]))
        });
        let life = self.ledger.life;
        for (dek, version) in deks.iter().zip(used) {
            let Some(version) = version else {
                assert!(!self.ledger.calm(&dek.name).0, "{} is refused", dek.name);
                continue;
            };
            let version = self.ledger.version(&(dek.name.clone(), version));
            version.encryptions.add(life);
        }
        self.looked_at("newest versions used", deks.len());
    }

    pub fn looked_at(&mut self, what: &'static str, count: usize) {
        self.ledger.figures.verified(what, count);
    }

    pub fn some<T: Clone>(&mut self, from: impl Fn(&Ledger) -> &Vec<T>) -> Vec<T> {
        let all = from(self.ledger);
        if self.thorough || all.len() <= RECENT {
            return all.clone();
        }
        let (older, recent) = all.split_at(all.len() - RECENT);
        let chosen = (0..RECENT).filter_map(|_| self.dice.one_of(older));
        chosen.chain(recent.iter().cloned()).collect()
    }
}

/// Sends what is asked for in batches, under this name; each item is answered as wanted, or has that code.
pub fn batches_open(service: &Service, path: &str, name: &str, all: &[(Value, Value)]) {
    for batch in all.chunks(BATCH) {
        let items: Vec<_> = batch.iter().map(|(item, _)| item).collect();
        let opened = service.post("app", path, json!({name: items})).is(200);
        for (item, (asked, wanted)) in opened["items"].as_array().unwrap().iter().zip(batch) {
            let mut met = item.clone();
            met["code"] = item["error"]["code"].clone();
            let mut wanted = wanted.as_object().unwrap().iter();
            let is_met = wanted.all(|(name, value)| met[name] == *value);
            assert!(is_met, "{asked}: {item}, and not {wanted:?}");
        }
    }
}
