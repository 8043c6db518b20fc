//! An installation with TLS, two admins and those whom they gave a role.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use ureq::Agent;

use crate::{
    appliance::{Served, Site},
    authority::Authority,
    people::Desk,
    service::{Answer, send},
    tally::Tally,
};

pub struct Place {
    pub site: Site,
    pub authority: Authority,
    pub served: Served,
    pub tally: Tally,
    /// For whoever is not measured.
    agent: Agent,
    tokens: BTreeMap<&'static str, String>,
}

/// Nobody is too fast, and no client that stays loses its connection while it waits.
pub const LIMITS: &str = "[limits]\nidle = \"120s\"\nrequests_per_second = 0\n";

/// What the unit gives the service.
fn environment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unit = include_str!("../../systemd/aegis-custodian.service").lines();
    unit.filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
}

impl Place {
    pub fn open(limits: &str) -> Self {
        let site = Site::new();
        let authority = Authority::new(site.folder(), "authority");
        let pair = authority.server("server");
        site.configure(&format!(
            "[tls]\ncertificate = {:?}\nkey = {:?}\n{limits}",
            pair.certificate, pair.key
        ));
        assert!(site.init().status.success());
        let mut serve = site.command(&["serve", "--config", "custodian.toml"]);
        serve.envs(environment());
        let served = site.spawn(serve).unwrap_or_else(|why| panic!("{why:?}"));
        let mut place = Self {
            agent: authority.agent(None),
            tokens: BTreeMap::new(),
            tally: Tally::default(),
            site,
            authority,
            served,
        };
        for admin in ["ada", "bob"] {
            place.tokens.insert(admin, place.site.token(admin));
        }
        let grants = json!({"deks": ["*"], "servers": ["*"]});
        for (role, grants) in [
            ("app", grants),
            ("operator", Value::Null),
            ("auditor", Value::Null),
            ("metrics", Value::Null),
        ] {
            place.hire(role, grants);
        }
        place
    }

    fn hire(&mut self, role: &'static str, grants: Value) {
        let mut body = json!({"name": role, "subject": role, "roles": [role]});
        if grants.is_object() {
            body["grants"] = grants;
        }
        let made = self.told("ada", "POST", "/v1/admin/principals", body);
        let made = made.is(201);
        if made["status"] == "pending" {
            let id = made["id"].as_str().unwrap();
            let path = format!("/v1/admin/principals/{id}/approve");
            self.told("bob", "POST", &path, json!({})).is(200);
        }
        let token = made["token"].as_str().unwrap().to_owned();
        self.tokens.insert(role, token);
    }

    pub fn token(&self, who: &str) -> &str {
        &self.tokens[who]
    }

    /// One call that no figure counts.
    pub fn told(&self, who: &str, method: &str, path: &str, body: Value) -> Answer {
        self.served
            .ask(&self.agent, self.token(who), method, path, &body)
    }

    /// How many bytes came.
    pub fn download(&self, who: &str, path: &str, body: &Value) -> usize {
        let request = self.agent.post(format!("{}{path}", self.served.url));
        let request = request.header("authorization", format!("Bearer {}", self.token(who)));
        let request = request.header("content-type", "application/json");
        let mut answer = request.send(body.to_string()).unwrap();
        assert_eq!(answer.status(), 200);
        let whole = answer.body_mut().with_config().limit(u64::MAX);
        whole.read_to_vec().unwrap().len()
    }

    /// After all that it works, and its log is whole.
    pub fn is_whole(&self) {
        self.told("app", "GET", "/v1/health/ready", Value::Null)
            .is(200);
        let verdict = self.told("auditor", "POST", "/v1/audit/verify", json!({}));
        let verdict = verdict.is(200);
        assert_eq!(verdict["valid"], true, "{verdict}");
        println!("the log of {} entries is whole", verdict["size"]);
        assert!(!self.served.log().contains("panicked"));
    }

    /// Bytes of the database and of its write-ahead log.
    pub fn disk(&self) -> [u64; 2] {
        ["data/custodian.db", "data/custodian.db-wal"].map(|name| {
            let found = fs::metadata(self.site.path(name));
            found.map_or(0, |found| found.len())
        })
    }
}

/// Of one client: its own connections, and its answers are counted.
pub struct Counter<'a> {
    pub place: &'a Place,
    pub agent: Agent,
}

impl Counter<'_> {
    pub fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let text = match body.is_null() {
            true => String::new(),
            false => body.to_string(),
        };
        let url = format!("{}{path}", self.place.served.url);
        let what = || format!("{method} {path}");
        self.place.tally.measure(what, || {
            send(&self.agent, method, &url, &headers, text.as_bytes())
        })
    }

    pub fn ask(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.call(self.place.token(who), method, path, body)
    }
}

impl Desk for Counter<'_> {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.call(token, method, path, body)
    }

    fn admin(&self) -> String {
        self.place.token("ada").to_owned()
    }

    fn app(&self) -> String {
        self.place.token("app").to_owned()
    }

    fn second(&self) -> Option<String> {
        Some(self.place.token("bob").to_owned())
    }
}
