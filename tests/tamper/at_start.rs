//! What is read at the start only: changed while the service is down, it lets nothing start.

use std::{borrow::Cow, path::Path, sync::Arc, time::Duration};

use aegis_custodian::{
    config::{DEV_INSTANCE, TERMS},
    crypto::scheme::{Network, Scheme},
    custodian::{Clock, Custodian, Encryptions, Fields, KekRotation, LogTerms, Quorum, Rules},
    duration::Period,
    kek::software::SoftwareKek,
    store::Store,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    aims::AIMED,
    change::{Change, aimed, of_every_column},
    file,
    service::{Service, eventually},
};

pub const SOFTWARE: [&str; 2] = ["--kek", "software"];

/// A folder with two KEK versions, so that they can be swapped.
pub fn two_keks(dir: &Path) {
    file::drop_cleanly(Service::start(dir, &SOFTWARE));
    let spent = Encryptions {
        block: 1,
        rotate_at: 1,
        refuse_at: 1 << 32,
    };
    let rules = Rules {
        admin_quorum: Quorum::One,
        token_lifetime: Period::days(90),
        dek_cache: Duration::ZERO,
        destroy_delay: Duration::ZERO,
        encryptions: spent,
        kek_rotation: KekRotation::ByItself,
        instance: "dev".into(),
        schemes: Cow::Borrowed(Scheme::ALL),
        network: Network::Bitcoin,
        overrides: TERMS,
        pii_fields: Fields::STANDARD,
        log: LogTerms {
            origin: Cow::Borrowed(DEV_INSTANCE),
            public_tiles: false,
            note_every: Duration::ZERO,
        },
    };
    let store = Store::open(&dir.join("custodian.db")).unwrap();
    let kek = Arc::new(SoftwareKek::open(&dir.join("software-kek")).unwrap());
    let custodian = Custodian::new(kek, store, Clock::system(), rules);
    custodian.adopt_keyring().unwrap();
    custodian.tend();
    custodian.rewrap_records();
    custodian.close().unwrap();
}

#[test]
fn kek_versions_and_row_key_that_were_changed_let_nothing_start() {
    let home = TempDir::new().unwrap();
    two_keks(home.path());
    let service = Service::start(home.path(), &SOFTWARE);
    for dek in ["alpha", "beta"] {
        service.make_dek(dek);
    }
    let rotate = "/v1/deks/beta/rotate";
    service
        .post("operator", rotate, serde_json::json!({}))
        .is(201);
    file::drop_cleanly(service);
    let opened = file::open(home.path());
    let mut changes: Vec<Change> = Vec::new();
    for table in ["kek_versions", "row_key"] {
        changes.extend(of_every_column(&opened, table));
        let on_aim = AIMED.iter().filter(|(of, ..)| *of == table);
        changes.extend(on_aim.map(|(_, to, whose)| aimed(&opened, table, to, whose)));
    }
    let mut refused = 0;
    for change in changes {
        let what = format!("{}.{} {}", change.table, change.column, change.kind);
        if let Some(made) = change.make(&opened) {
            file::refuses_to_start(home.path(), &SOFTWARE, &what);
            change.undo(&opened, &made);
            println!("{what:44} refused to start");
            refused += 1;
        }
    }
    println!("{refused} changes, each refused at the start");
    file::never_failed(&Service::start(home.path(), &SOFTWARE));
}

#[test]
fn with_a_log_whose_newest_entry_was_changed_nothing_is_done_and_readiness_says_why() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let opened = file::open(home.path());
    let day = 24 * 60 * 60 * 1_000_000_i64;
    let newest = "WHERE number = (SELECT max(number) FROM audit_entries)";
    let forward = format!("UPDATE audit_entries SET at = at + {day} {newest}");
    assert_eq!(opened.execute(&forward, []).unwrap(), 1);
    let size = || -> i64 {
        let sql = "SELECT count(*) FROM audit_entries";
        opened.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = size();
    let wrap = json!({"plaintext": "c2VjcmV0"});
    let stands_still = |service: &Service| {
        let refused = service.post("app", "/v1/wrap", wrap.clone());
        refused.is_refused(503, "audit_unavailable");
        service.get("operator", "/v1/deks").is(200);
        eventually("not ready", || {
            let ready = service.get("", "/v1/health/ready");
            ready.status == 503 && ready.json()["checks"]["audit"]["ok"] == false
        });
        assert_eq!(size(), before);
    };
    stands_still(&service);
    file::drop_cleanly(service);
    let again = Service::start(home.path(), &[]);
    stands_still(&again);
    let back = forward.replace('+', "-");
    assert_eq!(opened.execute(&back, []).unwrap(), 1);
    stands_still(&again);
    file::drop_cleanly(again);
    let again = Service::start(home.path(), &[]);
    again.post("app", "/v1/wrap", wrap.clone()).is(200);
}
