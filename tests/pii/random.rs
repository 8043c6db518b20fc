//! Ten thousand events made by chance come back to the byte.

use serde_json::value::RawValue;

use crate::{
    DECRYPT, ENCRYPT,
    dice::{Dice, number},
    send, telemetry,
    twelve::TWELVE,
};

const EVENTS: usize = 10_000;
const SEED: u64 = 5;
const DEEPEST: usize = 12;

/// Keys that are not personal, some of which look as if they were.
const OTHERS: [&str; 8] = [
    "id",
    "at",
    "Actor_id",
    "actor_id ",
    "",
    "\\n\\\"",
    "\\u00e9",
    "cst1:hpke:",
];

const TEXTS: [&str; 8] = [
    "",
    "ada@example.org",
    "\\u0000\\u001f\\ud83d\\ude00",
    "\u{e9}\u{1f600}",
    "\\/\\\\\\\"",
    "null",
    "cst1:hpke:telemetry/dek-v1-20261123:AAAA",
    "{\\\"actor_id\\\":1}",
];

const NUMBERS: [&str; 9] = [
    "0",
    "-0",
    "1.0",
    "1.50",
    "12345678901234567890",
    "-9007199254740993",
    "1e308",
    "5E-324",
    "0.1000000000000000055511",
];

#[test]
fn ten_thousand_events_made_by_chance_come_back_to_the_byte() {
    let (_home, service) = telemetry(&[]);
    let seed = number("PII_SEED").unwrap_or(SEED);
    let mut dice = Dice::seeded(seed);
    let (mut done, mut values) = (0, 0);
    while done < EVENTS {
        let count = (EVENTS - done).min(256);
        let events: Vec<String> = (0..count).map(|_| event(&mut dice)).collect();
        let body = format!(r#"{{"dek":"telemetry","events":[{}]}}"#, events.join(","));
        let sealed = items(&send(&service, ENCRYPT, &body));
        values += sealed
            .iter()
            .map(|event| event.matches("\"cst1:hpke:telemetry/dek-v1-").count())
            .sum::<usize>();
        let body = format!(r#"{{"events":[{}]}}"#, sealed.join(","));
        let opened = items(&send(&service, DECRYPT, &body));
        for (event, opened) in events.iter().zip(&opened) {
            assert_eq!(opened, event, "PII_SEED={seed}");
        }
        done += count;
    }
    println!("{done} events with {values} values");
    assert!(values > EVENTS, "{values} values only");
}

fn items(answer: &crate::service::Answer) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Reply {
        items: Vec<Item>,
    }
    #[derive(serde::Deserialize)]
    struct Item {
        event: Box<RawValue>,
    }
    assert_eq!(answer.status, 200, "{}", answer.text);
    let reply: Reply = serde_json::from_str(&answer.text).unwrap();
    reply
        .items
        .iter()
        .map(|item| item.event.get().to_owned())
        .collect()
}

fn event(dice: &mut Dice) -> String {
    object(dice, 0)
}

fn object(dice: &mut Dice, depth: usize) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for _ in 0..=dice.below(5) {
        let key = if dice.once_in(2) {
            dice.one_of(&TWELVE)
        } else {
            dice.one_of(&OTHERS)
        };
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    let members: Vec<String> = keys
        .iter()
        .map(|key| {
            format!(
                "{}\"{key}\"{}:{}{}",
                space(dice),
                space(dice),
                space(dice),
                value(dice, depth + 1)
            )
        })
        .collect();
    format!("{{{}{}}}", members.join(","), space(dice))
}

fn value(dice: &mut Dice, depth: usize) -> String {
    let leaf = depth >= DEEPEST;
    match dice.below(if leaf { 5 } else { 8 }) {
        0 => "null".to_owned(),
        1 => (*dice.one_of(&["true", "false"])).to_owned(),
        2 => (*dice.one_of(&NUMBERS)).to_owned(),
        3 | 4 => format!("\"{}\"", dice.one_of(&TEXTS)),
        5 => {
            let items: Vec<String> = (0..dice.below(4)).map(|_| value(dice, depth + 1)).collect();
            format!(
                "[{}{}]",
                space(dice),
                items.join(&format!(" ,{}", space(dice)))
            )
        }
        _ => object(dice, depth + 1),
    }
}

fn space(dice: &mut Dice) -> &'static str {
    let spaces = ["", "", "", " ", "\n\t"];
    spaces[dice.below(spaces.len())]
}
