//! New tokens for the admins who accept a restore without the log: in their files before the database knows them.

use std::collections::BTreeSet;

use super::marker::Marker;
use crate::{
    custodian::{bearer::BearerToken, restore::Admin as Accepted},
    error::Source,
    private_file,
    server::init::{self, Admin},
};

/// An admin and the token that they get.
pub(super) type Admitted = (Accepted, BearerToken);

/// Writes a token for each; a file that is there is replaced only if an interrupted restore wrote it.
pub(super) fn issue(
    accepted: &[Accepted],
    admins: &[Admin],
    marker: &mut Marker,
) -> Result<Vec<Admitted>, Source> {
    let files = init::named(admins)?;
    let (by, to): (BTreeSet<_>, BTreeSet<_>) = (
        accepted.iter().map(|one| &one.subject).collect(),
        files.iter().map(|one| &one.subject).collect(),
    );
    if by != to {
        return Err(
            "--admin names a file for each of those who approve, and for nobody else".into(),
        );
    }
    let mut admitted = Vec::new();
    for one in accepted {
        let own = files.iter().filter(|file| file.subject == one.subject);
        for file in own.map(|file| &file.token_file) {
            let about = |error| format!("{}: {error}", file.display());
            let again = marker.may_have_written(file);
            if !again && file.exists() {
                return Err(format!("{} is there already: name a new file", file.display()).into());
            }
            marker.writes(file)?;
            let token = BearerToken::fresh()?;
            private_file::write(file, token.expose().as_bytes()).map_err(about)?;
            admitted.push((one.clone(), token));
        }
    }
    Ok(admitted)
}
