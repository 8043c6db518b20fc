//! The dashboard is JSON that Grafana takes, and asks for figures that there are.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{are_promised, file, named_in};

const DASHBOARD: &str = "docs/grafana/custodian.json";

fn dashboard() -> Value {
    serde_json::from_str(&file(DASHBOARD)).unwrap()
}

/// The panels that show something, those inside rows too.
fn panels(dashboard: &Value) -> Vec<Value> {
    let all = dashboard["panels"].as_array().unwrap().clone();
    let inside = |panel: &Value| panel["panels"].as_array().cloned().unwrap_or_default();
    let nested: Vec<_> = all.iter().flat_map(inside).collect();
    let all = all.into_iter().chain(nested);
    all.filter(|panel| panel["type"] != "row").collect()
}

#[test]
fn every_panel_asks_for_figures_that_there_are_in_the_chosen_prometheus() {
    let panels = panels(&dashboard());
    assert!(panels.len() > 20);
    for panel in &panels {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let names = named_in(target["expr"].as_str().unwrap());
            assert!(!names.is_empty(), "{title}");
            are_promised(names, title);
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}

#[test]
fn the_dashboard_has_a_name_of_its_own_and_panels_that_do_not_overlap() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "aegis-custodian");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39));
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(places.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}

/// What an operator is told about is seen too.
#[test]
fn every_figure_of_an_alert_is_on_the_dashboard() {
    let rules = file("docs/prometheus/custodian.rules.yml");
    let wanted = rules
        .lines()
        .filter(|line| line.contains("expr: ") && !line.contains("name:"));
    let wanted: BTreeSet<_> = wanted.flat_map(named_in).collect();
    let panels = panels(&dashboard());
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown: BTreeSet<_> = targets
        .flat_map(|one| named_in(one["expr"].as_str().unwrap()))
        .collect();
    let missing: Vec<_> = wanted.difference(&shown).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
