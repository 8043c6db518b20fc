//! Bodies out of a JSON schema: its examples where it has some, else the plainest value of its type.

use serde_json::{Map, Value, json};

/// The bodies of a schema: for each of its forms one with every property, and one with those that it requires.
pub fn of(description: &Value, schema: &Value) -> Vec<Value> {
    let forms = match resolved(description, schema)["oneOf"].as_array() {
        Some(forms) => forms.iter().filter(|form| form["type"] != "null").collect(),
        None => vec![schema],
    };
    let both = |form| [true, false].map(|every| value(description, form, every, 0));
    let mut bodies: Vec<Value> = forms.into_iter().flat_map(both).collect();
    bodies.dedup();
    bodies
}

fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    let target = pointer.and_then(|pointer| description.pointer(pointer));
    target.unwrap_or(schema)
}

fn value(description: &Value, schema: &Value, every: bool, depth: u8) -> Value {
    let schema = resolved(description, schema);
    let inner = |schema: &Value| value(description, schema, every, depth + 1);
    if depth > 8 {
        return Value::Null;
    }
    for key in ["example", "default"] {
        if let Some(shown) = schema.get(key) {
            return shown.clone();
        }
    }
    for key in ["enum", "examples"] {
        // Two bodies show two of the choices.
        let choices = schema[key].as_array().filter(|all| !all.is_empty());
        if let Some(choices) = choices {
            return choices[usize::from(every) % choices.len()].clone();
        }
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        let forms = schema[key].as_array().into_iter().flatten();
        if let Some(form) = forms.into_iter().find(|form| form["type"] != "null") {
            return inner(form);
        }
    }
    match kind(schema) {
        "object" => object(schema, every, inner),
        "array" => json!([inner(&schema["items"])]),
        "boolean" => json!(true),
        "integer" | "number" => json!(1),
        _ if schema["format"] == "byte" => json!("aGVsbG8="),
        _ => json!("sample"),
    }
}

/// The type, or the first of several.
fn kind(schema: &Value) -> &str {
    let kind = &schema["type"];
    kind.as_str()
        .or_else(|| kind[0].as_str())
        .unwrap_or_default()
}

fn object(schema: &Value, every: bool, inner: impl Fn(&Value) -> Value) -> Value {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let required = schema["required"].as_array();
    let wanted = |name: &String| every || required.is_some_and(|all| all.contains(&json!(name)));
    let wanted = properties.iter().filter(|(name, _)| wanted(name));
    let mut object: Map<_, _> = wanted
        .map(|(name, schema)| (name.clone(), inner(schema)))
        .collect();
    if let Some(more) = schema
        .get("additionalProperties")
        .filter(|more| every && more.is_object())
    {
        object.insert("key".to_owned(), inner(more));
    }
    object.into()
}
