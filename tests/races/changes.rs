//! Those who shut: versions are rotated, disabled and enabled, destroyed; tokens revoked, principals deleted, grants
//! narrowed and widened. Each notes when its call had returned.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    dice::Dice,
    scene::{DEKS, Line, Scene, What, badge},
};

fn pause(dice: &mut Dice, most: usize) {
    thread::sleep(Duration::from_micros(500 + dice.below(most * 1000) as u64));
}

pub fn of_a_dek(scene: &Scene, dek: usize, mut dice: Dice) {
    let line = scene.line(&scene.service.token("operator"));
    while scene.goes_on() {
        match dice.below(10) {
            0..3 => rotate(scene, &line, dek),
            3 => destroy(scene, &line, dek, &mut dice),
            _ => disable_and_enable(scene, &line, dek, &mut dice),
        }
        pause(&mut dice, 30);
    }
}

fn rotate(scene: &Scene, line: &Line<'_>, dek: usize) {
    let path = format!("/v1/deks/{}/rotate", DEKS[dek].0);
    let made = line.insist("POST", &path, &json!({}), &[201]).json();
    let version = made["version"].as_str().unwrap().to_owned();
    scene.versions[dek].lock().unwrap().push(version);
    scene.count("rotated");
}

fn disable_and_enable(scene: &Scene, line: &Line<'_>, dek: usize, dice: &mut Dice) {
    let version = {
        let versions = scene.versions[dek].lock().unwrap();
        let recent = versions.len().saturating_sub(3);
        dice.one_of(&versions[recent..]).clone()
    };
    let path = format!("/v1/deks/{}/versions/{version}", DEKS[dek].0);
    line.insist("POST", &format!("{path}/disable"), &json!({}), &[200]);
    let note = scene.shut(What::Version(format!("{}/{version}", DEKS[dek].0)));
    scene.count("disabled");
    pause(dice, 80);
    scene.reopen(note);
    line.insist("POST", &format!("{path}/enable"), &json!({}), &[200]);
}

fn destroy(scene: &Scene, line: &Line<'_>, dek: usize, dice: &mut Dice) {
    let version = {
        let mut versions = scene.versions[dek].lock().unwrap();
        let most = versions.len() - 1;
        if most == 0 {
            return;
        }
        // Mostly the one that encrypted until just now.
        let at = if dice.once_in(3) {
            dice.below(most)
        } else {
            most - 1
        };
        versions.remove(at)
    };
    let reference = format!("{}/{version}", DEKS[dek].0);
    let path = format!("/v1/deks/{}/versions/{version}/destroy", DEKS[dek].0);
    line.insist("POST", &path, &json!({"confirm": reference}), &[200, 410]);
    scene.shut(What::Version(reference));
    scene.count("destroyed");
}

pub fn of_people(scene: &Scene, mut dice: Dice) {
    let line = scene.line(&scene.service.token("admin"));
    let mut number = 0;
    while scene.goes_on() {
        let place = dice.below(scene.places.len());
        let old = scene.places[place].lock().unwrap().clone();
        let path = format!("/v1/admin/principals/{}", old.id);
        match dice.below(3) {
            0 => narrow_and_widen(scene, &line, &path, &old.id, &mut dice),
            way => {
                let path = if way == 1 {
                    format!("{path}/tokens/{}", old.token_id)
                } else {
                    path
                };
                line.insist("DELETE", &path, &Value::Null, &[204, 404]);
                scene.shut(What::Person(old.id));
                scene.count(if way == 1 {
                    "token revoked"
                } else {
                    "principal deleted"
                });
                // Meanwhile its client goes on with what is shut.
                pause(&mut dice, 60);
                number += 1;
                *scene.places[place].lock().unwrap() =
                    badge(&scene.service, &format!("next-{number}"));
            }
        }
        pause(&mut dice, 100);
    }
}

fn narrow_and_widen(scene: &Scene, line: &Line<'_>, path: &str, id: &str, dice: &mut Dice) {
    let path = format!("{path}/grants");
    let lost = dice.below(DEKS.len());
    let left: Vec<_> = (0..DEKS.len())
        .filter(|dek| *dek != lost)
        .map(|dek| DEKS[dek].0)
        .collect();
    line.insist("PUT", &path, &json!({"deks": left}), &[200]);
    let note = scene.shut(What::Grant(id.to_owned(), lost));
    scene.count("grants narrowed");
    pause(dice, 80);
    scene.reopen(note);
    line.insist("PUT", &path, &json!({"deks": ["*"]}), &[200]);
}
