//! Certificates that have ended, or are for something else: refused by each who reads them, and never by stopping what
//! runs.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    appliance::{Served, Site},
    authority::{Authority, ending_in, of},
    tls::{configure, site, until},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What `custodian doctor` finds of TLS: verdict and words.
fn found(site: &Site) -> Vec<(String, String)> {
    let looked = site.run(&["doctor", "--output", "json"]);
    let report: Value = serde_json::from_slice(&looked.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let tls = findings.iter().filter(|one| one["about"] == "TLS");
    let word = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    tls.map(|one| (word(one, "verdict"), word(one, "says")))
        .collect()
}

/// `config check`, `doctor` and `serve` refuse it, and name file and cause.
#[track_caller]
fn is_refused(site: &Site, file: &Path, words: &[&str]) {
    let checked = site.run(&["config", "check"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let said = String::from_utf8(checked.stderr).unwrap();
    let (verdict, found) = found(site).swap_remove(0);
    assert_eq!(verdict, "problem", "{found}");
    let (code, log) = site.try_serve().err().unwrap();
    assert_eq!(code, Some(1), "{log}");
    for text in [said, found, log] {
        assert!(text.contains(file.to_str().unwrap()), "{text}");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}

/// With client certificates of whom `authority` signed.
fn taking(authority: &Path) -> Site {
    let (site, _, pair) = site("");
    let copied = site.path("clients.pem");
    fs::copy(authority, &copied).unwrap();
    let more = format!("client_ca = {copied:?}\nclient_certificates = \"optional\"\n");
    configure(&site, &pair, &more);
    site
}

#[test]
fn an_expired_certificate_is_refused_by_each_who_reads_it_and_so_is_one_whose_time_has_not_come() {
    let (site, authority, pair) = site("");
    assert!(site.init().status.success());
    authority.server_that("server", of(2020..2021));
    let words = ["certificate 1", "expired at 2021-01-01", "put one there"];
    is_refused(&site, &pair.certificate, &words);
    authority.server_that("server", of(2090..2091));
    is_refused(
        &site,
        &pair.certificate,
        &["not valid before 2090", "clock"],
    );
}

#[test]
fn an_expired_certificate_further_up_the_chain_keeps_nothing_from_serving() {
    let (site, _, pair) = site("");
    let between = Authority::that(site.folder(), "between", of(2020..2021));
    let mut chain = fs::read_to_string(&pair.certificate).unwrap();
    chain += &fs::read_to_string(between.file).unwrap();
    fs::write(&pair.certificate, chain).unwrap();
    let checked = site.run(&["config", "check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_certificate_for_clients_only_does_not_serve() {
    let (site, authority, pair) = site("");
    authority.client("server");
    is_refused(&site, &pair.certificate, &["not for servers", "serverAuth"]);
}

#[test]
fn what_signs_no_clients_is_no_authority_of_theirs() {
    let home = tempfile::TempDir::new().unwrap();
    let leaf = Authority::new(home.path(), "authority").client("till");
    let site = taking(&leaf.certificate);
    is_refused(&site, &site.path("clients.pem"), &["not an authority's"]);
    let ended = Authority::that(home.path(), "ended", of(2020..2021));
    let site = taking(&ended.file);
    is_refused(&site, &site.path("clients.pem"), &["expired at 2021-01-01"]);
}

#[test]
fn doctor_says_until_when_certificates_are_valid_and_warns_for_the_last_month() {
    let home = tempfile::TempDir::new().unwrap();
    let days = |days: u32| ending_in(DAY * days + DAY / 2);
    let lasting = |service: u32, clients: u32| {
        let clients = Authority::that(home.path(), "clients", days(clients));
        let site = taking(&clients.file);
        Authority::new(site.folder(), "authority").server_that("server", days(service));
        found(&site)
    };
    let is = |found: &(String, String), verdict: &str, left: &str| {
        assert_eq!(found.0, verdict, "{}", found.1);
        assert!(found.1.ends_with(left), "{}", found.1);
    };
    let both = lasting(30, 40);
    is(&both[0], "ok", ", 30 more days");
    is(&both[1], "ok", ", 40 more days");
    let both = lasting(29, 3);
    is(&both[0], "warning", ", 29 more days");
    is(&both[1], "warning", ", 3 more days");
}

/// Until when `/metrics` says that the certificate and the clients' authority are valid, in days from now.
fn told(served: &Served, authority: &Authority, token: &str) -> [f64; 2] {
    let text = served.get(&authority.agent(None), token, "/metrics").text;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs_f64();
    ["certificate", "client_ca"].map(|file| {
        let name = format!("custodian_tls_certificate_not_after_seconds{{file=\"{file}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        (value.unwrap().parse::<f64>().unwrap() - now) / DAY.as_secs_f64()
    })
}

#[test]
fn metrics_say_until_when_certificates_are_valid_and_an_expired_one_changes_neither() {
    let (site, authority, _) = site("");
    let pair = authority.server_that("server", ending_in(DAY * 20));
    let clients = Authority::that(site.folder(), "clients", ending_in(DAY * 50));
    let more = format!(
        "client_ca = {:?}\nclient_certificates = \"optional\"\n",
        clients.file
    );
    configure(&site, &pair, &more);
    let served = site.serve_new();
    let body = json!({"name": "prometheus", "subject": "prometheus", "roles": ["metrics"]});
    let ada = site.token("ada");
    let agent = authority.agent(None);
    let made = served.ask(&agent, &ada, "POST", "/v1/admin/principals", &body);
    let made = made.is(201);
    let token = made["token"].as_str().unwrap();
    let is = |wanted: [f64; 2]| {
        let told = told(&served, &authority, token);
        let near = told
            .iter()
            .zip(wanted)
            .all(|(one, wanted)| (one - wanted).abs() < 0.1);
        assert!(near, "{told:?}");
    };
    is([20.0, 50.0]);
    authority.server_that("server", of(2020..2021));
    served.signal("-HUP");
    until(|| served.log().contains("stay as they were"));
    assert!(served.log().contains("expired at 2021-01-01"));
    is([20.0, 50.0]);
    authority.server_that("server", ending_in(DAY * 90));
    Authority::that(site.folder(), "clients", ending_in(DAY * 80));
    served.signal("-HUP");
    until(|| served.log().contains("were read again"));
    is([90.0, 80.0]);
}
