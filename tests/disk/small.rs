//! A disk of a few megabytes: a tmpfs on a folder, which fills up, is read-only and has room again as a test likes.

use std::{
    env,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// What takes the room that a test does not leave.
const BALLAST: &str = "ballast";

/// Mounted until it is dropped.
pub struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Of so many kibibytes, mounted on the folder `place`.
    pub fn mount(place: &Path, kibibytes: u32) -> Self {
        fs::create_dir(place).unwrap();
        let options = format!("size={kibibytes}k,mode=0700,nosuid,nodev");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "disk-test"])
            .arg(place)
            .output()
            .unwrap();
        assert!(mounted.status.success(), "{mounted:?}");
        let place = place.to_owned();
        Self { place }
    }

    /// Takes all room but so many kibibytes.
    pub fn leave(&self, kibibytes: usize) {
        self.fill();
        let ballast = File::options().write(true).open(self.ballast()).unwrap();
        let length = ballast.metadata().unwrap().len();
        let left = length.checked_sub(kibibytes as u64 * 1024);
        ballast.set_len(left.unwrap()).unwrap();
    }

    /// Takes all room, to the last page.
    pub fn fill(&self) {
        let mut options = File::options();
        let mut ballast = options.create(true).append(true).open(self.ballast());
        let ballast = ballast.as_mut().unwrap();
        loop {
            match ballast.write(&[1; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Gives back what [`Disk::leave`] and [`Disk::fill`] took.
    pub fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    /// Takes writes no more, or takes them again. While a file is open for writing, Linux refuses the first.
    pub fn remount(&self, mode: &str) {
        let options = format!("remount,{mode}");
        let mounted = Command::new("mount")
            .args(["-o", &options])
            .arg(&self.place)
            .output()
            .unwrap();
        assert!(mounted.status.success(), "{mounted:?}");
    }

    fn ballast(&self) -> PathBuf {
        self.place.join(BALLAST)
    }
}

impl Drop for Disk {
    /// A process that a failed test left may still have a file open.
    fn drop(&mut self) {
        let mut umount = Command::new("umount");
        let _or_the_folder_stays = umount.arg("--lazy").arg(&self.place).status();
    }
}

/// Whether the test that runs has passed as root of a namespace of its own, since here it may not mount.
pub fn passed_as_root() -> bool {
    let mut unshare = Command::new("unshare");
    if unshare
        .args(["--mount", "true"])
        .output()
        .unwrap()
        .status
        .success()
    {
        return false;
    }
    let name = thread::current().name().unwrap().to_owned();
    let ended = Command::new("unshare")
        .args(["--map-root-user", "--mount"])
        .arg(env::current_exe().unwrap())
        .args([&name, "--exact", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "this test mounts a small disk and sheds capabilities: run it as root, or where users may have namespaces of their own: {said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    true
}
