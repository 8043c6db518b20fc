//! Overrides over REST (api.md section 8).

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    principals::SUBJECT,
    problem::Problem,
    query::Params,
    reply::{self, List, block, use_key},
    segment::Segment,
};
use crate::{
    custodian::{
        override_requests::NewOverride,
        override_signatures::{NewRejection, NewSignature},
        override_view::OverrideView,
        overrides::OverrideFilter,
        page::Wanted,
    },
    duration::Period,
    error::Error,
    id::{Id, Subject},
    json::normal,
    policy::OverrideStatus,
    words::{Environment, Gate},
};

/// What an application asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestOverride {
    /// What it is about: 1 to 256 characters, none of them a control character.
    #[schema(
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    proposal_id: String,
    /// Why: 1 to 4,096 characters after Unicode NFC, not blank; of control characters only tab and line feed.
    #[schema(
        min_length = 1,
        max_length = 4096,
        pattern = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
    )]
    justification: String,
    /// The gates that failed, each once. `complexity` is never overridable.
    #[schema(min_items = 1, max_items = 5, value_type = BTreeSet<Gate>)]
    failed_gates: Vec<Gate>,
    /// Absent: `production`.
    environment: Option<Environment>,
    /// How long it stays open, from `1m`; absent: as long as this service allows, `24h` unless configured.
    #[schema(example = "24h", pattern = "^[1-9][0-9]*[smhd]$")]
    expires_in: Option<String>,
    /// The subject of the human behind the request.
    #[schema(pattern = "^[A-Za-z0-9._@+-]{1,128}$")]
    on_behalf_of: Option<String>,
}

/// Which overrides to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OverrideParams {
    /// `pending`, `partial`, `approved`, `rejected`, `expired` or `withdrawn`.
    #[param(pattern = "^(pending|partial|approved|rejected|expired|withdrawn)$")]
    status: Option<String>,
    /// About which proposal.
    proposal_id: Option<String>,
    /// Items of the page: 1 to 500, 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A custodian's signature.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    /// The custodian that the caller's principal is bound to.
    #[schema(format = "uuid")]
    custodian_id: String,
    /// Over the signing hash, as `custodian sign` prints it.
    signature: String,
}

/// A custodian's signed no.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reject {
    /// The custodian that the caller's principal is bound to.
    #[schema(format = "uuid")]
    custodian_id: String,
    /// Why: 1 to 4,096 characters.
    #[schema(
        min_length = 1,
        max_length = 4096,
        pattern = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
    )]
    reason: String,
    /// Over custodian, override and reason, as `custodian reject` prints it.
    signature: String,
}

/// Request an override of failed gates: two custodians, one of each role, have to sign it.
#[utoipa::path(post, path = "/v1/overrides", tag = "overrides", request_body = RequestOverride,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable ASCII characters")),
    responses((status = 201, description = "The override, and what custodians sign", body = OverrideView)))]
pub(super) async fn request(
    service: Data<Service>,
    Who(who): Who,
    body: Body<RequestOverride>,
) -> Result<HttpResponse, Problem> {
    let (new, once) = (body.value.check()?, body.once);
    let requested = block(&service, move |custodian| {
        custodian.request_override(&who, new, once.as_ref())
    });
    reply::made(requested.await?, |view| {
        (view.location(), serde_json::to_vec(&view))
    })
}

/// List the overrides that the caller may know of, in the order of their requests.
#[utoipa::path(get, path = "/v1/overrides", tag = "overrides", params(OverrideParams),
    responses((status = 200, description = "A page of overrides", body = List<OverrideView>)))]
pub(super) async fn list(
    service: Data<Service>,
    Who(who): Who,
    query: Params<OverrideParams>,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted::new(query.0.limit, query.0.cursor.as_deref())?;
    let filter = query.0.filter()?;
    let page = block(&service, move |custodian| {
        custodian.overrides(&who, filter, &wanted)
    });
    Ok(reply::list(page.await?))
}

/// Show an override.
#[utoipa::path(get, path = "/v1/overrides/{id}", tag = "overrides", params(("id" = String, Path)),
    responses((status = 200, description = "The override", body = OverrideView)))]
pub(super) async fn show(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
) -> Result<HttpResponse, Problem> {
    let shown = block(&service, move |custodian| {
        custodian.override_of(&who, &id.0)
    });
    Ok(reply::ok(&shown.await?))
}

/// Sign an override; the second signature approves it, and the token countersigns.
#[utoipa::path(post, path = "/v1/overrides/{id}/signatures", tag = "overrides", request_body = Signature,
    params(("id" = String, Path)),
    responses((status = 200, description = "The override", body = OverrideView)))]
pub(super) async fn sign(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<Signature>,
) -> Result<HttpResponse, Problem> {
    let new = signature(&body.value.custodian_id, body.value.signature)?;
    let signed = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.sign_override(&who, &id.0, new)
    });
    Ok(reply::ok(&signed.await?))
}

/// Reject an override with a signature: it is closed.
#[utoipa::path(post, path = "/v1/overrides/{id}/reject", tag = "overrides", request_body = Reject,
    params(("id" = String, Path)),
    responses((status = 200, description = "The override", body = OverrideView)))]
pub(super) async fn reject(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<Reject>,
) -> Result<HttpResponse, Problem> {
    let new = NewRejection {
        signature: signature(&body.value.custodian_id, body.value.signature)?,
        reason: body.value.reason,
    };
    let rejected = block(&service, move |custodian| {
        custodian.reject_override(&who, &id.0, new)
    });
    Ok(reply::ok(&rejected.await?))
}

/// Withdraw an override: by its requester.
#[utoipa::path(post, path = "/v1/overrides/{id}/withdraw", tag = "overrides",
    request_body = Option<Nothing>, params(("id" = String, Path)),
    responses((status = 200, description = "The override", body = OverrideView)))]
pub(super) async fn withdraw(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    _body: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    let withdrawn = block(&service, move |custodian| {
        custodian.withdraw_override(&who, &id.0)
    });
    Ok(reply::ok(&withdrawn.await?))
}

impl RequestOverride {
    fn check(self) -> Result<NewOverride, Error> {
        const EXPIRES_IN: Error =
            Error::Invalid("expires_in is a whole number and one of s, m, h, d, for example 24h");
        let expires_in = self.expires_in.map(|text| text.parse::<Period>());
        let subject = self.on_behalf_of.map(|text| Subject::folded(&text));
        Ok(NewOverride {
            proposal_id: self.proposal_id,
            justification: self.justification,
            failed_gates: self.failed_gates,
            environment: self.environment.unwrap_or(Environment::Production),
            expires_in: expires_in.transpose().map_err(|_| EXPIRES_IN)?,
            on_behalf_of: subject.transpose().map_err(|_| Error::Invalid(SUBJECT))?,
        })
    }
}

impl OverrideParams {
    fn filter(self) -> Result<OverrideFilter, Error> {
        const STATUS: Error =
            Error::Invalid("status is pending, partial, approved, rejected, expired or withdrawn");
        let status = self
            .status
            .map(|name| OverrideStatus::named(&name).ok_or(STATUS));
        Ok(OverrideFilter {
            status: status.transpose()?,
            proposal_id: self.proposal_id.map(normal),
        })
    }
}

fn signature(custodian_id: &str, signature: String) -> Result<NewSignature, Error> {
    let custodian_id = custodian_id.parse();
    Ok(NewSignature {
        custodian_id: custodian_id
            .map_err(|_| Error::Invalid("custodian_id is the id of a custodian"))?,
        signature,
    })
}
