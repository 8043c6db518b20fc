//! An appliance with small limits, its principals, and what its log says of those who met a limit.

use std::{fs, net::Ipv4Addr, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    appliance::{Served, Site},
    callers::{HERE, from, once, request},
    service::{Answer, agent},
    wire::Reply,
};

pub const WRAP: &str = "/v1/wrap";
pub const LIVE: &str = "/v1/health/live";
/// Authenticated, and nothing else.
pub const CHEAP: &str = "/v1/capabilities";

pub struct Scene {
    pub site: Site,
    pub served: Served,
}

impl Scene {
    /// With these lines of `[limits]`.
    pub fn open(limits: &str) -> Self {
        Self::configured(&format!("[limits]\n{limits}\n"))
    }

    pub fn configured(more: &str) -> Self {
        let site = Site::new();
        site.configure(more);
        let served = site.serve_new();
        Self { site, served }
    }

    /// Its token's library is another than the one that `init` had.
    pub fn on(module: &str, limits: &str) -> Self {
        let site = Site::new();
        site.configure(&format!("[limits]\n{limits}\n"));
        let made = site.init();
        assert!(made.status.success(), "{made:?}");
        let mut command: Command = site.command(&["serve", "--config", "custodian.toml"]);
        command.env("CUSTODIAN__KEK__MODULE", module);
        let served = site.spawn(command).unwrap_or_else(|why| panic!("{why:?}"));
        Self { site, served }
    }

    /// Stopped as an operator stops it, and begun again.
    pub fn restarted(self) -> Self {
        let Self { site, served } = self;
        assert_eq!(served.stop(), Some(0));
        let served = site.serve();
        Self { site, served }
    }

    /// The id and the token of a principal that may wrap.
    pub fn app(&self, name: &str) -> (String, String) {
        let body = json!({"name": name, "subject": name, "roles": ["app"]});
        self.site.principal(&self.served, &agent(), &body)
    }

    pub fn auditor(&self) -> String {
        let body = json!({"name": "auditor", "subject": "auditor", "roles": ["auditor"]});
        let ada = self.site.token("ada");
        let path = "/v1/admin/principals";
        let made = self.served.plain(&ada, "POST", path, &body).is(201);
        made["token"].as_str().unwrap().to_owned()
    }

    pub fn get(&self, token: &str, path: &str) -> Answer {
        self.served.plain(token, "GET", path, &Value::Null)
    }

    pub fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.served.plain(token, "POST", path, body)
    }

    /// One request on a connection of its own, from that address.
    pub fn ask(&self, source: Ipv4Addr, token: &str, path: &str) -> Reply {
        let mut stream = from(source, &self.served.url);
        once(&mut stream, &request("GET", path, token, ""))
    }

    pub fn is_live(&self) {
        assert_eq!(self.ask(HERE, "", LIVE).status, 200);
    }

    /// Every entry of the log with this action.
    pub fn entries(&self, auditor: &str, action: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let mut from = 0;
        loop {
            let path = format!("/v1/audit/entries?limit=500&from={from}");
            let page = self.get(auditor, &path).is(200);
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return all;
            }
            from += items.len();
            let ours = items.iter().filter(|entry| entry["action"] == action);
            all.extend(ours.cloned());
        }
    }

    /// A figure of the process: `Threads`, or `VmRSS` in KiB.
    pub fn figure(&self, name: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.served.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let mut words = line.unwrap().trim_start_matches(':').split_whitespace();
        words.next().unwrap().parse().unwrap()
    }

    pub fn open_files(&self) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.served.pid()));
        folder.unwrap().count()
    }
}

/// So many items that are refused each for itself: a batch that costs its items and no work of the token.
pub fn batch(items: usize) -> Value {
    json!({"items": vec![json!({"plaintext": "!"}); items]})
}

pub fn secret() -> Value {
    json!({"plaintext": "YQ=="})
}

/// What `Retry-After` says.
pub fn wait(said: Option<&str>) -> Duration {
    let seconds: u64 = said.unwrap().parse().unwrap();
    assert!(seconds >= 1);
    Duration::from_secs(seconds)
}

/// The sum of a member over the details of these entries.
pub fn sum(entries: &[Value], member: &str) -> u64 {
    let one = |entry: &Value| entry["detail"][member].as_u64().unwrap();
    entries.iter().map(one).sum()
}
