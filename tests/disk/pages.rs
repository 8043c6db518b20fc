//! Pages of the database that are not as they were written: raw bytes, below whatever SQL can change. Never a wrong
//! plaintext, never more rights, never a failure of the service's own, never silence.
//!
//! Each page is damaged in one way; `DISK_EVERY_KIND=1` asks for every way.

use std::{collections::BTreeMap, sync::Mutex, thread, time::Duration};

use crate::sample::{Found, Sample, owners};

const WORKERS: usize = 4;

/// Bytes of the header of the file (SQLite file format, 1.3).
const HEADER: usize = 100;

/// What may happen to a page.
const KINDS: [(&str, Damage); 5] = [
    ("a bit", one_bit),
    ("every byte", every_byte),
    ("zeros", zeros),
    ("another page", another),
    ("its type", its_type),
];

/// Damages that page of the file; pages count from 0 here.
type Damage = fn(&mut [u8], usize, usize);

/// A bit of its content, which is at its end (SQLite file format, 1.6); of one without any, its type.
fn one_bit(file: &mut [u8], page: usize, size: usize) {
    let head = page * size + if page == 0 { HEADER } else { 0 };
    let content = usize::from(u16::from_be_bytes([file[head + 5], file[head + 6]]));
    match size.checked_sub(content) {
        Some(length @ 1..) => file[page * size + content + page * 7919 % length] ^= 1 << (page % 8),
        _ => its_type(file, page, size),
    }
}

fn every_byte(file: &mut [u8], page: usize, size: usize) {
    file[page * size..][..size]
        .iter_mut()
        .for_each(|byte| *byte ^= 0xff);
}

fn zeros(file: &mut [u8], page: usize, size: usize) {
    file[page * size..][..size].fill(0);
}

/// As when a disk writes to the wrong place.
fn another(file: &mut [u8], page: usize, size: usize) {
    let other = (page + 1) * size % file.len();
    file.copy_within(other..other + size, page * size);
}

fn its_type(file: &mut [u8], page: usize, size: usize) {
    let place = if page == 0 { HEADER } else { page * size };
    file[place] ^= 0x0f;
}

struct Case {
    what: String,
    file: Vec<u8>,
}

/// All of them, some at once; answers what was found of each.
fn tried(sample: &Sample, cases: Vec<Case>, patience: Duration) -> Vec<(String, Found)> {
    let (cases, found) = (Mutex::new(cases), Mutex::new(Vec::new()));
    let next = || cases.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = next() {
                    let result = sample.with(&case.file, patience);
                    found.lock().unwrap().push((case.what, result));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

#[test]
fn no_page_is_damaged_unnoticed_or_obeyed() {
    let sample = Sample::new(40);
    let (file, owners) = (sample.database(), owners(&sample.path()));
    let size = usize::from(u16::from_be_bytes([file[16], file[17]]));
    let mut cases = Vec::new();
    for page in 0..file.len() / size {
        for (number, (kind, damage)) in KINDS.iter().enumerate() {
            if every_kind() || number == page % KINDS.len() {
                let mut file = file.clone();
                damage(&mut file, page, size);
                let owner = owners.get(&page).map_or("nothing", String::as_str);
                let what = format!("{owner}, page {}: {kind}", page + 1);
                cases.push(Case { what, file });
            }
        }
    }
    report(tried(&sample, cases, Duration::from_secs(10)));
}

#[test]
fn no_field_of_the_files_header_is_damaged_and_obeyed() {
    let sample = Sample::new(10);
    let file = sample.database();
    let fields = [
        0, 15, 16, 17, 18, 19, 20, 21, 23, 24, 28, 31, 32, 36, 40, 43, 44, 47, 48, 52, 56, 59, 60,
        63, 64, 68, 72, 92, 96,
    ];
    let fields = fields.into_iter().step_by(if every_kind() { 1 } else { 2 });
    let cases = fields.map(|at: usize| {
        let mut file = file.clone();
        file[at] ^= 0x11;
        Case {
            what: format!("header, byte {at:2}"),
            file,
        }
    });
    for (what, found) in tried(&sample, cases.collect(), Duration::ZERO) {
        println!("{what}: {found:?}");
    }
}

fn every_kind() -> bool {
    std::env::var_os("DISK_EVERY_KIND").is_some()
}

fn report(found: Vec<(String, Found)>) {
    let mut figures = BTreeMap::<&str, usize>::new();
    let mut unnoticed = Vec::new();
    for (what, found) in &found {
        println!("{what}: {found:?}");
        let how = match found {
            Found {
                refused: Some(_), ..
            } => "refused to start",
            Found { noticed, .. } if !noticed.is_empty() => {
                "served, and said by itself that it is damaged"
            }
            Found { hurt: 0, .. } => "unnoticed, and nothing was wrong",
            Found { .. } => "served, and refused what it concerns",
        };
        *figures.entry(how).or_default() += 1;
        if !found.is_noticed() && !found.sound {
            unnoticed.push(what);
        }
    }
    println!("{} damages: {figures:#?}", found.len());
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}
