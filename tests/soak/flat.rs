//! Whether what was sampled is flat: its median at the end beside that after the first minutes, and beside that shortly
//! before the end, where a third of the growth is too much.

use crate::samples::Sample;

/// How much more there may be at the end.
#[derive(Clone, Copy)]
pub struct Tolerance {
    /// Bytes, and a part of what there was.
    memory: (u64, u64),
    descriptors: u64,
    threads: u64,
}

const MEBIBYTE: u64 = 1024 * 1024;

/// After minutes of warming up. Memory is locked, so the allocator keeps the most that it ever needed, which large bodies
/// raise now and then: ten minutes grew by 9 MiB in their first half and by nothing in the second.
pub const LONG: Tolerance = Tolerance {
    memory: (16 * MEBIBYTE, 10),
    descriptors: 12,
    threads: 4,
};

/// Within seconds memory is still being taken for the first time.
pub const BRIEF: Tolerance = Tolerance {
    memory: (48 * MEBIBYTE, 4),
    descriptors: 24,
    threads: 16,
};

/// From a fifth of the samples to two fifths: of ten minutes the third and fourth.
const EARLY: [usize; 2] = [20, 40];
const NEAR: [usize; 2] = [60, 80];
/// The last fifth.
const LATE: [usize; 2] = [80, 100];

type Of = fn(&Sample) -> u64;

/// A name, what is sampled, and how much more may come.
type Judged<'a> = (&'static str, Of, &'a dyn Fn(u64) -> u64);

/// What is said of it, and what has grown.
pub fn judge(samples: &[Sample], tolerance: Tolerance) -> (String, Vec<String>) {
    let (bytes, part) = tolerance.memory;
    let memory = |early: u64| bytes.max(early / part);
    let (descriptors, threads) = (tolerance.descriptors, tolerance.threads);
    let all: [Judged<'_>; 4] = [
        ("resident bytes", |sample| sample.resident, &memory),
        ("private bytes", |sample| sample.private, &memory),
        ("descriptors", |sample| sample.descriptors, &|_| descriptors),
        ("threads", |sample| sample.threads, &|_| threads),
    ];
    let (mut said, mut grown) = (Vec::new(), Vec::new());
    for (what, of, more) in all {
        let [early, near, late] = [EARLY, NEAR, LATE].map(|part| median(samples, part, of));
        let allowed = more(early);
        let is_flat = late <= early + allowed && late <= near + allowed.div_ceil(3);
        let word = if is_flat { "flat" } else { "GROWN" };
        let line = format!(
            "{what}: {early}, then {near}, at the end {late}, allowed {allowed} more: {word}"
        );
        if !is_flat {
            grown.push(line.clone());
        }
        said.push(line);
    }
    (said.join("\n"), grown)
}

/// Of the samples between two parts of all, in hundredths.
fn median(samples: &[Sample], [from, to]: [usize; 2], of: Of) -> u64 {
    let at = |part: usize| samples.len() * part / 100;
    let mut all: Vec<u64> = samples[at(from)..at(to)].iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

mod tests {
    use std::time::Duration;

    use super::{LONG, MEBIBYTE, Sample, judge};

    /// Ten minutes, a second each, that go up and down, and grow by so much from beginning to end.
    fn run(memory: u64, descriptors: u64, threads: u64) -> Vec<Sample> {
        let wave = |second: u64| if second % 7 < 3 { 3 } else { 0 };
        let grown = |by: u64, second: u64| by * second / 600;
        let sample = |second: u64| Sample {
            at: Duration::from_secs(second),
            resident: (70 + wave(second)) * MEBIBYTE + grown(memory, second),
            private: (40 + wave(second)) * MEBIBYTE + grown(memory, second),
            descriptors: 50 + wave(second) + grown(descriptors, second),
            threads: 30 + grown(threads, second),
            database: second * MEBIBYTE,
            write_ahead_log: 0,
        };
        (0..=600).map(sample).collect()
    }

    fn found(memory: u64, descriptors: u64, threads: u64) -> Vec<String> {
        let (_, grown) = judge(&run(memory, descriptors, threads), LONG);
        let first = |line: &String| line.split(':').next().unwrap().to_owned();
        grown.iter().map(first).collect()
    }

    #[test]
    fn what_goes_up_and_down_is_flat() {
        assert_eq!(found(0, 0, 0), [""; 0]);
        assert_eq!(found(2 * MEBIBYTE, 2, 2), [""; 0]);
    }

    #[test]
    fn a_leak_is_noticed_and_named() {
        assert_eq!(
            found(30 * MEBIBYTE, 0, 0),
            ["resident bytes", "private bytes"]
        );
        assert_eq!(found(0, 40, 0), ["descriptors"]);
        assert_eq!(found(0, 0, 20), ["threads"]);
    }

    /// One that begins late is as bad.
    #[test]
    fn a_leak_in_the_second_half_is_noticed() {
        let mut samples = run(0, 0, 0);
        for (more, sample) in (0..).zip(&mut samples[300..]) {
            sample.descriptors += more / 10;
        }
        assert_eq!(judge(&samples, LONG).1.len(), 1);
    }
}
