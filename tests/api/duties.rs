//! Separation of duties over all principals of one subject (api.md section 2).

use std::thread;

use serde_json::json;

use crate::{
    principals::{create, delete, named},
    service::Service,
};

const MANAGES: [&str; 2] = ["admin", "operator"];
const USES: [&str; 2] = ["app", "custodian"];

#[test]
fn whoever_manages_may_not_use_within_one_principal() {
    let service = Service::spawn();
    for (manages, uses) in MANAGES.iter().flat_map(|one| USES.map(|two| (*one, two))) {
        for roles in [[manages, uses], [uses, manages]] {
            create(&service, named("n", "s", &roles)).is_refused(422, "two_person_rule");
            create(&service, json!({"roles": roles})).is_refused(422, "two_person_rule");
        }
    }
}

#[test]
fn whoever_manages_may_not_use_over_all_principals_of_the_subject() {
    let service = Service::spawn();
    for (number, manages) in MANAGES.iter().enumerate() {
        let (one, two) = (format!("one-{number}"), format!("two-{number}"));
        create(&service, named(&one, &one, &[manages])).is(201);
        create(&service, named("n", &one, &["app"])).is_refused(422, "two_person_rule");
        create(&service, named("n", &one.to_uppercase(), &["app"]))
            .is_refused(422, "two_person_rule");
        let app = create(&service, named(&two, &two.to_uppercase(), &["app"])).is(201);
        create(&service, named("n", &two, &[manages])).is_refused(422, "two_person_rule");
        delete(&service, app["id"].as_str().unwrap()).is(204);
        create(
            &service,
            named(&format!("later-{number}"), &two, &[manages]),
        )
        .is(201);
    }
    for subject in ["dev-admin", "DEV-Operator"] {
        create(&service, json!({"subject": subject, "roles": ["app"]}))
            .is_refused(422, "two_person_rule");
    }
    create(
        &service,
        json!({"subject": "dev-app", "roles": ["operator"]}),
    )
    .is_refused(422, "two_person_rule");
}

#[test]
fn the_other_roles_go_together() {
    let service = Service::spawn();
    let sets: [&[&str]; 4] = [
        &["admin", "operator", "auditor", "metrics"],
        &["app", "auditor"],
        &["metrics"],
        &["operator", "auditor"],
    ];
    for (number, roles) in sets.iter().enumerate() {
        let name = format!("n-{number}");
        create(&service, named(&name, &name, roles)).is(201);
    }
}

#[test]
fn duties_stay_apart_when_both_halves_come_at_once() {
    let service = Service::spawn();
    for round in 0..6 {
        let subject = format!("s-{round}");
        let statuses: Vec<_> = thread::scope(|scope| {
            let one = |role: &'static str| {
                let body = named(&format!("{role}-{round}"), &subject, &[role]);
                scope.spawn(|| create(&service, body).status)
            };
            let all: Vec<_> = ["app", "operator"].map(one).into_iter().collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let mut sorted = statuses;
        sorted.sort_unstable();
        assert_eq!(sorted, [201, 422]);
    }
}
