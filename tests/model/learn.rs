//! What an answer must say when something was done, and what the model knows from then on.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::{
    game::At,
    predict::Verdict,
    things::{Blob, Bound, Whose},
    verbs::{Items, Open, Seal, Sound, Verb},
    world::World,
};

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl World {
    pub fn learn(&mut self, at: &At<'_>, body: &Value, place: usize) {
        match at.verb {
            Verb::CreateDek {
                name, algorithm, ..
            } => self.dek_made(at, name, algorithm, body),
            Verb::Rotate { name, .. } => {
                let number = self.deks[name].versions.len() + 1;
                let version = self.version_made(at, number, body);
                self.deks.get_mut(name).unwrap().versions.push(version);
            }
            Verb::Show { name } => self.shown(at, name, body),
            Verb::List => {
                let person = self.person(at.who).unwrap();
                let wanted: Vec<_> = self.deks.keys().filter(|name| person.sees(name)).collect();
                let listed = body["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|dek| &dek["name"]);
                at.holds(listed.eq(wanted), "another list", body);
                at.holds(body["next_cursor"].is_null(), "a page after the last", body);
            }
            Verb::Change {
                what,
                name,
                version,
                ..
            } => self.changed(at, *what, name, version, body),
            Verb::PublicKey { name, version } => {
                self.public(at, name, version.as_deref(), body, place)
            }
            Verb::DataKey {
                name,
                bytes,
                context,
                shown,
            } => {
                let plaintext = Base64::decode_vec(&text(&body["plaintext"])).unwrap();
                at.holds(
                    plaintext.len() as u64 == if *shown { *bytes } else { 0 },
                    "another length",
                    body,
                );
                at.holds(
                    body.get("plaintext").is_some() == *shown,
                    "the plaintext is there or not",
                    body,
                );
                let blob = self.encrypted(at, name, text(&body["plaintext"]), *context, body);
                if *shown {
                    self.keep_blob(blob, place);
                }
            }
            _ => self.used(at, body, place),
        }
    }

    fn used(&mut self, at: &At<'_>, body: &Value, place: usize) {
        match at.verb {
            Verb::Encrypt { name, items } => {
                self.learn_each(at, items, body, place, |world, item: &Seal, body| {
                    Some(world.encrypted(at, name, item.plaintext.clone(), item.context, body))
                })
            }
            Verb::Decrypt { items, .. } => {
                self.learn_each(at, items, body, place, |world, item: &Open, body| {
                    let blob = &world.blobs[item.blob.unwrap()];
                    let Whose::Dek { name, at: number } = &blob.whose else {
                        return None;
                    };
                    at.holds(
                        body["plaintext"] == json!(blob.plaintext),
                        "another plaintext",
                        body,
                    );
                    at.holds(
                        body["version"] == json!(world.deks[name].versions[*number].name),
                        "another version",
                        body,
                    );
                    None
                })
            }
            Verb::Rewrap { name, items } => {
                self.learn_each(at, items, body, place, |world, item: &Open, body| {
                    let plaintext = world.blobs[item.blob.unwrap()].plaintext.clone();
                    at.holds(
                        body.get("plaintext").is_none(),
                        "rewrap shows a plaintext",
                        body,
                    );
                    Some(world.encrypted(at, name, plaintext, item.context, body))
                })
            }
            Verb::Wrap { items } => {
                self.learn_each(at, items, body, place, |world, item: &Seal, body| {
                    let scope = world.person(at.who).unwrap().scope.clone();
                    Some(wrapped(
                        at,
                        item.plaintext.clone(),
                        item.context,
                        scope,
                        body,
                    ))
                })
            }
            Verb::Unwrap { items } => {
                self.learn_each(at, items, body, place, |world, item: &Open, body| {
                    let wanted = json!(world.kek_blobs[item.blob.unwrap()].plaintext);
                    at.holds(body["plaintext"] == wanted, "another plaintext", body);
                    None
                })
            }
            Verb::KekRewrap { items } => {
                self.learn_each(at, items, body, place, |world, item: &Open, body| {
                    let old = world.kek_blobs[item.blob.unwrap()].clone();
                    let Whose::Scope(scope) = old.whose else {
                        return None;
                    };
                    let new = wrapped(at, old.plaintext, old.context, scope, body);
                    let broken = old.broken || item.sound == Sound::PayloadDamaged;
                    Some(Blob { broken, ..new })
                })
            }
            _ => self.people_changed(at, body),
        }
    }

    /// One answer for each item, in order, with its reference.
    fn learn_each<T>(
        &mut self,
        at: &At<'_>,
        items: &Items<T>,
        body: &Value,
        place: usize,
        learn: impl Fn(&Self, &T, &Value) -> Option<Blob>,
    ) {
        let items = match items {
            Items::One(item) => {
                let made = learn(self, item, body);
                made.into_iter()
                    .for_each(|blob| self.keep_blob(blob, place));
                return;
            }
            Items::Many(items) => items,
        };
        let Verdict::Each(verdicts) = at.verdict else {
            panic!("a batch without verdicts")
        };
        let answers = body["items"].as_array().unwrap();
        at.holds(
            answers.len() == items.len(),
            "another number of items",
            body,
        );
        let mut made = Vec::new();
        for (number, ((item, verdict), answer)) in
            items.iter().zip(verdicts).zip(answers).enumerate()
        {
            at.holds(
                answer["reference"] == json!(number.to_string()),
                "another reference",
                body,
            );
            let given = answer
                .get("error")
                .map(|error| (error["status"].clone(), error["code"].clone()));
            let wanted = verdict.map(|(status, code)| (json!(status), json!(code)));
            at.holds(given == wanted, "another verdict on an item", answer);
            if verdict.is_none() {
                made.extend(learn(self, item, answer));
            }
        }
        for (number, blob) in made.into_iter().enumerate() {
            self.keep_blob(blob, place + number);
        }
    }

    fn encrypted(
        &self,
        at: &At<'_>,
        name: &str,
        plaintext: String,
        context: Bound,
        body: &Value,
    ) -> Blob {
        let dek = &self.deks[name];
        let current = &dek.versions.last().unwrap().name;
        let kind = if dek.hybrid { "hpke" } else { "dek" };
        let ciphertext = text(&body["ciphertext"]);
        at.holds(
            ciphertext.starts_with(&format!("cst1:{kind}:{name}/{current}:")),
            "another head",
            body,
        );
        at.holds(
            body["version"] == json!(current),
            "not the current version",
            body,
        );
        let whose = Whose::Dek {
            name: name.to_owned(),
            at: dek.versions.len() - 1,
        };
        Blob {
            text: ciphertext,
            plaintext,
            context,
            whose,
            broken: false,
        }
    }
}

fn wrapped(at: &At<'_>, plaintext: String, context: Bound, scope: String, body: &Value) -> Blob {
    let blob = text(&body["wrapped"]);
    let head = format!("cst1:kek:{}:", text(&body["kek"]));
    at.holds(
        blob.starts_with(&head) && head.contains("kek-v1-"),
        "another head",
        body,
    );
    Blob {
        text: blob,
        plaintext,
        context,
        whose: Whose::Scope(scope),
        broken: false,
    }
}
