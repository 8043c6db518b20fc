//! Changes an input in ways that leave it an input: a body stays JSON, a line names an operation. Chance alone
//! would send broken JSON to no route almost always.

use serde_json::{Map, Value, json};

use super::operations::Operations;

/// Longest list that a change may make; batches have at most 256 items.
const LIST: usize = 300;

/// What changes are made of: what means something to the service.
pub struct Words {
    samples: Vec<Vec<u8>>,
    lines: Vec<String>,
    keys: Vec<String>,
    values: Vec<Value>,
}

/// Numbers that follow from a seed (splitmix64).
pub struct Dice(pub u64);

/// libFuzzer's own change of bytes.
pub type Bytes<'a> = &'a mut dyn FnMut(&[u8]) -> Vec<u8>;

impl Dice {
    fn below(&mut self, many: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed >> 33) % many as u64).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

impl Words {
    /// Collects the words of all operations; `names` are those that stand in braces.
    pub fn new(operations: &Operations, names: impl Iterator<Item = &'static str>) -> Self {
        let mut words = Self {
            samples: operations.samples().map(|(_, sample)| sample).collect(),
            lines: operations.lines().collect(),
            keys: vec!["items".to_owned()],
            values: names.map(Value::from).collect(),
        };
        let plain = json!([
            null,
            true,
            0,
            -1,
            1.5,
            u64::MAX,
            "",
            "\u{e9}",
            "e\u{301}",
            "90d",
            {}
        ]);
        words.collect(&plain);
        operations.bodies().for_each(|body| words.collect(body));
        words
    }

    fn collect(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                self.keys.extend(object.keys().cloned());
                object.values().for_each(|value| self.collect(value));
            }
            Value::Array(list) => list.iter().for_each(|value| self.collect(value)),
            _ => {}
        }
        self.values.push(value.clone());
    }

    /// Another input, made of `input` in most cases.
    pub fn change(&self, input: &[u8], dice: &mut Dice, bytes: Bytes<'_>) -> Vec<u8> {
        let (line, body) = super::split(input);
        match dice.below(64) {
            0 => bytes(input),
            1 => dice.one(&self.samples).clone(),
            2..6 => join(dice.one(&self.lines).as_bytes(), body),
            6..24 => join(line, &bytes(body)),
            _ => join(line, self.body(body, dice, bytes).to_string().as_bytes()),
        }
    }

    fn body(&self, body: &[u8], dice: &mut Dice, bytes: Bytes<'_>) -> Value {
        let mut value: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
        for _ in 0..=dice.below(3) {
            self.alter(somewhere(&mut value, dice), dice, bytes);
        }
        value
    }

    fn alter(&self, value: &mut Value, dice: &mut Dice, bytes: Bytes<'_>) {
        let any = dice.one(&self.values).clone();
        match (dice.below(4), value) {
            (0, Value::Object(object)) => remove(object, dice),
            (1 | 2, Value::Object(object)) => {
                object.insert(dice.one(&self.keys).clone(), any);
            }
            (0, Value::Array(list)) => list.truncate(dice.below(list.len() + 1)),
            (1, Value::Array(list)) => list.push(any),
            (2, Value::Array(list)) => {
                let room = LIST.saturating_sub(list.len());
                list.extend_from_within(..list.len().min(room));
            }
            (0 | 1, Value::String(text)) => {
                *text = String::from_utf8_lossy(&bytes(text.as_bytes())).into_owned();
            }
            (_, value) => *value = any,
        }
    }
}

/// The value itself or one within it.
fn somewhere<'a>(value: &'a mut Value, dice: &mut Dice) -> &'a mut Value {
    let inside = match value {
        Value::Array(list) => list.len(),
        Value::Object(object) => object.len(),
        _ => 0,
    };
    if inside == 0 || dice.below(4) == 0 {
        return value;
    }
    let chosen = dice.below(inside);
    match value {
        Value::Array(list) => somewhere(&mut list[chosen], dice),
        Value::Object(object) => somewhere(object.values_mut().nth(chosen).unwrap(), dice),
        value => value,
    }
}

fn remove(object: &mut Map<String, Value>, dice: &mut Dice) {
    let chosen = dice.below(object.len() + 1);
    if let Some(key) = object.keys().nth(chosen).cloned() {
        object.remove(&key);
    }
}

fn join(line: &[u8], body: &[u8]) -> Vec<u8> {
    [line, b"\n", body].concat()
}
