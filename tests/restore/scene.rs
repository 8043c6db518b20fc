//! A service that is backed up, goes on, and is restored.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Output};

use serde_json::{Value, json};

use crate::{
    appliance::{Served, Site},
    people::{Desk, text},
    sealed::Keys,
    service::{Answer, eventually},
};

pub const PLAINTEXT: &str = "c2VjcmV0";

/// Requests as many as a test makes.
const LIMITS: &str = "[limits]\nrequests_per_second = 100000\nburst = 100000\n";

/// One installation, with what its people hold.
pub struct Scene {
    pub site: Site,
    pub keys: Keys,
    served: Option<Served>,
    /// Bearer tokens by name.
    tokens: BTreeMap<String, String>,
    /// Ids of principals by name.
    ids: BTreeMap<String, String>,
}

/// How a restore ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub error: String,
}

impl Scene {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With this in the configuration; the admins ada and bob, and the principals operator, app and auditor.
    pub fn with(more: &str) -> Self {
        let site = Site::new();
        site.configure(&format!("{LIMITS}{more}"));
        Self::on(site)
    }

    pub fn on(site: Site) -> Self {
        let keys = Keys::new();
        site.write_private("identity", &keys.file);
        let served = site.serve_new();
        let mut scene = Self {
            site,
            keys,
            served: Some(served),
            tokens: BTreeMap::new(),
            ids: BTreeMap::new(),
        };
        for admin in ["ada", "bob"] {
            let token = scene.site.token(admin);
            scene.tokens.insert(admin.to_owned(), token);
        }
        for role in ["operator", "app", "auditor"] {
            scene.make(role, role, json!({"deks": ["*"]}));
        }
        scene
    }

    /// A principal of that name with that role.
    pub fn make(&mut self, name: &str, role: &str, grants: Value) {
        let body = json!({"name": name, "subject": name, "roles": [role], "grants": grants});
        let made = self.post("ada", "/v1/admin/principals", body).is(201);
        if made["status"] == "pending" {
            let path = format!("/v1/admin/principals/{}/approve", text(&made, "id"));
            self.post("bob", &path, json!({})).is(200);
        }
        self.tokens.insert(name.to_owned(), text(&made, "token"));
        self.ids.insert(name.to_owned(), text(&made, "id"));
    }

    pub fn token(&self, of: &str) -> String {
        self.tokens.get(of).cloned().unwrap_or_default()
    }

    pub fn holds(&mut self, of: &str, token: String) {
        self.tokens.insert(of.to_owned(), token);
    }

    pub fn id(&self, of: &str) -> String {
        self.ids[of].clone()
    }

    pub fn served(&self) -> &Served {
        self.served.as_ref().expect("it is served")
    }

    pub fn call(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.served().plain(&self.token(who), method, path, body)
    }

    pub fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        self.call(who, "POST", path, &body)
    }

    pub fn get(&self, who: &str, path: &str) -> Answer {
        self.call(who, "GET", path, &Value::Null)
    }

    pub fn make_dek(&self, name: &str) {
        let body = json!({"name": name, "algorithm": "aes-256-gcm"});
        self.post("operator", "/v1/deks", body).is(201);
    }

    /// What a verb does to a DEK's version of that number.
    pub fn change_version(&self, dek: &str, number: u64, verb: &str) -> Answer {
        let version = self.version(dek, number);
        let body = match verb {
            "destroy" => json!({"confirm": format!("{dek}/{version}")}),
            _ => json!({}),
        };
        let path = format!("/v1/deks/{dek}/versions/{version}/{verb}");
        self.post("operator", &path, body)
    }

    /// The name of a DEK's version of that number.
    pub fn version(&self, dek: &str, number: u64) -> String {
        text(&self.version_row(dek, number), "version")
    }

    pub fn version_row(&self, dek: &str, number: u64) -> Value {
        let shown = self.get("operator", &format!("/v1/deks/{dek}")).is(200);
        let versions = shown["versions"].as_array().unwrap().clone();
        let found = versions.into_iter().find(|row| row["number"] == number);
        found.unwrap_or_else(|| panic!("{dek} {number}: {shown}"))
    }

    pub fn rotate(&self, dek: &str) {
        let path = format!("/v1/deks/{dek}/rotate");
        self.post("operator", &path, json!({})).is(201);
    }

    pub fn encrypt(&self, dek: &str) -> Value {
        let body = json!({"plaintext": PLAINTEXT});
        let path = format!("/v1/deks/{dek}/encrypt");
        self.post("app", &path, body).is(200)["ciphertext"].take()
    }

    pub fn decrypt(&self, dek: &str, ciphertext: &Value) -> Answer {
        let path = format!("/v1/deks/{dek}/decrypt");
        self.post("app", &path, json!({"ciphertext": ciphertext}))
    }

    pub fn opens(&self, dek: &str, ciphertext: &Value) {
        assert_eq!(
            self.decrypt(dek, ciphertext).is(200)["plaintext"],
            PLAINTEXT
        );
    }

    /// The command line of somebody at the service.
    pub fn cli(&self, who: &str, arguments: &[&str]) -> Ended {
        let file = self.site.write_private("cli.token", self.token(who));
        let mut command = self.site.command(arguments);
        command.env("CUSTODIAN_URL", &self.served().url);
        command.env("CUSTODIAN_TOKEN_FILE", file);
        Ended::of(command.output().unwrap())
    }

    pub fn backup(&self, name: &str) {
        let public = self.keys.public.clone();
        let made = self.cli(
            "operator",
            &["backup", "--out", name, "--recipient", &public],
        );
        assert_eq!(made.code, 0, "{made:?}");
    }

    /// Of the whole log.
    pub fn export(&self, name: &str) {
        self.is_signed();
        let made = self.cli("auditor", &["audit", "export", "--out", name]);
        assert_eq!(made.code, 0, "{made:?}");
    }

    /// Waits until the newest checkpoint is that of the whole log.
    pub fn is_signed(&self) {
        eventually("all is signed", || {
            let note = self.get("auditor", "/v1/audit/checkpoint");
            let size = self.get("auditor", "/v1/audit/entries?limit=1").is(200)["size"].as_u64();
            note.status == 200
                && note.text.lines().nth(1) == size.map(|size| size.to_string()).as_deref()
        });
    }

    pub fn audit(&self) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let path = format!("/v1/audit/entries?from={}&limit=200", all.len());
            let page = self.get("auditor", &path).is(200);
            let items = page["items"].as_array().unwrap().clone();
            if items.is_empty() {
                return all;
            }
            all.extend(items);
        }
    }

    pub fn stop(&mut self) {
        if let Some(served) = self.served.take() {
            assert_eq!(served.stop(), Some(0));
        }
    }

    pub fn kill(&mut self) {
        if let Some(served) = self.served.take() {
            served.kill();
        }
    }

    /// All that stood on the disk of the service; the token is elsewhere.
    pub fn lose_disk(&mut self) {
        self.kill();
        fs::remove_dir_all(self.site.path("data")).unwrap();
    }

    pub fn serve(&mut self) {
        self.served = Some(self.site.serve());
    }

    pub fn restore(&self, more: &[&str]) -> Ended {
        self.restore_from("b", more)
    }

    pub fn restore_from(&self, backup: &str, more: &[&str]) -> Ended {
        Ended::of(self.restoring(backup, more).output().unwrap())
    }

    pub fn restoring(&self, backup: &str, more: &[&str]) -> std::process::Command {
        let mut all = vec![
            "restore",
            "--config",
            "custodian.toml",
            "--identity",
            "identity",
        ];
        all.extend(["--backup", backup, "--output", "json"]);
        all.extend(more);
        self.site.command(&all)
    }

    /// Lawfully, by backup `b` and a new export, after the disk was lost; served again. Answers the report.
    pub fn come_back(&mut self) -> Value {
        self.export("e");
        self.lose_disk();
        let ended = self.restore(&["--audit", "e"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        self.serve();
        ended.json()
    }

    /// Without an export, by ada and bob, who get new tokens.
    pub fn roll_back(&mut self) -> Value {
        let ended = self.restore(&ROLLBACK);
        assert_eq!(ended.code, 0, "{ended:?}");
        for admin in ["ada", "bob"] {
            let token = fs::read_to_string(self.site.path(&format!("{admin}.new"))).unwrap();
            self.holds(admin, token);
        }
        self.serve();
        ended.json()
    }

    pub fn database(&self) -> PathBuf {
        self.site.path("data/custodian.db")
    }
}

/// What ada and bob say together.
pub const ROLLBACK: [&str; 9] = [
    "--accept-rollback",
    "--approved-by",
    "ada=ada.token",
    "--approved-by",
    "bob=bob.token",
    "--admin",
    "ada=ada.new",
    "--admin",
    "bob=bob.new",
];

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            error: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Refused with this exit code, and a sentence in which that stands.
    #[track_caller]
    pub fn is_refused(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.error.contains(says), "{says:?} in {self:?}");
    }
}

impl Desk for Scene {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.served().plain(token, method, path, body)
    }

    fn admin(&self) -> String {
        self.token("ada")
    }

    fn app(&self) -> String {
        self.token("app")
    }

    fn second(&self) -> Option<String> {
        Some(self.token("bob"))
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}
