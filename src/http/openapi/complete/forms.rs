//! The form of what has one name everywhere: path segments, the idempotency key, headers of answers.

use utoipa::openapi::{
    Header, ObjectBuilder, RefOr, SchemaFormat, Type, path::Operation, schema::Schema,
};

/// Says the form of an operation's parameters and of its answers' headers.
pub(super) fn describe(operation: &mut Operation, path: &str) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(form) = of_parameter(path, &parameter.name)
        {
            parameter.schema = Some(form);
        }
    }
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer {
            answer.headers.extend(of_answer(status).iter().map(header));
        }
    }
}

fn of_parameter(path: &str, name: &str) -> Option<RefOr<Schema>> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let of_a_dek = path.starts_with("/v1/deks/");
    let form = match name {
        "Idempotency-Key" => text.pattern(Some("^[!-~]([ -~]{0,126}[!-~])?$")),
        "id" | "token_id" => text.format(Some(SchemaFormat::Custom("uuid".to_owned()))),
        "name" if of_a_dek => text.pattern(Some("^[a-z0-9][a-z0-9-]{0,62}$")),
        "kek" => text.pattern(Some("^kek-v[1-9][0-9]{0,8}-[0-9]{8}$")),
        "version" if of_a_dek => text.pattern(Some("^dek-v[1-9][0-9]{0,8}-[0-9]{8}$")),
        _ => return None,
    };
    Some(form.into())
}

fn header((name, meaning): &(&str, &str)) -> (String, RefOr<Header>) {
    let mut header = Header::default();
    header.description = Some((*meaning).to_owned());
    ((*name).to_owned(), header.into())
}

/// Names and meanings.
fn of_answer(status: &str) -> &'static [(&'static str, &'static str)] {
    const ID: (&str, &str) = (
        "X-Request-Id",
        "The request's name in the log and the audit log.",
    );
    const PLACE: (&str, &str) = ("Location", "The path of what was made.");
    const WAIT: (&str, &str) = ("Retry-After", "Seconds to wait before sending it again.");
    match status {
        "201" | "202" => &[ID, PLACE],
        "429" | "503" => &[ID, WAIT],
        _ => &[ID],
    }
}
