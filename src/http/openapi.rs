//! OpenAPI 3.1, generated from the handlers and the route table: each operation with its roles and codes.

use std::collections::BTreeMap;

use actix_web::{http::Method, web::Bytes};
use utoipa::{
    OpenApi,
    openapi::{
        Content, RefOr, ResponseBuilder,
        extensions::ExtensionsBuilder,
        path::Operation,
        schema::Ref,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    Entry, audit, deks, health, meta, principals,
    problem::{Code, ProblemBody},
    routes, tokens, wrap,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Aegis Custodian",
        description = "An HSM-first key custodian: the KEK never leaves its token."
    ),
    components(schemas(ProblemBody)),
    paths(
        health::live,
        health::ready,
        meta::openapi,
        meta::capabilities,
        meta::metrics,
        principals::create,
        principals::list,
        principals::show,
        principals::delete,
        principals::approve,
        principals::change_grants,
        principals::approve_grants,
        tokens::issue,
        tokens::approve,
        tokens::revoke,
        wrap::wrap,
        wrap::unwrap,
        wrap::rewrap,
        deks::create,
        deks::list,
        deks::show,
        deks::rotate,
        deks::encrypt,
        deks::decrypt,
        audit::entries,
    )
)]
struct Described;

const BEARER: &str = "bearer";

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

/// The whole description as JSON.
pub(super) fn text() -> Bytes {
    serde_json::to_vec(&document()).unwrap_or_default().into()
}

fn document() -> utoipa::openapi::OpenApi {
    let mut document = Described::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("cst_…")
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    for entry in routes() {
        let operations = document.paths.paths.get_mut(entry.path);
        let operation = operations.and_then(|item| match entry.method {
            Method::DELETE => item.delete.as_mut(),
            Method::POST => item.post.as_mut(),
            Method::PUT => item.put.as_mut(),
            _ => item.get.as_mut(),
        });
        if let Some(operation) = operation {
            complete(operation, &entry);
        }
    }
    document
}

/// Adds what the route table knows: roles, codes, security.
fn complete(operation: &mut Operation, entry: &Entry) {
    let Some(action) = entry.action else { return };
    let with_body = entry.method == Method::POST || entry.method == Method::PUT;
    let body: &[Code] = if with_body { &BODY } else { &[] };
    let named = entry.path.contains('{').then_some(Code::NotFound);
    let audited = action.audited().then_some(Code::AuditUnavailable);
    let codes = GATED.iter().chain(body).chain(entry.refusals).copied();
    let codes = codes.chain(named).chain(audited);
    let mut by_status = BTreeMap::<u16, Vec<&'static str>>::new();
    for code in codes {
        by_status
            .entry(code.status().as_u16())
            .or_default()
            .push(code.name());
    }
    for (status, names) in &by_status {
        let described = ResponseBuilder::new().description(names.join(", "));
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
        let response = described
            .content("application/problem+json", content)
            .build();
        operation
            .responses
            .responses
            .insert(status.to_string(), RefOr::T(response));
    }
    let extensions = ExtensionsBuilder::new()
        .add("x-roles", serde_json::json!(action.roles()))
        .add(
            "x-codes",
            by_status.into_values().flatten().collect::<Vec<_>>(),
        )
        .add(
            "x-audited-as",
            serde_json::json!(action.audited().then_some(action.name())),
        )
        .build();
    operation
        .extensions
        .get_or_insert_default()
        .merge(extensions);
    let requirement = SecurityRequirement::new(BEARER, Vec::<String>::new());
    operation.security = Some(vec![requirement]);
}

#[cfg(test)]
mod tests {
    use super::{document, routes};

    #[test]
    fn every_route_is_described_and_every_description_is_a_route() {
        let document = serde_json::to_value(document()).unwrap();
        let mut described = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                described.push(format!("{} {path}", method.to_uppercase()));
            }
        }
        let mut routed: Vec<_> = routes()
            .iter()
            .map(|entry| format!("{} {}", entry.method, entry.path))
            .collect();
        described.sort();
        routed.sort();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_operation_behind_authentication_names_its_roles_and_codes() {
        let document = serde_json::to_value(document()).unwrap();
        for entry in routes().iter().filter(|entry| entry.action.is_some()) {
            let method = entry.method.as_str().to_lowercase();
            let operation = &document["paths"][entry.path][method];
            assert!(
                !operation["x-roles"].as_array().unwrap().is_empty(),
                "{}",
                entry.path
            );
            assert!(operation["responses"]["401"].is_object(), "{}", entry.path);
            assert!(operation["security"].is_array(), "{}", entry.path);
        }
        assert_eq!(document["openapi"], "3.1.0");
    }
}
