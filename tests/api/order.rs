//! The order of refusals (api.md section 1).

use serde_json::json;

use crate::service::Service;

#[test]
fn whoever_has_no_grant_reads_404_whatever_the_body_is() {
    let service = Service::spawn();
    service.make_dek("payroll");
    let body = json!({"name": "narrow", "subject": "narrow", "roles": ["app"], "grants": {"deks": ["telemetry"]}});
    let made = service.post("admin", "/v1/admin/principals", body).is(201);
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    for verb in ["encrypt", "decrypt"] {
        for kind in ["application/json", "text/plain"] {
            let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
            let path = format!("/v1/deks/payroll/{verb}");
            service
                .raw("POST", &path, &headers, b"{")
                .is_refused(404, "not_found");
        }
    }
}
