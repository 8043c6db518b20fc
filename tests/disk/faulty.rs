//! A disk whose calls fail, hang or take long as a test says: the service runs on `tests/disk/eio.c`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::{appliance::Site, scene::Scene};

/// The control file, in the site's folder.
const CONTROL: &str = "faults";

/// What is wrong with the disk of a scene.
pub struct Faults {
    control: PathBuf,
}

/// `serve` on the double.
pub fn serving(site: &Site) -> Command {
    let mut command = site.command(&["serve", "--config", "custodian.toml"]);
    command
        .env("LD_PRELOAD", built())
        .env("DISK_FAULTS", site.path(CONTROL));
    command
}

impl Faults {
    /// Of a scene that [`serving`] serves; none yet.
    pub fn of(scene: &Scene) -> Self {
        let control = scene.site.path(CONTROL);
        Self { control }
    }

    /// From now on these, and no others: each a call, the end of a file's name, and what comes of it.
    pub fn are(&self, rules: &[(&str, &str, &str)]) {
        let line = |(call, file, what): &(&str, &str, &str)| format!("{call} {file} {what}\n");
        let text: String = rules.iter().map(line).collect();
        // In one step, so that no call reads half of it.
        let new = self.control.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &self.control).unwrap();
    }

    /// None any more.
    pub fn are_over(&self) {
        self.are(&[]);
    }
}

/// Compiled once for each run of the tests.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/eio.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("eio.so");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .unwrap_or_else(|error| panic!("install a C compiler (cc) for this test: {error}"));
        assert!(made.status.success(), "{made:?}");
        library
    })
}
