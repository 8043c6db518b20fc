//! A service that was killed at any stage goes on from there at its next start: each stage is made as it is on disk.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use aegis_custodian::{
    custodian::{Clock, Custodian},
    id::KekVersion,
    kek::{Context, KekKeeper, KekProvider, Keyring, Purpose, RingEntry, software::SoftwareKek},
    policy::KekState,
    store::{KekRow, Place, Store, WrappedRecord},
};
use jiff::Timestamp;
use service::Service;
use tempfile::TempDir;

use super::*;

const SOFTWARE: [&str; 2] = ["--kek", "software"];

/// A folder of `dev` without its service.
struct Scene {
    home: TempDir,
    blobs: Vec<(String, Value)>,
    wrapped: Value,
}

/// The parts of a service that is not there.
struct Parts {
    store: Store,
    kek: Arc<SoftwareKek>,
    custodian: Custodian,
}

impl Scene {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let service = Service::start(home.path(), &SOFTWARE);
        let mut blobs = Vec::new();
        for name in ["alpha", "beta", "gamma"] {
            service.make_dek(name);
            for _ in 0..3 {
                let body = json!({"plaintext": PLAINTEXT});
                let path = format!("/v1/deks/{name}/encrypt");
                let made = service.post("app", &path, body).is(200);
                blobs.push((name.to_owned(), made["ciphertext"].clone()));
                let path = format!("/v1/deks/{name}/rotate");
                service.post("operator", &path, json!({})).is(201);
            }
        }
        let body = json!({"plaintext": PLAINTEXT});
        let wrapped = service.post("app", "/v1/wrap", body).is(200)["wrapped"].take();
        assert_eq!(service.stop(), Some(0));
        Self {
            home,
            blobs,
            wrapped,
        }
    }

    /// Does to the folder what a service did before it was killed.
    fn until(&self, done: impl FnOnce(&Parts)) {
        let parts = Parts::open(self.home.path());
        done(&parts);
        parts.custodian.close().unwrap();
    }

    fn start(&self) -> Service {
        Service::start(self.home.path(), &SOFTWARE)
    }

    fn database(&self) -> PathBuf {
        self.home.path().join("custodian.db")
    }

    /// Runs the service for some turns on a log whose checkpoint was taken out, then puts that back.
    fn with_a_log_that_takes_nothing(&self, look: impl FnOnce(&Service)) {
        let kept = fs::read(self.database()).unwrap();
        #[allow(clippy::disallowed_methods)] // past the store is the point
        let file = Connection::open(self.database()).unwrap();
        assert_eq!(file.execute("DELETE FROM checkpoints", []).unwrap(), 1);
        drop(file);
        let service = self.start();
        let ready = service.get("", "/v1/health/ready").json();
        assert_eq!(ready["checks"]["audit"]["ok"], false, "{ready}");
        thread::sleep(Duration::from_millis(2500));
        look(&service);
        assert_eq!(service.stop(), Some(0));
        fs::write(self.database(), kept).unwrap();
    }

    /// Starts the service, lets the rotation end, and looks at everything.
    fn goes_on(&self) {
        let service = self.start();
        let kek = || service.get("operator", "/v1/kek").is(200);
        eventually("moved", || kek()["job"].is_null());
        let kek = kek();
        assert!(text(&kek["current"]).starts_with("kek-v2-"), "{kek}");
        assert_eq!(kek["versions"][0]["records"], 0);
        let jobs = service.get("operator", "/v1/jobs").is(200);
        assert_eq!(jobs["items"].as_array().unwrap().len(), 1);
        assert_eq!(jobs["items"][0]["status"], "done");
        let first = text(&kek["versions"][0]["version"]);
        self.opens(&service);
        let body = json!({"wrapped": self.wrapped});
        service.post("app", "/v1/unwrap", body).is(200);
        let path = format!("/v1/kek/versions/{first}/retire");
        let body = json!({"confirm": first});
        service.post("operator", &path, body).is(200);
        self.opens(&service);
        let log = service.audit();
        let ends = log
            .iter()
            .filter(|one| one["action"] == "kek.rewrap_records");
        assert_eq!(ends.count(), 1);
    }

    fn opens(&self, service: &Service) {
        for (name, blob) in &self.blobs {
            let path = format!("/v1/deks/{name}/decrypt");
            let body = json!({"ciphertext": blob});
            let opened = service.post("app", &path, body).is(200);
            assert_eq!(opened["plaintext"], PLAINTEXT);
        }
    }
}

impl Parts {
    fn open(dir: &Path) -> Self {
        let store = Store::open(&dir.join("custodian.db")).unwrap();
        let kek = Arc::new(SoftwareKek::open(&dir.join("software-kek")).unwrap());
        let clock = Clock::system();
        let custodian = Custodian::new(kek.clone(), store.clone(), clock, house::RULES);
        custodian.adopt_keyring().unwrap();
        Self {
            store,
            kek,
            custodian,
        }
    }

    fn keks(&self) -> Vec<KekRow> {
        self.store.read(|view| view.kek_versions()).unwrap()
    }

    /// The new version and its job are written down.
    fn announce(&self) -> KekVersion {
        let at: Timestamp = "2026-11-24T01:02:03Z".parse().unwrap();
        let (new, version) = (KekVersion::new(2, at), KekVersion::new(2, at));
        let write = move |tx: &aegis_custodian::store::Tx<'_>| {
            tx.announce_kek(&new, at)?;
            let total = tx.records_elsewhere(&new)?;
            tx.begin_job(&new, total, at).map(drop)
        };
        self.store.transact(write).unwrap();
        version
    }

    /// Its key is there.
    fn make(&self) -> KekVersion {
        let version = self.announce();
        self.kek.create(&version).unwrap();
        version
    }

    /// It wraps.
    fn enable(&self) -> KekVersion {
        let version = self.make();
        let canary = self.kek.canary(&version).unwrap();
        let row = self.keks().pop().unwrap();
        let write =
            move |tx: &aegis_custodian::store::Tx<'_>| tx.enable_kek(&row, &canary, 1 << 16);
        self.store.transact(write).unwrap();
        version
    }

    /// Some DEK versions are moved.
    fn move_some(&self, most: usize) {
        let version = self.enable();
        let entry = |row: KekRow| RingEntry {
            version: row.version,
            canary: row.canary,
        };
        let versions = self.keks().into_iter().map(entry).collect();
        let current = version.clone();
        self.kek.adopt(Keyring { current, versions }).unwrap();
        let read =
            |view: &aegis_custodian::store::View<'_>| view.deks_elsewhere(&version, i64::MIN, 1000);
        let records = self.store.read(read).unwrap().records;
        assert_eq!(records.len(), 12);
        for record in records.into_iter().take(most) {
            self.move_one(record);
        }
    }

    fn move_one(&self, record: WrappedRecord) {
        let Place::Dek {
            name,
            version,
            algorithm,
        } = &record.place
        else {
            panic!("{record:?}");
        };
        let context = Context {
            purpose: Purpose::Dek,
            reference: &name.reference(version),
            algorithm: algorithm.name(),
        };
        let secret = self.kek.unwrap(&record.wrapped, &context).unwrap();
        let new = self.kek.wrap(&secret, &context).unwrap();
        let moved = self.store.transact(move |tx| tx.rewrap(&record, &new));
        assert!(moved.unwrap());
    }

    /// The first version is to be deleted, as two operators wanted.
    fn approve_destruction(&self) -> KekVersion {
        let mut row = self.keks().remove(0);
        let version = row.version.clone();
        row.state = KekState::Destroying;
        row.retired_at = Some(Timestamp::UNIX_EPOCH);
        row.destroy_by = Some("somebody".to_owned());
        let written = self.store.transact(move |tx| tx.set_kek_state(&row));
        written.unwrap();
        version
    }
}

#[test]
fn killed_once_the_rotation_was_announced_it_goes_on() {
    let scene = Scene::new();
    scene.until(|parts| drop(parts.announce()));
    scene.goes_on();
}

#[test]
fn killed_once_the_new_key_was_made_it_goes_on() {
    let scene = Scene::new();
    scene.until(|parts| drop(parts.make()));
    scene.goes_on();
}

#[test]
fn killed_before_the_first_record_was_moved_it_goes_on() {
    let scene = Scene::new();
    scene.until(|parts| drop(parts.enable()));
    scene.goes_on();
}

#[test]
fn killed_in_the_midst_of_the_records_it_goes_on() {
    let scene = Scene::new();
    scene.until(|parts| parts.move_some(5));
    scene.goes_on();
}

#[test]
fn killed_before_the_end_was_written_down_it_ends() {
    let scene = Scene::new();
    scene.until(|parts| parts.move_some(12));
    scene.goes_on();
}

#[test]
fn while_the_log_takes_no_entries_no_key_is_made_and_no_record_is_moved() {
    type Stage = fn(&Parts) -> KekVersion;
    let stages: [(Stage, &str); 2] = [(Parts::announce, "creating"), (Parts::enable, "enabled")];
    for (stage, state) in stages {
        let scene = Scene::new();
        scene.until(|parts| drop(stage(parts)));
        scene.with_a_log_that_takes_nothing(|service| {
            let kek = service.get("operator", "/v1/kek").is(200);
            assert_eq!(kek["versions"][1]["state"], state, "{kek}");
            assert_eq!(kek["versions"][1]["records"], 0, "{kek}");
            assert_eq!(kek["job"]["status"], "running", "{kek}");
            let made = text(&kek["versions"][1]["version"]);
            let file = scene.home.path().join(format!("software-kek/{made}.key"));
            assert_eq!(file.exists(), state == "enabled");
        });
        scene.goes_on();
    }
}

#[test]
fn while_the_log_takes_no_entries_no_key_is_deleted() {
    let scene = Scene::new();
    scene.until(|parts| drop(parts.enable()));
    scene.goes_on();
    let mut file = PathBuf::new();
    scene.until(|parts| {
        let version = parts.approve_destruction();
        file = scene
            .home
            .path()
            .join(format!("software-kek/{version}.key"));
    });
    scene.with_a_log_that_takes_nothing(|service| {
        let kek = service.get("operator", "/v1/kek").is(200);
        assert_eq!(kek["versions"][0]["state"], "destroying", "{kek}");
        assert!(file.exists());
    });
    assert_eq!(scene.start().stop(), Some(0));
    assert!(!file.exists());
}

#[test]
fn a_deletion_that_was_cut_off_is_finished_at_the_next_start() {
    for deleted_already in [false, true] {
        let scene = Scene::new();
        scene.until(|parts| drop(parts.enable()));
        scene.goes_on();
        scene.until(|parts| {
            let version = parts.approve_destruction();
            if deleted_already {
                parts.kek.delete(&version).unwrap();
            }
        });
        let service = scene.start();
        let kek = service.get("operator", "/v1/kek").is(200);
        assert_eq!(kek["versions"][0]["state"], "destroyed");
        let first = text(&kek["versions"][0]["version"]);
        let file = scene.home.path().join(format!("software-kek/{first}.key"));
        assert!(!file.exists());
        scene.opens(&service);
        let body = json!({"wrapped": scene.wrapped});
        service
            .post("app", "/v1/unwrap", body)
            .is_refused(410, "destroyed");
        let log = service.audit();
        let end = log.iter().find(|entry| entry["action"] == "kek.destroy");
        assert_eq!(end.unwrap()["detail"]["state"], "destroyed");
    }
}
