//! A KEK in files.

use std::fs;

use super::{ELSEWHERE, Place, secret};
use crate::server::doctor::Finding;

impl Place {
    pub(super) fn software(&self) -> Vec<Finding> {
        const ABOUT: &str = "software KEK";
        let mut findings = vec![Finding::warning(
            ABOUT,
            "--kek software keeps the KEK in a file of this machine: whoever reads the disk has it",
            "never use it for keys that matter: take --kek softhsm, or a real token",
        )];
        if !self.is_in_use() {
            return findings;
        }
        let folder = self.file("software-kek");
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let files: Vec<_> = files.map(|entry| entry.path()).collect();
        if files.is_empty() {
            let says = format!("there is none below {}", folder.display());
            let todo = match self.file("softhsm/pin").exists() {
                true => "give --kek softhsm: the folder was made with it",
                false => ELSEWHERE,
            };
            findings.push(Finding::problem(ABOUT, says, todo));
        }
        findings.extend(files.iter().filter_map(|file| secret(ABOUT, file)));
        findings
    }
}
