//! How the kills fell, how soon the service was back, and what was looked at then.

use std::{collections::BTreeMap, time::Duration};

#[derive(Default)]
pub struct Figures {
    pub kills: u64,
    /// By verb: answers, and requests that a kill cut off.
    pub verbs: BTreeMap<String, (u64, u64)>,
    pub verified: BTreeMap<&'static str, u64>,
    /// From each start after a kill until it was ready.
    pub ready: Vec<Duration>,
    /// How long the looks after the restarts took.
    pub looks: Vec<Duration>,
}

impl Figures {
    pub fn verified(&mut self, what: &'static str, count: usize) {
        *self.verified.entry(what).or_default() += count as u64;
    }

    pub fn table(&self) -> String {
        let counts = self.verbs.values();
        let answered: u64 = counts.clone().map(|(answered, _)| answered).sum();
        let cut: u64 = counts.map(|(_, cut)| cut).sum();
        let mut lines = vec![
            format!(
                "{} kills, {answered} requests acknowledged, {cut} cut off",
                self.kills
            ),
            format!("ready after a kill: {}", median_and_most(&self.ready)),
            format!("looked at then: {}", median_and_most(&self.looks)),
            format!("{:>9} {:>8}  verb", "answered", "cut off"),
        ];
        let verb = |(verb, (answered, cut)): (&String, &(u64, u64))| {
            format!("{answered:>9} {cut:>8}  {verb}")
        };
        lines.extend(self.verbs.iter().map(verb));
        lines.push("looked at after the restarts:".to_owned());
        let looked = |(what, count): (&&str, &u64)| format!("{count:>9} {what}");
        lines.extend(self.verified.iter().map(looked));
        lines.join("\n")
    }
}

pub fn median_and_most(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort();
    let (Some(median), Some(most)) = (times.get(times.len() / 2), times.last()) else {
        return "never".to_owned();
    };
    format!(
        "median {} ms, at most {} ms",
        median.as_millis(),
        most.as_millis()
    )
}
