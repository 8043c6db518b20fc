//! A sealed copy of the database, sent while it is sealed (api.md section 13).

use actix_web::{
    HttpResponse,
    body::SizedStream,
    http::header,
    rt::time::timeout,
    web::{self, Bytes, Data},
};
use futures_util::stream;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::Body,
    caller::Who,
    problem::{Code, Problem},
    reply::block,
};
use crate::{crypto::sealed_copy::Recipients, custodian::backup::Backup, error::Error};

/// To whom a copy is sealed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupRequest {
    /// age public keys (X25519); the secret key of any one of them opens the copy.
    #[schema(min_items = 1, max_items = 16, example = json!(["age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"]))]
    recipients: Vec<String>,
}

/// An age file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct Sealed(
    #[expect(dead_code, reason = "says what the answer is; the answer is bytes")] Vec<u8>,
);

/// Take a copy of the whole database, sealed to your own keys (age). Without the token it is of no use to anyone.
#[utoipa::path(post, path = "/v1/backup", tag = "backup", request_body = BackupRequest,
    responses((status = 200, description = "An age file, as long as Content-Length says", body = Sealed, content_type = "application/octet-stream")))]
pub(super) async fn make(
    service: Data<Service>,
    Who(who): Who,
    body: Body<BackupRequest>,
) -> Result<HttpResponse, Problem> {
    let recipients = Recipients::read(&body.value.recipients)?;
    // One at a time: each needs room for a second database.
    let place = timeout(
        service.limits.key_wait,
        service.backing_up.clone().acquire_owned(),
    )
    .await;
    let place = place.ok().and_then(Result::ok).ok_or(BUSY)?;
    let backup = block(&service, move |custodian| {
        custodian.back_up(&who, &recipients)
    })
    .await?;
    let bytes = backup.bytes();
    // The place is held until all of it is sent, or nobody wants it any more.
    let pieces = stream::unfold(Some((backup, place)), async |state| {
        let (backup, place) = state?;
        match next(backup).await {
            Ok((_, None)) => None,
            Ok((backup, Some(piece))) => Some((Ok(piece), Some((backup, place)))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(HttpResponse::Ok()
        .content_type(header::ContentType::octet_stream())
        .body(SizedStream::new(bytes, Box::pin(pieces))))
}

/// The next piece, made where it may block and only when it is asked for.
async fn next(mut backup: Backup) -> Result<(Backup, Option<Bytes>), Error> {
    let made = web::block(move || {
        let piece = backup.next_piece();
        (backup, piece)
    });
    let (backup, piece) = made
        .await
        .map_err(|_| Error::internal("sealing a backup panicked"))?;
    let piece = piece.inspect_err(|error| {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "a backup was cut off");
    })?;
    Ok((backup, piece.map(Bytes::from)))
}

const BUSY: Problem = Problem::of(
    Code::NotReady,
    "a backup is being made for somebody else; send it again after Retry-After",
)
.retry_after(10);
