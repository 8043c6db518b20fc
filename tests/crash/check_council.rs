//! After a restart: custodians, overrides and certificates.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    check::Check,
    council::{Act, Council},
    load::text,
    service::eventually,
};

const MINUTE: Duration = Duration::from_secs(60);
/// The service looks for what is over every so often, and `there` was read some time ago.
const SLACK: Duration = Duration::from_secs(15);

impl Check<'_> {
    /// Each is as it was acknowledged last, or as it was asked for when the service died.
    pub fn councils_are_as_acknowledged(&mut self) {
        self.custodians_are_as_acknowledged();
        let there = self.overrides_there();
        let stands = |council: &Council| {
            let mut all = council.overrides.iter();
            all.all(|one| one.is_shown_as(&there[&one.id]))
        };
        let mut count = 0;
        for council in &mut self.ledger.councils {
            let mut after = council.clone();
            after.settle();
            let was_done = match council.asked.take() {
                // Together with the custodian's status, or not at all.
                Some(Act::SendAway(who)) => {
                    self.ledger.custodians[&council.members[who].id].status != "active"
                }
                Some(Act::Close(..) | Act::Sign(..)) => !stands(council),
                None => false,
            };
            if was_done {
                *council = after;
            }
            for one in &council.overrides {
                assert!(
                    one.is_shown_as(&there[&one.id]),
                    "{one:?}: {}",
                    there[&one.id]
                );
            }
            count += council.overrides.len();
        }
        self.looked_at("overrides and their signatures", count);
        self.time_is_kept(&there);
        self.fetch_missing_certificates();
        self.certificates_are_the_same();
    }

    /// What nobody touched is pending for a minute, and expired from then on.
    fn time_is_kept(&mut self, there: &BTreeMap<String, Value>) {
        for one in &self.ledger.lapsing {
            let status = &there[&one.id]["status"];
            if one.answered.elapsed() > MINUTE + SLACK {
                assert_eq!(*status, "expired", "{}", one.id);
            } else if one.asked.elapsed() < MINUTE.saturating_sub(SLACK) {
                assert_eq!(*status, "pending", "{}", one.id);
            }
        }
        let count = self.ledger.lapsing.len();
        self.looked_at("overrides that expire by themselves", count);
    }

    fn custodians_are_as_acknowledged(&mut self) {
        let mut there = BTreeMap::new();
        self.each_item("auditor", "/v1/custodians", |one| {
            there.insert(text(&one["id"]), text(&one["status"]));
        });
        for (id, custodian) in &mut self.ledger.custodians {
            let status = &there[id];
            match custodian.asked.take().filter(|asked| asked == status) {
                Some(asked) => custodian.status = asked,
                None => assert_eq!(custodian.status, status, "{id}"),
            }
        }
        let count = self.ledger.custodians.len();
        self.looked_at("states of custodians", count);
    }

    /// Once those that were signed twice are countersigned.
    fn overrides_there(&mut self) -> BTreeMap<String, Value> {
        let mut there = BTreeMap::new();
        let mut waited_for = None;
        eventually("all that was signed twice is approved", || {
            self.each_item("auditor", "/v1/overrides", |one| {
                there.insert(text(&one["id"]), one.clone());
            });
            let is_due = |one: &&Value| {
                one["status"] == "partial" && one["signatures"].as_array().unwrap().len() == 2
            };
            let due = there.values().filter(is_due).count();
            waited_for.get_or_insert(due);
            due == 0
        });
        let waited_for = waited_for.unwrap_or_default();
        self.looked_at("overrides countersigned after the restart", waited_for);
        there
    }

    fn fetch_missing_certificates(&mut self) {
        let overrides = self.ledger.councils.iter_mut();
        let overrides = overrides.flat_map(|council| &mut council.overrides);
        let missing = overrides.filter(|one| one.status == "approved" && !one.handed_out);
        let mut fetched = Vec::new();
        for one in missing {
            one.handed_out = true;
            let certificate = fetch(self.service, &one.id);
            let body = json!({"certificate": serde_json::from_str::<Value>(&certificate).unwrap()});
            let verdict = self
                .service
                .post("app", "/v1/overrides/verify", body)
                .is(200);
            assert_eq!(verdict["valid"], true, "{}: {verdict}", one.id);
            fetched.push((one.id.clone(), certificate));
        }
        let count = fetched.len();
        self.ledger.certificates.extend(fetched);
        self.looked_at("certificates that nobody had seen", count);
    }

    fn certificates_are_the_same(&mut self) {
        let known = self.some(|ledger| &ledger.certificates);
        for (id, certificate) in &known {
            assert_eq!(fetch(self.service, id), *certificate, "{id}");
        }
        self.looked_at("certificates, byte for byte", known.len());
    }
}

fn fetch(service: &super::service::Service, id: &str) -> String {
    let path = format!("/v1/overrides/{id}/certificate");
    let answer = service.get("app", &path);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}
