//! What one admin proposes, an independent one approves (api.md section 2).

use serde_json::json;

use crate::House;

#[test]
fn a_new_principal_with_power_waits_for_a_second_admin() {
    let house = House::open();
    for role in ["admin", "operator", "app"] {
        let (path, token) = house.propose(&house.ada, &format!("new-{role}"), &[role]);
        assert_eq!(house.get(&house.ada, &path).is(200)["status"], "pending");
        assert!(!house.works(&token), "{role} signed in while pending");
        house
            .approve(&house.ada, &path)
            .is_refused(422, "two_person_rule");
        assert_eq!(house.approve(&house.bob, &path).is(200)["status"], "active");
        assert!(
            house.works(&token),
            "{role} was approved and cannot sign in"
        );
        house.approve(&house.bob, &path).is_refused(409, "conflict");
    }
}

#[test]
fn a_principal_that_only_reads_needs_no_second_admin() {
    let house = House::open();
    for role in ["auditor", "metrics"] {
        let (_, token) = house.propose(&house.ada, role, &[role]);
        assert!(house.works(&token), "{role}");
    }
}

#[test]
fn an_admin_cannot_approve_with_a_second_principal_of_its_own() {
    let house = House::open();
    let body = json!({"name": "ada-2", "subject": "ADA", "roles": ["admin"]});
    let made = house.post(&house.bob, "/v1/admin/principals", body).is(201);
    let path = format!("/v1/admin/principals/{}", made["id"].as_str().unwrap());
    house.approve(&house.ada, &path).is(200);
    let second = made["token"].as_str().unwrap();
    let (proposed, _) = house.propose(&house.ada, "app", &["app"]);
    house
        .approve(second, &proposed)
        .is_refused(422, "two_person_rule");
}

#[test]
fn an_admin_that_the_proposer_created_cannot_approve() {
    let house = House::open();
    let (_, carol) = house.make("carol", &["admin"]);
    let (proposed, _) = house.propose(&house.ada, "app", &["app"]);
    house
        .approve(&carol, &proposed)
        .is_refused(422, "two_person_rule");
    let (proposed, _) = house.propose(&house.bob, "app-2", &["app"]);
    house.approve(&carol, &proposed).is(200);
}

#[test]
fn an_admin_that_the_proposer_gave_a_token_cannot_approve_once_that_is_in_force() {
    let house = House::open();
    let (carol_path, carol) = house.make("carol", &["admin"]);
    let path = format!("{carol_path}/tokens");
    let issued = house.post(&house.bob, &path, json!({})).is(201);
    assert_eq!(issued["status"], "pending");
    let (first, _) = house.propose(&house.bob, "app", &["app"]);
    house.approve(&carol, &first).is(200);
    let token = format!("{path}/{}", issued["id"].as_str().unwrap());
    house.approve(&house.ada, &token).is(200);
    let (second, _) = house.propose(&house.bob, "app-2", &["app"]);
    house
        .approve(&carol, &second)
        .is_refused(422, "two_person_rule");
    house.approve(&house.ada, &second).is(200);
}

#[test]
fn an_admin_cannot_approve_what_one_that_it_created_proposes() {
    let house = House::open();
    let (_, puppet) = house.make("puppet", &["admin"]);
    let (proposed, _) = house.propose(&puppet, "app", &["app"]);
    house
        .approve(&house.ada, &proposed)
        .is_refused(422, "two_person_rule");
    house.approve(&house.bob, &proposed).is(200);
}

#[test]
fn two_admins_of_one_maker_cannot_approve_each_other() {
    let house = House::open();
    let (_, left) = house.make("left", &["admin"]);
    let (_, right) = house.make("right", &["admin"]);
    let (proposed, _) = house.propose(&left, "app", &["app"]);
    house
        .approve(&right, &proposed)
        .is_refused(422, "two_person_rule");
}

#[test]
fn a_chain_of_admins_leads_back_to_its_maker() {
    let house = House::open();
    let (_, puppet) = house.make("puppet", &["admin"]);
    let (path, second) = house.propose(&puppet, "second", &["admin"]);
    house.approve(&house.bob, &path).is(200);
    let (proposed, _) = house.propose(&house.ada, "app", &["app"]);
    house
        .approve(&second, &proposed)
        .is_refused(422, "two_person_rule");
    house.approve(&house.bob, &proposed).is(200);
}

#[test]
fn one_admin_alone_cannot_make_another_unfit_to_approve() {
    let house = House::open();
    let body = json!({"name": "bob-reads", "subject": "bob", "roles": ["auditor"]});
    house.post(&house.ada, "/v1/admin/principals", body).is(201);
    let body = json!({"name": "bob-2", "subject": "bob", "roles": ["admin"]});
    house.post(&house.ada, "/v1/admin/principals", body).is(201);
    let (proposed, _) = house.propose(&house.ada, "app", &["app"]);
    house.approve(&house.bob, &proposed).is(200);
}

#[test]
fn a_token_for_anothers_principal_waits_and_one_for_the_own_does_not() {
    let house = House::open();
    let (path, _) = house.make("app", &["app"]);
    let issued = house
        .post(&house.ada, &format!("{path}/tokens"), json!({}))
        .is(201);
    let token = issued["token"].as_str().unwrap();
    assert!(!house.works(token), "a pending token opened the door");
    let place = format!("{path}/tokens/{}", issued["id"].as_str().unwrap());
    house
        .approve(&house.ada, &place)
        .is_refused(422, "two_person_rule");
    assert_eq!(
        house.approve(&house.bob, &place).is(200)["status"],
        "active"
    );
    assert!(house.works(token));
    let all = house.get(&house.ada, "/v1/admin/principals").is(200);
    let ada = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == "ada")
        .unwrap();
    let own = format!(
        "/v1/admin/principals/{}/tokens",
        ada["id"].as_str().unwrap()
    );
    let issued = house
        .post(&house.ada, &own, json!({"expires_in": "1h"}))
        .is(201);
    assert!(house.works(issued["token"].as_str().unwrap()));
}

#[test]
fn a_pending_principal_gets_no_further_token() {
    let house = House::open();
    let (path, _) = house.propose(&house.ada, "app", &["app"]);
    let answer = house.post(&house.bob, &format!("{path}/tokens"), json!({}));
    answer.is_refused(409, "conflict");
}

#[test]
fn a_change_of_grants_waits_for_a_second_admin_who_sees_it() {
    let house = House::open();
    let (_, operator) = house.make("operator", &["operator"]);
    let (path, app) = house.make("app", &["app"]);
    house
        .post(
            &operator,
            "/v1/deks",
            json!({"name": "telemetry", "algorithm": "aes-256-gcm"}),
        )
        .is(201);
    let encrypt = || {
        house.post(
            &app,
            "/v1/deks/telemetry/encrypt",
            json!({"plaintext": "AA=="}),
        )
    };
    encrypt().is_refused(404, "not_found");
    let grants = json!({"deks": ["telemetry"]});
    let proposed = house
        .call(&house.ada, "PUT", &format!("{path}/grants"), &grants)
        .is(200);
    assert_eq!(proposed["grants"]["deks"], json!([]));
    assert_eq!(proposed["pending_grants"]["deks"], json!(["telemetry"]));
    encrypt().is_refused(404, "not_found");
    let approve = format!("{path}/grants/approve");
    house
        .post(&house.ada, &approve, grants.clone())
        .is_refused(422, "two_person_rule");
    house
        .post(&house.bob, &approve, json!({"deks": ["*"]}))
        .is_refused(409, "conflict");
    house.post(&house.bob, &approve, grants.clone()).is(200);
    encrypt().is(200);
    house
        .post(&house.bob, &approve, grants)
        .is_refused(409, "conflict");
}

#[test]
fn a_grant_of_servers_waits_for_a_second_admin_too_and_for_the_same_servers() {
    let house = House::open();
    let (path, app) = house.make("app", &["app"]);
    let sign = || {
        let body = json!({"tools": [{"name": "add"}], "server": "payments"});
        house.post(&app, "/v1/mcp/tools/sign", body)
    };
    sign().is_refused(403, "forbidden");
    let grants = json!({"deks": [], "servers": ["payments"]});
    let proposed = house
        .call(&house.ada, "PUT", &format!("{path}/grants"), &grants)
        .is(200);
    assert_eq!(proposed["grants"], json!({"deks": []}));
    assert_eq!(proposed["pending_grants"], grants);
    sign().is_refused(403, "forbidden");
    let approve = format!("{path}/grants/approve");
    for other in [json!({"deks": []}), json!({"deks": [], "servers": ["*"]})] {
        let refused = house.post(&house.bob, &approve, other);
        refused.is_refused(409, "conflict");
    }
    let approved = house.post(&house.bob, &approve, grants.clone()).is(200);
    assert_eq!(approved["grants"], grants);
    sign().is(200);
}

#[test]
fn a_deleted_proposer_still_cannot_be_its_own_second() {
    let house = House::open();
    let (carol_path, carol) = house.make("carol", &["admin"]);
    let (proposed, _) = house.propose(&carol, "app", &["app"]);
    house
        .call(&house.bob, "DELETE", &carol_path, &serde_json::Value::Null)
        .is(204);
    let body = json!({"name": "carol", "subject": "carol", "roles": ["admin"]});
    let again = house.post(&house.bob, "/v1/admin/principals", body).is(201);
    house
        .approve(
            &house.ada,
            &format!("/v1/admin/principals/{}", again["id"].as_str().unwrap()),
        )
        .is(200);
    house
        .approve(again["token"].as_str().unwrap(), &proposed)
        .is_refused(422, "two_person_rule");
}

#[test]
fn the_last_two_admins_stay() {
    let house = House::open();
    let all = house.get(&house.ada, "/v1/admin/principals").is(200);
    let admins = all["items"].as_array().unwrap().iter();
    for item in admins.filter(|item| item["roles"] == json!(["admin"])) {
        let path = format!("/v1/admin/principals/{}", item["id"].as_str().unwrap());
        house
            .call(&house.ada, "DELETE", &path, &serde_json::Value::Null)
            .is_refused(409, "conflict");
    }
    let (carol_path, _) = house.make("carol", &["admin"]);
    house
        .call(&house.ada, "DELETE", &carol_path, &serde_json::Value::Null)
        .is(204);
}

#[test]
fn the_last_two_admins_who_may_approve_each_other_stay() {
    let house = House::open();
    house.make("carol", &["admin"]);
    let all = house.get(&house.ada, "/v1/admin/principals").is(200);
    let path = |name: &str| {
        let mut items = all["items"].as_array().unwrap().iter();
        let found = items.find(|item| item["name"] == name).unwrap();
        format!("/v1/admin/principals/{}", found["id"].as_str().unwrap())
    };
    let delete = |name| house.call(&house.ada, "DELETE", &path(name), &serde_json::Value::Null);
    delete("bob").is_refused(409, "conflict");
    delete("carol").is(204);
    let (proposed, _) = house.propose(&house.ada, "app", &["app"]);
    house.approve(&house.bob, &proposed).is(200);
}
