//! Clients: each on a connection of its own, as fast as it is answered.

use std::time::Instant;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::{
    dice::Dice,
    scene::{Badge, Blob, DEKS, Line, Scene, Use},
    service::Answer,
};

/// What the figures call a use without an answer.
pub const CUT_OFF: &str = "cut off";

const MOST_BLOBS: usize = 120;

pub fn run(scene: &Scene, place: usize, mut dice: Dice) {
    let mut line = scene.line("");
    while scene.goes_on() {
        let badge = scene.places[place].lock().unwrap().clone();
        line.token.clone_from(&badge.token);
        let mut client = Client {
            scene,
            line: &line,
            badge,
            dice: &mut dice,
        };
        client.turn();
    }
}

struct Client<'a> {
    scene: &'a Scene,
    line: &'a Line<'a>,
    badge: Badge,
    dice: &'a mut Dice,
}

impl Client<'_> {
    fn turn(&mut self) {
        let blob = {
            let blobs = self.scene.blobs.lock().unwrap();
            let place = self.dice.below(blobs.len());
            blobs.get(place).cloned()
        };
        match (self.dice.below(10), blob) {
            (0..5, Some(blob)) => self.decrypt(&blob),
            (5..7, Some(blob)) => self.rewrap(&blob),
            (7, _) => self.data_key(),
            _ => self.encrypt(),
        }
    }

    fn encrypt(&mut self) {
        let dek = self.dice.below(DEKS.len());
        let plaintext = Base64::encode_string(&self.dice.roll().to_be_bytes());
        let body = json!({"plaintext": plaintext, "context": {"dek": DEKS[dek].0}});
        if let Some(made) = self.ask(dek, "encrypt", &body, &[]) {
            self.keep(dek, &made, plaintext);
        }
    }

    fn data_key(&mut self) {
        let dek = self.dice.below(2);
        let body = json!({"bytes": 32, "context": {"dek": DEKS[dek].0}});
        if let Some(made) = self.ask(dek, "data-key", &body, &[]) {
            self.keep(dek, &made, made["plaintext"].as_str().unwrap().to_owned());
        }
    }

    fn decrypt(&mut self, blob: &Blob) {
        let body = json!({"ciphertext": blob.text, "context": {"dek": DEKS[blob.dek].0}});
        if let Some(opened) = self.ask(blob.dek, "decrypt", &body, &[]) {
            assert_eq!(
                opened["plaintext"],
                blob.plaintext.as_str(),
                "a wrong plaintext"
            );
            assert_eq!(opened["version"], blob.version.as_str());
        }
    }

    fn rewrap(&mut self, blob: &Blob) {
        let body = json!({"ciphertext": blob.text, "context": {"dek": DEKS[blob.dek].0}});
        if let Some(made) = self.ask(
            blob.dek,
            "rewrap",
            &body,
            std::slice::from_ref(&blob.version),
        ) {
            self.keep(blob.dek, &made, blob.plaintext.clone());
        }
    }

    /// One call; `more` are versions that it uses beside the one that it answers.
    fn ask(&self, dek: usize, verb: &'static str, body: &Value, more: &[String]) -> Option<Value> {
        let path = format!("/v1/deks/{}/{verb}", DEKS[dek].0);
        let sent = Instant::now();
        let Some(answer) = self.line.call("POST", &path, body) else {
            self.scene.count(CUT_OFF);
            return None;
        };
        let came = Instant::now();
        if answer.status != 200 {
            self.refused(verb, &answer);
            return None;
        }
        self.scene.count(&format!("{verb} 200"));
        let answer = answer.json();
        let mut versions = more.to_vec();
        versions.push(answer["version"].as_str().unwrap().to_owned());
        let who = self.badge.id.clone();
        self.scene.uses.lock().unwrap().push(Use {
            verb,
            sent,
            came,
            dek,
            versions,
            who,
        });
        Some(answer)
    }

    fn refused(&self, verb: &str, answer: &Answer) {
        let code = answer.code();
        let wanted = [
            "conflict",
            "destroyed",
            "not_found",
            "unauthenticated",
            "rate_limited",
        ];
        assert!(wanted.contains(&code.as_str()), "{verb}: {answer:?}");
        self.scene.count(&format!("{verb} {code}"));
    }

    fn keep(&mut self, dek: usize, made: &Value, plaintext: String) {
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        let blob = Blob {
            dek,
            version: text("version"),
            text: text("ciphertext"),
            plaintext,
        };
        let mut blobs = self.scene.blobs.lock().unwrap();
        match blobs.len() {
            MOST_BLOBS => blobs[self.dice.below(MOST_BLOBS)] = blob,
            _ => blobs.push(blob),
        }
    }
}
