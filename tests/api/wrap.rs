//! Wrap, unwrap, rewrap (api.md section 6).

use serde_json::json;

use crate::service::Service;

#[test]
fn what_was_wrapped_unwraps_with_the_same_context_only() {
    let service = Service::spawn();
    let body = json!({"plaintext": "c2VjcmV0IGtleSBtYXRlcmlhbA==", "context": {"app": "a"}});
    service.hide("c2VjcmV0IGtleSBtYXRlcmlhbA==");
    let wrapped = service.post("app", "/v1/wrap", body).is(200);
    let blob = &wrapped["wrapped"];
    let opened = json!({"wrapped": blob, "context": {"app": "a"}});
    let opened = service.post("app", "/v1/unwrap", opened).is(200);
    assert_eq!(opened["plaintext"], "c2VjcmV0IGtleSBtYXRlcmlhbA==");
    assert_eq!(opened["kek"], wrapped["kek"]);
    for context in [json!({}), json!({"app": "b"}), json!({"app": "a", "b": ""})] {
        let other = json!({"wrapped": blob, "context": context});
        service
            .post("app", "/v1/unwrap", other)
            .is_refused(422, "integrity_failure");
    }
}
