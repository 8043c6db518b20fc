//! The alerts speak of figures that there are, and each is on the page, with what to do. What they do, `make alerts`
//! plays.

use std::collections::BTreeSet;

use crate::{are_promised, file, named_in, rows};

const RULES: &str = "docs/prometheus/custodian.rules.yml";

/// What follows each `key: ` in the rules.
fn all(key: &str) -> Vec<String> {
    let rules = file(RULES);
    let after = |line: &str| line.trim().strip_prefix(key).map(str::to_owned);
    rules.lines().filter_map(after).collect()
}

/// A heading's anchor, as those who show Markdown make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|one| one.is_alphanumeric() || " -_".contains(*one));
    kept.map(|one| if one == ' ' { '-' } else { one }).collect()
}

#[test]
fn alerts_speak_of_figures_that_there_are() {
    are_promised(named_in(&comments_out(&file(RULES))), RULES);
    let scenes = "docs/prometheus/custodian.rules.test.yml";
    are_promised(named_in(&comments_out(&file(scenes))), scenes);
}

#[test]
fn every_alert_is_on_the_page_under_the_heading_that_it_names() {
    let (alerts, runbooks, severities) = (all("- alert: "), all("runbook: "), all("labels: "));
    assert!(
        alerts.len() > 30 && alerts.len() == runbooks.len() && alerts.len() == severities.len()
    );
    let page = file("docs/metrics.md");
    for ((alert, runbook), severity) in alerts.iter().zip(&runbooks).zip(&severities) {
        let wanted = runbook.strip_prefix("docs/metrics.md#").unwrap();
        let mut under = String::new();
        let found = page.lines().any(|line| {
            if line.starts_with('#') {
                under = anchor(line);
            }
            line.starts_with(&format!("| `{alert}` | ")) && under == wanted
        });
        assert!(found, "{alert} is not under {runbook}");
        let row = &rows(&format!("{alert}`"))[0];
        assert_eq!(severity, &format!("{{severity: {}}}", row[1]), "{alert}");
    }
    let told: BTreeSet<_> = rows("Custodian")
        .into_iter()
        .map(|row| row[0].replace('`', ""))
        .collect();
    assert_eq!(told, alerts.into_iter().collect());
}

#[test]
fn every_link_of_the_page_leads_somewhere() {
    let page = file("docs/metrics.md");
    let links: Vec<_> = page
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap())
        .collect();
    assert!(links.len() > 5);
    for link in links {
        let (target, wanted) = link.split_once('#').unwrap_or((link, ""));
        let target = if target.is_empty() {
            "metrics.md"
        } else {
            target
        };
        let text = file(&format!("docs/{target}"));
        let there = text
            .lines()
            .any(|line| line.starts_with('#') && anchor(line) == wanted);
        assert!(wanted.is_empty() || there, "{link}");
    }
}

fn comments_out(text: &str) -> String {
    let kept = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    // The names of groups and files look like figures.
    let kept = kept.filter(|line| !line.contains("name:") && !line.contains("rule_files:"));
    kept.collect::<Vec<_>>().join("\n")
}
