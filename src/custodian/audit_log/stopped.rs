//! The log of a service that does not run: all of it read, and a checkpoint over all of it. Nothing is written for that.

use super::walk::Walk;
use crate::{custodian::Custodian, error::Source};

impl Custodian {
    /// Opens the rows, reads every entry against the tree, the newest checkpoint and what the token keeps, and answers the
    /// note over all of them: the newest checkpoint, or where a kill left entries behind it, one that is signed now and
    /// kept nowhere.
    ///
    /// # Errors
    /// The [`Finding`](super::Finding) if the log is not what was signed; those of store and token.
    pub fn sign_stopped_log(&self) -> Result<String, Source> {
        self.adopt_and_open_rows()?;
        let signed = self.signed(Some(self.notes.notes()?))??;
        let mut walk = Walk::default();
        if let Some(finding) = self.read_against(&mut walk, &signed)? {
            return Err(finding.into());
        }
        if walk.edge().size() == signed.row.size {
            return Ok(signed.row.note);
        }
        let note = self.sign_tree(walk.edge())?;
        note.ok_or_else(|| NO_KEY.into())
    }
}

const NO_KEY: &str = "there is no key yet by which the log is signed: start the service, which makes it, and stop it again";
