//! The audit log as a transparency log: checkpoint, proofs, tiles, verification (api.md section 12).

use actix_web::{HttpResponse, http::header, rt::time::timeout, web::Data};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Service,
    body::{Body, Nothing},
    problem::{Code, Problem},
    query::Params,
    reply::{self, block},
    segment::Segment,
};
use crate::{
    crypto::merkle::tile::Tile,
    custodian::audit_log::{
        Verdict,
        proofs::{Consistency, Inclusion},
    },
};

/// What is to be proven to be in the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InclusionParams {
    /// The entry's index, from 0.
    #[param(format = "uint64", maximum = 18_446_744_073_709_551_615_u64)]
    index: u64,
    /// Entries of the tree in which it is to be proven: those of the newest checkpoint, unless given.
    #[param(format = "uint64", maximum = 18_446_744_073_709_551_615_u64)]
    size: Option<u64>,
}

/// Between which sizes the log is to be proven to have grown only.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsistencyParams {
    /// Entries then.
    #[param(format = "uint64", maximum = 18_446_744_073_709_551_615_u64)]
    from: u64,
    /// Entries now: those of the newest checkpoint, unless given.
    #[param(format = "uint64", maximum = 18_446_744_073_709_551_615_u64)]
    to: Option<u64>,
}

/// The bytes of a tile.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct Tiled(#[expect(dead_code, reason = "says what the answer is; the answer is bytes")] Vec<u8>);

/// The newest checkpoint, a C2SP signed note: by an `auditor`, or by anyone where hash tiles are public.
#[utoipa::path(get, path = "/v1/audit/checkpoint", tag = "audit",
    responses((status = 200, description = "A signed note", body = String, content_type = "text/plain")))]
pub(super) async fn checkpoint(service: Data<Service>) -> Result<HttpResponse, Problem> {
    let note = block(&service, |custodian| custodian.checkpoint()).await?;
    Ok(text(note))
}

/// Prove that an entry is in the log (RFC 6962 section 2.1.1).
#[utoipa::path(get, path = "/v1/audit/proof/inclusion", tag = "audit", params(InclusionParams),
    responses((status = 200, description = "The proof", body = Inclusion)))]
pub(super) async fn inclusion(
    service: Data<Service>,
    query: Params<InclusionParams>,
) -> Result<HttpResponse, Problem> {
    let InclusionParams { index, size } = query.0;
    let proof = block(&service, move |custodian| {
        custodian.prove_inclusion(index, size)
    })
    .await?;
    Ok(reply::ok(&proof))
}

/// Prove that the log only grew (RFC 6962 section 2.1.2).
#[utoipa::path(get, path = "/v1/audit/proof/consistency", tag = "audit", params(ConsistencyParams),
    responses((status = 200, description = "The proof", body = Consistency)))]
pub(super) async fn consistency(
    service: Data<Service>,
    query: Params<ConsistencyParams>,
) -> Result<HttpResponse, Problem> {
    let ConsistencyParams { from, to } = query.0;
    let proof = block(&service, move |custodian| {
        custodian.prove_consistency(from, to)
    })
    .await?;
    Ok(reply::ok(&proof))
}

/// A tile by its C2SP name: of hashes, `{L}/{N}[.p/{W}]`, by an `auditor`, or by anyone where hash tiles are public; of
/// entries, `entries/{N}[.p/{W}]`, by an `auditor` only, each entry after its length, two bytes.
#[utoipa::path(get, path = "/v1/audit/tile/{tile}", tag = "audit",
    params(("tile" = String, Path, description = "C2SP tlog-tiles; its slashes stand as they are", example = "0/000.p/17")),
    responses((status = 200, description = "At most 256 hashes of 32 bytes, or 256 entries", body = Tiled, content_type = "application/octet-stream")))]
pub(super) async fn tile(
    service: Data<Service>,
    wanted: Segment<Tile>,
) -> Result<HttpResponse, Problem> {
    let bytes = block(&service, move |custodian| custodian.tile(&wanted.0)).await?;
    Ok(HttpResponse::Ok()
        .content_type(header::ContentType::octet_stream())
        .body(bytes))
}

/// Read the whole log again, against its tree, the newest checkpoint and the one in the token. Takes seconds for a million
/// entries; requests go on meanwhile.
#[utoipa::path(post, path = "/v1/audit/verify", tag = "audit", request_body = Option<Nothing>,
    responses((status = 200, description = "What it was found to be", body = Verdict)))]
pub(super) async fn verify(
    service: Data<Service>,
    _: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    // One at a time: each reads all of it.
    let place = timeout(service.limits.key_wait, service.verifying.acquire()).await;
    let _place = place.ok().and_then(Result::ok).ok_or(BUSY)?;
    let verdict = block(&service, |custodian| custodian.verify_log()).await?;
    Ok(reply::ok(&verdict))
}

const BUSY: Problem = Problem::of(
    Code::NotReady,
    "the audit log is being verified for somebody else; send it again after Retry-After",
)
.retry_after(5);

fn text(note: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(header::ContentType::plaintext())
        .body(note)
}
