//! Adds to each operation what the route table knows: roles, codes, security, the batch form.

use std::collections::BTreeMap;

use actix_web::http::Method;
use utoipa::openapi::{
    Content, RefOr, Response, ResponseBuilder,
    extensions::ExtensionsBuilder,
    path::Operation,
    schema::{
        AdditionalProperties, AllOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, Schema,
        SchemaType, Type,
    },
    security::SecurityRequirement,
};

use crate::{
    custodian::items::BATCH_ITEMS,
    http::{Entry, problem::Code},
    policy::Action,
};

mod forms;

/// The security scheme of every operation behind authentication.
pub(super) const BEARER: &str = "bearer";

const JSON: &str = "application/json";

/// Codes that every operation behind authentication may answer.
const GATED: [Code; 5] = [
    Code::Unauthenticated,
    Code::RateLimited,
    Code::Forbidden,
    Code::StoreUnavailable,
    Code::NotReady,
];

/// Codes that every body may be refused with.
const BODY: [Code; 3] = [
    Code::UnsupportedMediaType,
    Code::TooLarge,
    Code::InvalidRequest,
];

/// Codes by their status.
type Codes = BTreeMap<u16, Vec<&'static str>>;

/// Completes one operation; what needs no authentication says all itself.
pub(super) fn operation(operation: &mut Operation, entry: &Entry) {
    let Some(action) = entry.action else { return };
    let codes = codes(entry, action);
    for (status, names) in &codes {
        let refusal = RefOr::T(refusal(names));
        operation
            .responses
            .responses
            .insert(status.to_string(), refusal);
    }
    let roles: Vec<_> = action
        .roles()
        .iter()
        .map(|role| serde_json::json!(role))
        .collect();
    operation.description = Some(described(action, &roles));
    let extensions = ExtensionsBuilder::new()
        .add("x-roles", roles)
        .add("x-codes", codes.into_values().flatten().collect::<Vec<_>>())
        .build();
    operation
        .extensions
        .get_or_insert_default()
        .merge(extensions);
    forms::describe(operation, entry.path);
    operation.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    if [Action::PrincipalCreate, Action::TokenCreate].contains(&action) {
        shown_once(operation);
    }
    may_be_absent(operation);
    if takes_batches(action) {
        batches(operation);
    }
    if [Action::PiiDecrypt, Action::PiiEncrypt].contains(&action) {
        event_or_events(operation);
    }
}

/// The token stands beside the view in the first answer; a replay says that it does not.
fn shown_once(operation: &mut Operation) {
    let token =
        || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let more = ObjectBuilder::new()
        .property("token", token())
        .property("notice", text())
        .required("token");
    change_answer(operation, "201", |view| all_of(view, more));
}

fn change_answer(
    operation: &mut Operation,
    status: &str,
    change: impl FnOnce(RefOr<Schema>) -> RefOr<Schema>,
) {
    let Some(RefOr::T(answer)) = operation.responses.responses.get_mut(status) else {
        return;
    };
    let Some(RefOr::T(content)) = answer.content.get_mut(JSON) else {
        return;
    };
    content.schema = content.schema.take().map(change);
}

fn all_of(one: RefOr<Schema>, more: ObjectBuilder) -> RefOr<Schema> {
    AllOfBuilder::new().item(one).item(more).into()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn codes(entry: &Entry, action: Action) -> Codes {
    let with_body = entry.method == Method::POST || entry.method == Method::PUT;
    let body: &[Code] = if with_body { &BODY } else { &[] };
    let named = entry.path.contains('{').then_some(Code::NotFound);
    let audited = action.audited().then_some(Code::AuditUnavailable);
    let codes = GATED.iter().chain(body).chain(entry.refusals).copied();
    let mut by_status = Codes::new();
    for code in codes.chain(named).chain(audited) {
        let status = code.status().as_u16();
        by_status.entry(status).or_default().push(code.name());
    }
    by_status
}

fn refusal(names: &[&str]) -> Response {
    let content = Content::new(Some(schema("Problem")));
    ResponseBuilder::new()
        .description(names.join(", "))
        .content("application/problem+json", content)
        .build()
}

fn described(action: Action, roles: &[serde_json::Value]) -> String {
    let roles: Vec<_> = roles.iter().filter_map(|role| role.as_str()).collect();
    let roles = roles.join("`, `");
    match action.audited() {
        true => format!("Roles: `{roles}`. In the audit log: `{}`.", action.name()),
        false => format!("Roles: `{roles}`."),
    }
}

fn takes_batches(action: Action) -> bool {
    use Action::{DekDecrypt, DekEncrypt, DekRewrap, KekRewrap, KekUnwrap, KekWrap};
    [
        DekDecrypt, DekEncrypt, DekRewrap, KekRewrap, KekUnwrap, KekWrap,
    ]
    .contains(&action)
}

fn body(operation: &mut Operation) -> Option<&mut Content> {
    let Some(RefOr::T(body)) = operation.request_body.as_mut() else {
        return None;
    };
    match body.content.get_mut(JSON) {
        Some(RefOr::T(content)) => Some(content),
        Some(RefOr::Ref(_)) | None => None,
    }
}

/// What the macro says of an optional body, `null` or the object, is an absent body or the object.
fn may_be_absent(operation: &mut Operation) {
    let null = SchemaType::Type(Type::Null);
    let is_null = |schema: &RefOr<Schema>| matches!(schema, RefOr::T(Schema::Object(of)) if of.schema_type == null);
    if let Some(content) = body(operation)
        && let Some(RefOr::T(Schema::OneOf(either))) = &mut content.schema
    {
        either.items.retain(|schema| !is_null(schema));
        if either.items.len() == 1 {
            content.schema = either.items.pop();
        }
    }
}

/// One item, or `{"items":[…]}` of them; a refused item of the answer has its problem instead.
fn batches(operation: &mut Operation) {
    if let Some(content) = body(operation) {
        let one = content.schema.take();
        let many =
            |one| many(one).additional_properties(Some(AdditionalProperties::FreeForm(false)));
        content.schema = one.map(|one| either(one.clone(), many(one)));
    }
    change_answer(operation, "200", |reply| {
        let done = all_of(reply, ObjectBuilder::new().property("reference", text()));
        let refused = refused_item().property("reference", text());
        either(done.clone(), many(either(done, refused)))
    });
}

/// Either `event` or `events` in the body; events that are refused have their problem instead.
fn event_or_events(operation: &mut Operation) {
    let with = |name| {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .required(name)
    };
    if let Some(content) = body(operation) {
        let one_of_them = OneOfBuilder::new().item(with("event")).item(with("events"));
        let both = |body| AllOfBuilder::new().item(body).item(one_of_them).into();
        content.schema = content.schema.take().map(both);
    }
    change_answer(operation, "200", |done| {
        either(done.clone(), many(either(done, refused_item())))
    });
}

fn many(item: RefOr<Schema>) -> ObjectBuilder {
    let items = ArrayBuilder::new()
        .items(item)
        .min_items(Some(1))
        .max_items(Some(BATCH_ITEMS));
    ObjectBuilder::new()
        .property("items", items)
        .required("items")
}

fn either(one: RefOr<Schema>, other: ObjectBuilder) -> RefOr<Schema> {
    OneOfBuilder::new().item(one).item(other).into()
}

fn refused_item() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("error", schema("Problem"))
        .required("error")
}

fn schema(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}
