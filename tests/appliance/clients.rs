//! Client certificates that stand for principals (api.md section 2).

use std::fs;

use serde_json::{Value, json};

use crate::{
    appliance::Site,
    authority::Authority,
    tls::{configure, site, until},
};

const WRAP: &str = "/v1/wrap";

fn secret() -> Value {
    json!({"plaintext": "AAAA"})
}

/// A site that takes certificates of `clients`.
fn taking(word: &str) -> (Site, Authority, Authority) {
    let (site, authority, pair) = site("");
    let clients = Authority::new(site.folder(), "clients");
    let more = format!(
        "client_ca = {:?}\nclient_certificates = {word:?}\n",
        clients.file
    );
    configure(&site, &pair, &more);
    (site, authority, clients)
}

fn app(name: &str, sha256: &str) -> Value {
    json!({"name": name, "subject": name, "roles": ["app"], "client_cert_sha256": sha256})
}

#[test]
fn a_certificate_stands_for_the_principal_that_is_bound_to_it() {
    let (site, authority, clients) = taking("optional");
    let served = site.serve_new();
    let anonymous = authority.agent(None);
    let (till, stranger) = (clients.client("till"), clients.client("stranger"));
    let (id, _) = site.principal(&served, &anonymous, &app("till", &till.sha256));
    let shown = authority.agent(Some(&till));
    served.ask(&shown, "", "POST", WRAP, &secret()).is(200);
    let unbound = authority.agent(Some(&stranger));
    served
        .ask(&unbound, "", "POST", WRAP, &secret())
        .is_refused(401, "unauthenticated");
    served
        .ask(&anonymous, "", "POST", WRAP, &secret())
        .is_refused(401, "unauthenticated");
    // With the principal its certificate goes, on the connection that is open too.
    let path = format!("/v1/admin/principals/{id}");
    served
        .ask(
            &anonymous,
            &site.token("ada"),
            "DELETE",
            &path,
            &Value::Null,
        )
        .is(204);
    served
        .ask(&shown, "", "POST", WRAP, &secret())
        .is_refused(401, "unauthenticated");
}

#[test]
fn a_principal_that_waits_for_its_approval_is_nobody() {
    let (site, authority, clients) = taking("optional");
    let served = site.serve_new();
    let till = clients.client("till");
    let agent = authority.agent(None);
    let body = app("till", &till.sha256);
    served
        .ask(
            &agent,
            &site.token("ada"),
            "POST",
            "/v1/admin/principals",
            &body,
        )
        .is(201);
    let shown = authority.agent(Some(&till));
    served
        .ask(&shown, "", "POST", WRAP, &secret())
        .is_refused(401, "unauthenticated");
}

#[test]
fn a_token_and_a_certificate_that_name_two_are_refused() {
    let (site, authority, clients) = taking("optional");
    let served = site.serve_new();
    let anonymous = authority.agent(None);
    let (till, desk) = (clients.client("till"), clients.client("desk"));
    let (_, till_token) = site.principal(&served, &anonymous, &app("till", &till.sha256));
    site.principal(&served, &anonymous, &app("desk", &desk.sha256));
    let as_till = authority.agent(Some(&till));
    let as_desk = authority.agent(Some(&desk));
    let unbound = authority.agent(Some(&clients.client("unbound")));
    served
        .ask(&as_till, &till_token, "POST", WRAP, &secret())
        .is(200);
    served
        .ask(&unbound, &till_token, "POST", WRAP, &secret())
        .is(200);
    served
        .ask(&as_desk, &till_token, "POST", WRAP, &secret())
        .is_refused(401, "unauthenticated");
    // A certificate does not stand in for a token that opens nothing.
    for wrong in ["cst_wrong", "x", "cst_"] {
        served
            .ask(&as_till, wrong, "POST", WRAP, &secret())
            .is_refused(401, "unauthenticated");
    }
    served.ask(&as_till, "", "POST", WRAP, &secret()).is(200);
}

#[test]
fn where_certificates_are_required_nobody_else_is_heard() {
    let (site, authority, clients) = taking("required");
    let served = site.serve_new();
    let url = format!("{}/v1/health/live", served.url);
    assert!(authority.agent(None).get(&url).call().is_err());
    // One that calls itself the same, by another authority.
    fs::create_dir(site.path("elsewhere")).unwrap();
    let forged = Authority::new(&site.path("elsewhere"), "clients").client("till");
    assert!(authority.agent(Some(&forged)).get(&url).call().is_err());
    let till = clients.client("till");
    let answer = authority.agent(Some(&till)).get(&url).call().unwrap();
    assert_eq!(answer.status(), 200);
    // Not even the server's own, which is for servers.
    let server = authority.server("again");
    assert!(authority.agent(Some(&server)).get(&url).call().is_err());
}

#[test]
fn a_certificate_past_its_time_or_before_it_is_refused_though_it_is_bound() {
    for word in ["optional", "required"] {
        let (site, authority, clients) = taking(word);
        let served = site.serve_new();
        let desk = clients.client("desk");
        let as_desk = authority.agent(Some(&desk));
        let url = format!("{}/v1/health/live", served.url);
        for (name, years) in [("past", 2020..2021), ("future", 4000..4001)] {
            let pair = clients.client_of(name, years);
            site.principal(&served, &as_desk, &app(name, &pair.sha256));
            let shown = authority.agent(Some(&pair));
            assert!(shown.get(&url).call().is_err(), "{word}: {name}");
        }
        let current = clients.client_of("current", 2020..4000);
        site.principal(&served, &as_desk, &app("current", &current.sha256));
        let shown = authority.agent(Some(&current));
        served.ask(&shown, "", "POST", WRAP, &secret()).is(200);
    }
}

#[test]
fn an_authority_that_is_exchanged_counts_from_sighup_on() {
    let (site, authority, clients) = taking("required");
    let served = site.serve_new();
    let url = format!("{}/v1/health/live", served.url);
    let old = clients.client("old");
    assert!(authority.agent(Some(&old)).get(&url).call().is_ok());
    let next = Authority::new(site.folder(), "clients").client("new");
    assert!(authority.agent(Some(&next)).get(&url).call().is_err());
    served.signal("-HUP");
    until(|| served.log().contains("were read again"));
    assert!(authority.agent(Some(&next)).get(&url).call().is_ok());
    assert!(authority.agent(Some(&old)).get(&url).call().is_err());
}
