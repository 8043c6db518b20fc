//! REST: every route on one screen. No SQL, no PKCS#11, no cryptography.

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    HttpResponse, Route,
    http::{Method, header},
    middleware::from_fn,
    rt::time::timeout,
    web::{self, ServiceConfig},
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::{custodian::Custodian, figures, id::Id, policy::Action};
use places::Places;
use problem::{Code, Problem};
use rates::Rates;
use turns::{Turn, Turns};

mod audit;
mod audit_log;
mod backup;
mod body;
mod caller;
mod certificates;
mod custodians;
mod dek_versions;
mod deks;
mod deks_in_use;
mod handed;
mod health;
mod jobs;
mod kek;
mod limits;
mod meta;
mod openapi;
mod overrides;
mod pace;
mod pii;
mod places;
mod principals;
mod problem;
mod query;
mod rates;
mod reconnect;
mod reply;
mod segment;
mod signing_keys;
mod source;
mod telemetry;
mod tokens;
mod tools;
mod turns;
mod wrap;

pub use caller::ClientCertificate;
pub use limits::Limits;
pub use pace::{Known, Pace};
pub use places::{Full, Place, Places as PlacesFor};
pub use source::network;
pub use telemetry::observe;

/// One route: what it is, what it does, how it may refuse.
struct Entry {
    method: Method,
    path: &'static str,
    /// `None` for the few that need no authentication.
    action: Option<Action>,
    /// Beside those that its method and its path bring ([`openapi`]).
    refusals: &'static [Code],
    handler: fn() -> Route,
}

/// Every route of the service but `/docs`, in the order of the contract.
#[rustfmt::skip] // One line a route: this is the screen that lists them.
fn routes() -> Vec<Entry> {
    use Action as Do;
    use Code::{AlreadyExists as Exists, AuditUnavailable, BadSignature, Conflict, Destroyed, Expired, NotOverridable, IdempotencyMismatch as Mismatch, IntegrityFailure as Integrity, NotFound as Missing};
    use Code::{InvalidRequest as Invalid, KekUnavailable as Kek, TwoPersonRule as TwoPerson};
    const GET: Method = Method::GET;
    const PUT: Method = Method::PUT;
    const POST: Method = Method::POST;
    const DELETE: Method = Method::DELETE;
    vec![
        public(GET, "/v1/health/live", || web::to(health::live)),
        public(GET, "/v1/health/ready", || web::to(health::ready)),
        public(GET, "/openapi.json", || web::to(meta::openapi)),
        public(GET, "/v1/signing-keys", || web::to(signing_keys::list)),
        entry(GET, "/v1/capabilities", Do::CapabilitiesRead, &[], || web::to(meta::capabilities)),
        entry(GET, "/metrics", Do::MetricsRead, &[], || web::to(meta::metrics)),
        entry(POST, "/v1/admin/principals", Do::PrincipalCreate, &[Exists, Conflict, TwoPerson, Mismatch], || web::to(principals::create)),
        entry(GET, "/v1/admin/principals", Do::PrincipalRead, &[Invalid], || web::to(principals::list)),
        entry(GET, "/v1/admin/principals/{id}", Do::PrincipalRead, &[], || web::to(principals::show)),
        entry(DELETE, "/v1/admin/principals/{id}", Do::PrincipalDelete, &[Conflict], || web::to(principals::delete)),
        entry(POST, "/v1/admin/principals/{id}/approve", Do::PrincipalApprove, &[Conflict, TwoPerson], || web::to(principals::approve)),
        entry(PUT, "/v1/admin/principals/{id}/grants", Do::GrantsChange, &[], || web::to(principals::change_grants)),
        entry(POST, "/v1/admin/principals/{id}/grants/approve", Do::GrantsApprove, &[Conflict, TwoPerson], || web::to(principals::approve_grants)),
        entry(POST, "/v1/admin/principals/{id}/tokens", Do::TokenCreate, &[Conflict, Mismatch], || web::to(tokens::issue)),
        entry(POST, "/v1/admin/principals/{id}/tokens/{token_id}/approve", Do::TokenApprove, &[Conflict, TwoPerson], || web::to(tokens::approve)),
        entry(DELETE, "/v1/admin/principals/{id}/tokens/{token_id}", Do::TokenRevoke, &[Conflict], || web::to(tokens::revoke)),
        entry(POST, "/v1/admin/custodians", Do::CustodianEnrol, &[Exists, Conflict, TwoPerson, Mismatch], || web::to(custodians::enrol)),
        entry(POST, "/v1/admin/custodians/{id}/activate", Do::CustodianActivate, &[BadSignature, Exists, Conflict, Expired, TwoPerson], || web::to(custodians::activate)),
        entry(POST, "/v1/admin/custodians/{id}/approve", Do::CustodianApprove, &[Conflict, TwoPerson], || web::to(custodians::approve)),
        entry(POST, "/v1/admin/custodians/{id}/suspend", Do::CustodianSuspend, &[Conflict], || web::to(custodians::suspend)),
        entry(POST, "/v1/admin/custodians/{id}/reinstate", Do::CustodianReinstate, &[Exists, Conflict, TwoPerson], || web::to(custodians::reinstate)),
        entry(POST, "/v1/admin/custodians/{id}/revoke", Do::CustodianRevoke, &[Conflict], || web::to(custodians::revoke)),
        entry(GET, "/v1/custodians", Do::CustodianRead, &[Invalid, Integrity], || web::to(custodians::list)),
        entry(GET, "/v1/custodians/{id}", Do::CustodianRead, &[Integrity], || web::to(custodians::show)),
        entry(POST, "/v1/wrap", Do::KekWrap, &[Conflict, Kek], || web::to(wrap::wrap)),
        entry(POST, "/v1/unwrap", Do::KekUnwrap, &[Destroyed, Integrity, Kek], || web::to(wrap::unwrap)),
        entry(POST, "/v1/rewrap", Do::KekRewrap, &[Conflict, Destroyed, Integrity, Kek], || web::to(wrap::rewrap)),
        entry(POST, "/v1/kek/reconnect", Do::KekReconnect, &[], || web::to(reconnect::reconnect)),
        entry(POST, "/v1/deks", Do::DekCreate, &[Exists, Conflict, Mismatch, Integrity, Kek], || web::to(deks::create)),
        entry(GET, "/v1/deks", Do::DekRead, &[Invalid, Integrity], || web::to(deks::list)),
        entry(GET, "/v1/deks/{name}", Do::DekRead, &[Integrity], || web::to(deks::show)),
        entry(POST, "/v1/deks/{name}/rotate", Do::DekRotate, &[Conflict, Mismatch, Integrity, Kek], || web::to(deks::rotate)),
        entry(POST, "/v1/deks/{name}/versions/{version}/disable", Do::DekDisable, &[Destroyed, Integrity], || web::to(dek_versions::disable)),
        entry(POST, "/v1/deks/{name}/versions/{version}/enable", Do::DekEnable, &[Destroyed, Integrity], || web::to(dek_versions::enable)),
        entry(POST, "/v1/deks/{name}/versions/{version}/destroy", Do::DekDestroy, &[Conflict, Destroyed, Integrity], || web::to(dek_versions::destroy)),
        entry(POST, "/v1/deks/{name}/versions/{version}/cancel-destroy", Do::DekCancelDestroy, &[Conflict, Destroyed, Integrity], || web::to(dek_versions::cancel_destroy)),
        entry(POST, "/v1/deks/{name}/encrypt", Do::DekEncrypt, &[Conflict, Destroyed, Integrity, Kek], || web::to(deks_in_use::encrypt)),
        entry(POST, "/v1/deks/{name}/decrypt", Do::DekDecrypt, &[Conflict, Destroyed, Integrity, Kek], || web::to(deks_in_use::decrypt)),
        entry(POST, "/v1/deks/{name}/rewrap", Do::DekRewrap, &[Conflict, Destroyed, Integrity, Kek], || web::to(deks_in_use::rewrap)),
        entry(POST, "/v1/deks/{name}/data-key", Do::DekDataKey, &[Conflict, Destroyed, Integrity, Kek], || web::to(deks_in_use::data_key)),
        entry(GET, "/v1/deks/{name}/public-key", Do::DekPublicKey, &[Invalid, Conflict, Destroyed, Integrity], || web::to(deks_in_use::public_key)),
        entry(POST, "/v1/overrides", Do::OverrideRequest, &[Exists, Conflict, NotOverridable, Mismatch], || web::to(overrides::request)),
        entry(GET, "/v1/overrides", Do::OverrideRead, &[Invalid, Integrity], || web::to(overrides::list)),
        entry(POST, "/v1/overrides/verify", Do::OverrideVerify, &[Conflict, Integrity], || web::to(certificates::verify)),
        entry(GET, "/v1/overrides/{id}", Do::OverrideRead, &[Integrity], || web::to(overrides::show)),
        entry(POST, "/v1/overrides/{id}/signatures", Do::OverrideSign, &[BadSignature, Conflict, Expired, Kek, TwoPerson], || web::to(overrides::sign)),
        entry(POST, "/v1/overrides/{id}/reject", Do::OverrideReject, &[BadSignature, Conflict, Expired], || web::to(overrides::reject)),
        entry(POST, "/v1/overrides/{id}/withdraw", Do::OverrideWithdraw, &[Conflict, Expired], || web::to(overrides::withdraw)),
        entry(GET, "/v1/overrides/{id}/certificate", Do::OverrideRead, &[Conflict, Integrity], || web::to(certificates::show)),
        entry(POST, "/v1/pii/encrypt", Do::PiiEncrypt, &[Conflict, Integrity, Missing], || web::to(pii::encrypt)),
        entry(POST, "/v1/pii/decrypt", Do::PiiDecrypt, &[Conflict, Destroyed, Integrity, Kek], || web::to(pii::decrypt)),
        entry(POST, "/v1/mcp/tools/sign", Do::ToolsSign, &[Kek], || web::to(tools::sign)),
        entry(POST, "/v1/mcp/tools/verify", Do::ToolsVerify, &[Integrity], || web::to(tools::verify)),
        entry(GET, "/v1/kek", Do::KekRead, &[Integrity], || web::to(kek::show)),
        entry(POST, "/v1/kek/rotate", Do::KekRotate, &[Conflict, Mismatch, Integrity, Kek], || web::to(kek::rotate)),
        entry(POST, "/v1/kek/versions/{kek}/retire", Do::KekRetire, &[Conflict, Destroyed, Integrity], || web::to(kek::retire)),
        entry(POST, "/v1/kek/versions/{kek}/restore", Do::KekRestore, &[Conflict, Destroyed, Integrity, Kek], || web::to(kek::restore)),
        entry(POST, "/v1/kek/versions/{kek}/destroy", Do::KekDestroy, &[Conflict, Destroyed, Integrity], || web::to(kek::destroy)),
        entry(POST, "/v1/kek/versions/{kek}/destroy/approve", Do::KekDestroyApprove, &[Conflict, Destroyed, Integrity, TwoPerson], || web::to(kek::approve_destruction)),
        entry(GET, "/v1/jobs", Do::JobRead, &[Invalid, Integrity], || web::to(jobs::list)),
        entry(GET, "/v1/jobs/{id}", Do::JobRead, &[Integrity], || web::to(jobs::show)),
        entry(POST, "/v1/backup", Do::BackupMake, &[Integrity], || web::to(backup::make)),
        entry(GET, "/v1/audit/entries", Do::AuditRead, &[Invalid, Integrity], || web::to(audit::entries)),
        entry(GET, "/v1/audit/checkpoint", Do::AuditTreeRead, &[AuditUnavailable], || web::to(audit_log::checkpoint)),
        entry(GET, "/v1/audit/proof/inclusion", Do::AuditRead, &[AuditUnavailable, Invalid, Integrity], || web::to(audit_log::inclusion)),
        entry(GET, "/v1/audit/proof/consistency", Do::AuditRead, &[AuditUnavailable, Invalid, Integrity], || web::to(audit_log::consistency)),
        entry(GET, "/v1/audit/tile/{tile}", Do::AuditTreeRead, &[AuditUnavailable, Integrity], || web::to(audit_log::tile)),
        entry(POST, "/v1/audit/verify", Do::AuditVerify, &[], || web::to(audit_log::verify)),
    ]
}

/// What handlers share.
pub struct Service {
    custodian: Arc<Custodian>,
    metrics: PrometheusHandle,
    limits: Limits,
    openapi: web::Bytes,
    key_uses: Turns,
    large_kibibytes: Turns,
    verifying: Semaphore,
    requests: Arc<Places<Id>>,
    requests_a_second: Rates<Id>,
    failed_sign_ins: Rates<Option<IpAddr>>,
    open_requests: Rates<Option<IpAddr>>,
    backing_up: Arc<Semaphore>,
}

const KIBIBYTE: usize = 1024;

/// Failed sign-ins that one source may try each second, and at once after a pause.
const FAILED_SIGN_INS: (u32, u32) = (10, 200);

/// Requests without authentication that one source may send each second, and at once after a pause.
const OPEN_REQUESTS: (u32, u32) = (200, 1000);

impl Service {
    /// Joins the verbs with the limits of the transport.
    #[must_use]
    pub fn new(custodian: Arc<Custodian>, metrics: PrometheusHandle, limits: Limits) -> Self {
        // A counter that begins at its first refusal is no alarm: what grows is seen only between two looks.
        for code in Code::ALL {
            metrics::counter!(figures::REFUSALS, "code" => code.name()).increment(0);
        }
        let by_source = |(a_second, burst)| Rates::new(a_second, burst, rates::KEYS);
        Self {
            custodian,
            metrics,
            limits,
            openapi: openapi::text(),
            key_uses: Turns::new(limits.key_uses),
            large_kibibytes: Turns::new(limits.large_bytes / KIBIBYTE),
            verifying: Semaphore::new(1),
            requests: Places::new(limits.requests, limits.requests_per_principal),
            // Principals are as many as admins made: none is ever counted with another.
            requests_a_second: Rates::new(limits.requests_per_second, limits.burst, usize::MAX),
            failed_sign_ins: by_source(FAILED_SIGN_INS),
            open_requests: by_source(OPEN_REQUESTS),
            backing_up: Arc::new(Semaphore::new(1)),
        }
    }

    /// Memory for a large body, held until the share is dropped. Who gets none in time is to come again.
    async fn share(&self, who: &Id, bytes: usize) -> Result<Turn, Problem> {
        let share = self.large_kibibytes.take(who, bytes.div_ceil(KIBIBYTE));
        let share = timeout(self.limits.key_wait, share).await;
        share.ok().flatten().ok_or(Problem::of(
            Code::NotReady,
            "more large requests are on their way than the service has memory for; send it again after Retry-After",
        ).retry_after(1))
    }

    /// Says at once that nothing is ready any more: the service is going down.
    pub fn close_doors(&self) {
        self.custodian.close_doors();
    }

    /// Folds the samples of figures together, so that memory stays bounded though nobody reads them. Sources beyond
    /// those that are told apart wait no longer than until now to be told apart again.
    pub fn upkeep(&self) {
        self.metrics.run_upkeep();
        for sources in [&self.failed_sign_ins, &self.open_requests] {
            if sources.is_full() {
                sources.forget_quiet();
            }
        }
    }

    /// Forgets who has been quiet, so that memory stays bounded.
    pub fn forget_quiet(&self) {
        self.failed_sign_ins.forget_quiet();
        self.open_requests.forget_quiet();
        self.requests_a_second.forget_quiet();
        self.key_uses.forget_quiet();
        self.large_kibibytes.forget_quiet();
    }
}

/// Mounts every route: 404 and 405 come before authentication, that before a body is read.
pub fn mount(config: &mut ServiceConfig) {
    let routes = routes();
    let mut paths: Vec<_> = routes.iter().map(|entry| entry.path).collect();
    paths.dedup();
    for path in paths {
        let here: Vec<_> = routes.iter().filter(|entry| entry.path == path).collect();
        let allowed = here
            .iter()
            .map(|entry| entry.method.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let wrong_method = move || {
            let allowed = allowed.clone();
            async move { wrong_method(&allowed) }
        };
        let resource = web::resource(segment::pattern(path)).default_service(web::to(wrong_method));
        config.service(
            here.into_iter()
                .fold(resource, |resource, entry| resource.route(gated(entry))),
        );
    }
    meta::mount_viewer(config);
    config.default_service(web::to(async || {
        Problem::of(
            Code::NotFound,
            "there is nothing at this path; see /openapi.json",
        )
        .refuse()
    }));
}

fn gated(entry: &Entry) -> Route {
    let route = (entry.handler)().method(entry.method.clone());
    match entry.action {
        Some(action) => route.wrap(from_fn(move |request, next| {
            caller::gate(action, request, next)
        })),
        None if entry.path.starts_with(HEALTH) => route,
        None => route.wrap(from_fn(caller::open)),
    }
}

/// Whoever supervises the service is never refused: its answers cost less than a refusal.
const HEALTH: &str = "/v1/health/";

fn wrong_method(allowed: &str) -> HttpResponse {
    let mut answer = Problem::of(
        Code::MethodNotAllowed,
        "this path has other methods; see the Allow header",
    )
    .refuse();
    if let Ok(allowed) = header::HeaderValue::from_str(allowed) {
        answer.headers_mut().insert(header::ALLOW, allowed);
    }
    answer
}

const fn public(method: Method, path: &'static str, handler: fn() -> Route) -> Entry {
    Entry {
        method,
        path,
        action: None,
        refusals: &[],
        handler,
    }
}

const fn entry(
    method: Method,
    path: &'static str,
    action: Action,
    refusals: &'static [Code],
    handler: fn() -> Route,
) -> Entry {
    Entry {
        method,
        path,
        action: Some(action),
        refusals,
        handler,
    }
}
