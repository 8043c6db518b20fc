//! OpenAPI 3.1, generated from the handlers and the route table: each operation with its roles and codes.

use std::iter;

use actix_web::{http::Method, web::Bytes};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{
    Entry, audit, audit_log, backup, certificates, custodians, dek_versions, deks, deks_in_use,
    health, jobs, kek, meta, overrides, pii, principals, problem::ProblemBody, reconnect, routes,
    signing_keys, tokens, tools, wrap,
};

mod complete;

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
        signing_keys::list,
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
        custodians::enrol,
        custodians::activate,
        custodians::approve,
        custodians::suspend,
        custodians::reinstate,
        custodians::revoke,
        custodians::list,
        custodians::show,
        wrap::wrap,
        wrap::unwrap,
        wrap::rewrap,
        reconnect::reconnect,
        deks::create,
        deks::list,
        deks::show,
        deks::rotate,
        dek_versions::disable,
        dek_versions::enable,
        dek_versions::destroy,
        dek_versions::cancel_destroy,
        deks_in_use::encrypt,
        deks_in_use::decrypt,
        deks_in_use::rewrap,
        deks_in_use::data_key,
        deks_in_use::public_key,
        overrides::request,
        overrides::list,
        certificates::verify,
        overrides::show,
        overrides::sign,
        overrides::reject,
        overrides::withdraw,
        certificates::show,
        pii::encrypt,
        pii::decrypt,
        tools::sign,
        tools::verify,
        kek::show,
        kek::rotate,
        kek::retire,
        kek::restore,
        kek::destroy,
        kek::approve_destruction,
        jobs::list,
        jobs::show,
        backup::make,
        audit::entries,
        audit_log::checkpoint,
        audit_log::inclusion,
        audit_log::consistency,
        audit_log::tile,
        audit_log::verify,
    )
)]
struct Described;

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
    components.add_security_scheme(complete::BEARER, SecurityScheme::Http(scheme));
    for entry in routes() {
        let operations = document.paths.paths.get_mut(entry.path);
        let operation = operations.and_then(|item| match entry.method {
            Method::DELETE => item.delete.as_mut(),
            Method::POST => item.post.as_mut(),
            Method::PUT => item.put.as_mut(),
            _ => item.get.as_mut(),
        });
        if let Some(operation) = operation {
            operation.operation_id = Some(operation_id(&entry));
            complete::operation(operation, &entry);
        }
    }
    document
}

/// For example `post_v1_deks_name_rotate`.
fn operation_id(entry: &Entry) -> String {
    let words = entry.path.split(|mark: char| !mark.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let method = entry.method.as_str().to_ascii_lowercase();
    iter::once(method.as_str())
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
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
        let mut ids: Vec<_> = routes().iter().map(super::operation_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), routed.len(), "two operations have one id");
    }

    #[test]
    fn what_uses_a_key_takes_one_item_or_a_batch() {
        let document = serde_json::to_value(document()).unwrap();
        let operation = &document["paths"]["/v1/wrap"]["post"];
        let json = "application/json";
        let body = &operation["requestBody"]["content"][json]["schema"]["oneOf"];
        assert_eq!(body[0]["$ref"], "#/components/schemas/SealItem");
        assert_eq!(body[1]["properties"]["items"]["maxItems"], 256);
        let answer = &operation["responses"]["200"]["content"][json]["schema"]["oneOf"];
        assert_eq!(
            answer[0]["allOf"][0]["$ref"],
            "#/components/schemas/WrappedReply"
        );
        let items = &answer[1]["properties"]["items"]["items"]["oneOf"];
        assert_eq!(items.as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_the_service_refuses_the_description_refuses_too() {
        let document = serde_json::to_value(document()).unwrap();
        let (paths, schemas) = (&document["paths"], &document["components"]["schemas"]);
        let wrap = &paths["/v1/wrap"]["post"]["requestBody"]["content"]["application/json"];
        assert_eq!(wrap["schema"]["oneOf"][1]["additionalProperties"], false);
        let rotate = &paths["/v1/deks/{name}/rotate"]["post"];
        let body = &rotate["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Nothing"); // `null` is refused
        assert_ne!(body["required"], true); // an absent one is not
        let name = "^[a-z0-9][a-z0-9-]{0,62}$";
        assert_eq!(rotate["parameters"][0]["schema"]["pattern"], name);
        let limit = &paths["/v1/deks"]["get"]["parameters"][0]["schema"];
        assert_eq!(
            (&limit["minimum"], &limit["maximum"]),
            (&1.into(), &500.into())
        );
        let required = &schemas["CreatePrincipal"]["required"];
        assert_eq!(*required, serde_json::json!(["name", "subject", "roles"]));
        let lengths = &schemas["NewDataKey"]["properties"]["bytes"]["enum"];
        assert_eq!(*lengths, serde_json::json!([16, 24, 32, 64]));
        assert_eq!(
            schemas["WholeGrants"]["properties"]["deks"]["maxItems"],
            256
        );
        let tools = &schemas["SignTools"]["properties"]["tools"];
        assert_eq!(tools["items"]["required"], serde_json::json!(["name"]));
        assert_eq!(tools["maxItems"], 4096);
    }

    #[test]
    fn answers_name_their_headers() {
        let document = serde_json::to_value(document()).unwrap();
        let answers = &document["paths"]["/v1/deks"]["post"]["responses"];
        assert!(answers["201"]["headers"]["Location"].is_object());
        assert!(answers["503"]["headers"]["Retry-After"].is_object());
        assert!(answers["409"]["headers"]["X-Request-Id"].is_object());
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
