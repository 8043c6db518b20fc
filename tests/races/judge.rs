//! Was anything used that was shut? Once by what the clients saw, once by the order of the audit log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    clients::CUT_OFF,
    scene::{DEKS, Scene, Shut, Use, What},
};

pub fn judge(scene: &Scene, seconds: u64) {
    let (uses, shuts) = (scene.uses.lock().unwrap(), scene.shuts.lock().unwrap());
    by_time(&uses, &shuts);
    let log = scene.service.audit();
    let read = by_order(&log);
    let uses_of = |count: &(&String, &u64)| count.0.ends_with(" 200");
    let counts = scene.counts.lock().unwrap();
    let answered: u64 = counts.iter().filter(uses_of).map(|(_, count)| count).sum();
    println!("{seconds} s, {} clients: {counts:?}", scene.places.len());
    println!(
        "{answered} uses, {} changes, {} audit entries",
        shuts.len(),
        log.len()
    );
    // One that was cut off may be in the log.
    let cut_off = counts.get(CUT_OFF).copied().unwrap_or_default();
    assert!(
        (answered..=answered + cut_off).contains(&read),
        "{answered} uses were answered and {read} are in the log"
    );
    assert!(answered > 10 && shuts.len() > 3, "too little happened");
}

fn by_time(uses: &[Use], shuts: &[Shut]) {
    for shut in shuts {
        // One that was asked for meanwhile may have been done after what was shut was opened again.
        let meanwhile =
            |used: &&Use| used.sent > shut.from && shut.until.is_none_or(|until| used.came < until);
        let later = uses.iter().filter(meanwhile);
        let wrong: Vec<_> = later.filter(|used| used.of(&shut.what)).collect();
        assert!(
            wrong.is_empty(),
            "asked for after {shut:?} and answered 200: {wrong:?}"
        );
    }
}

impl Use {
    fn of(&self, what: &What) -> bool {
        match what {
            What::Version(reference) => {
                let name = DEKS[self.dek].0;
                self.versions
                    .iter()
                    .any(|version| *reference == format!("{name}/{version}"))
            }
            What::Person(id) => self.who == *id,
            What::Grant(id, dek) => self.who == *id && self.dek == *dek,
        }
    }
}

/// Reads the log from its beginning; answers how many uses of DEKs succeeded.
fn by_order(log: &[Value]) -> u64 {
    let mut now = Order::default();
    let mut uses = 0;
    for entry in log.iter().filter(|entry| entry["outcome"] == "ok") {
        let action = entry["action"].as_str().unwrap();
        let object = entry["object"].as_str().unwrap_or_default();
        match action {
            "dek.disable" | "dek.destroy" => now.shut.extend([object.to_owned()]),
            "dek.enable" => drop(now.shut.remove(object)),
            "principal.delete" => now.shut.extend([object.to_owned()]),
            "token.revoke" => now
                .shut
                .extend([object.split('/').next().unwrap().to_owned()]),
            "grants.change" => now.granted(object, &entry["detail"]["deks"]),
            "dek.encrypt" | "dek.decrypt" | "dek.rewrap" | "dek.data_key" => {
                now.allows(entry, object);
                uses += 1;
            }
            _ => (),
        }
    }
    uses
}

#[derive(Default)]
struct Order {
    /// Versions and principals.
    shut: BTreeSet<String>,
    /// Of those whose grants were changed.
    grants: BTreeMap<String, Vec<String>>,
}

impl Order {
    fn granted(&mut self, who: &str, deks: &Value) {
        let deks = deks.as_array().unwrap().iter();
        let deks = deks.map(|dek| dek.as_str().unwrap().to_owned());
        self.grants.insert(who.to_owned(), deks.collect());
    }

    #[track_caller]
    fn allows(&self, entry: &Value, object: &str) {
        let who = entry["actor"]["id"].as_str().unwrap();
        let dek = object.split('/').next().unwrap();
        assert!(
            !self.shut.contains(object),
            "a version that was shut: {entry}"
        );
        assert!(
            !self.shut.contains(who),
            "somebody who was shut out: {entry}"
        );
        let grants = self.grants.get(who);
        let granted =
            grants.is_none_or(|grants| grants.iter().any(|grant| grant == "*" || grant == dek));
        assert!(granted, "a DEK that was no longer granted: {entry}");
    }
}
