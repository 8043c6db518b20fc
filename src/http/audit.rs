//! The audit log over REST (api.md section 12).

use actix_web::{HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{
    Service,
    problem::Problem,
    query::Params,
    reply::{self, block},
};
use crate::{
    custodian::{audit::Excerpt, page::Wanted},
    error::Error,
};

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EntryParams {
    /// The first entry's index, from 0.
    #[param(format = "uint64", maximum = 18_446_744_073_709_551_615_u64)]
    from: Option<u64>,
    /// Entries at most: 1 to 500, 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A part of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct Entries {
    /// Exactly the logged entries: index, at, request_id, actor, action, object, outcome, detail.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Box<RawValue>>,
    /// Entries of the whole log.
    size: u64,
}

/// Read the audit log, the oldest entry first.
#[utoipa::path(get, path = "/v1/audit/entries", tag = "audit", params(EntryParams),
    responses((status = 200, description = "Entries from `from` on", body = Entries)))]
pub(super) async fn entries(
    service: Data<Service>,
    query: Params<EntryParams>,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted::new(query.0.limit, None)?;
    let from = query.0.from.unwrap_or(0);
    let excerpt = block(&service, move |custodian| {
        custodian.audit_entries(from, wanted.limit())
    })
    .await?;
    Ok(reply::ok(&shown(excerpt)?))
}

fn shown(excerpt: Excerpt) -> Result<Entries, Error> {
    let items = excerpt
        .entries
        .into_iter()
        .map(raw)
        .collect::<Result<_, _>>()?;
    Ok(Entries {
        items,
        size: excerpt.size,
    })
}

fn raw(entry: Vec<u8>) -> Result<Box<RawValue>, Error> {
    let text = String::from_utf8(entry).map_err(|_| TAMPERED)?;
    RawValue::from_string(text).map_err(|_| TAMPERED)
}

const TAMPERED: Error =
    Error::Corrupt("an audit entry is not as it was written; restore the log from a backup");
