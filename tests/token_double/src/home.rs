//! Owns where this copy of the library lies: its files are beside it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A file beside this copy of the library.
pub(crate) fn file(name: &str) -> PathBuf {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| folder().unwrap_or_default()).join(name)
}

/// The folder of the mapped file in which this very function stands.
fn folder() -> Option<PathBuf> {
    let here = folder as *const () as usize;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let (_, path) = maps
        .lines()
        .find(|line| covers(line, here))?
        .split_once('/')?;
    Some(Path::new("/").join(path).parent()?.to_owned())
}

/// Whether a line, `7f00-7fff r-xp 00000000 fe:00 123 /path`, is of the mapping with that address.
fn covers(line: &str, address: usize) -> bool {
    let bounds = line
        .split_once(' ')
        .and_then(|(bounds, _)| bounds.split_once('-'));
    let number = |text| usize::from_str_radix(text, 16).ok();
    let bounds = bounds.and_then(|(from, to)| Some(number(from)?..number(to)?));
    bounds.is_some_and(|bounds| bounds.contains(&address))
}
