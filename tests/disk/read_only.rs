//! A disk that takes no writes from the start on. Linux makes none read-only on which a file is open for writing: what a
//! running service then meets is in `errors.rs`.

use crate::{
    appliance::Site,
    ledger::Ledger,
    scene::Scene,
    small::{Disk, passed_as_root},
};

#[test]
fn a_start_on_a_read_only_disk_says_what_to_do_and_is_not_tried_again() {
    if passed_as_root() {
        return;
    }
    let (mut scene, mut ledger) = (Scene::small(16 * 1024), Ledger::default());
    ledger.goes_on(&scene, 10);
    for clean in [true, false] {
        if clean {
            assert_eq!(scene.stop(), Some(0));
        } else {
            scene.kill();
        }
        scene.disk().remount("ro");
        let (code, said) = scene.refuses_to_start();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("read-only: mount it"), "{said}");
        scene.disk().remount("rw");
        scene.start();
        ledger.holds(&scene);
        ledger.goes_on(&scene, 10);
    }
    scene.never_failed();
}

#[test]
fn init_on_a_read_only_disk_makes_nothing_and_can_be_given_again() {
    if passed_as_root() {
        return;
    }
    let site = Site::new();
    let disk = Disk::mount(&site.path("data"), 16 * 1024);
    disk.remount("ro");
    let refused = site.init();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(!site.path("ada.token").exists());
    disk.remount("rw");
    let made = site.init();
    assert!(made.status.success(), "{made:?}");
    drop(site.serve());
    drop(disk);
}

#[test]
fn init_that_meets_a_full_disk_goes_on_once_there_is_room() {
    if passed_as_root() {
        return;
    }
    let site = Site::new();
    let disk = Disk::mount(&site.path("data"), 16 * 1024);
    for kibibytes in [4, 64, 256] {
        disk.leave(kibibytes);
        let refused = site.init();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{kibibytes} KiB: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.contains("make room"), "{kibibytes} KiB: {said}");
        disk.make_room();
    }
    let made = site.init();
    assert!(made.status.success(), "{made:?}");
    drop(site.serve());
    drop(disk);
}
