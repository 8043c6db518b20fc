//! The look at the log before anything is done: what came after the newest checkpoint, and that the token knows of no
//! later one. The rest is looked at in the background: ten million entries delay no start.

use super::{
    Finding, end,
    walk::{CHUNK, Walk},
};
use crate::{
    crypto::{
        checkpoint::{self, Checkpoint, NoteKey},
        merkle::{self, Frontier},
    },
    custodian::Custodian,
    error::Error,
    log::Fault,
    store::{CheckpointRow, View},
    words::{KeyAlgorithm, KeyPurpose},
};

/// What the log must hold to: the newest checkpoint of the database, and what the token keeps.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) row: CheckpointRow,
    pub(super) in_token: Vec<Checkpoint>,
}

impl Custodian {
    /// Looks at the log, and closes it if it is not what was signed. What was found wrong earlier stands until all of it is
    /// found right.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if token or store do not answer.
    pub(in crate::custodian) fn open_log(&self) -> Result<(), Error> {
        if self.audit_log.state().newest.is_some() {
            return Ok(());
        }
        let notes = self.notes.notes()?;
        self.open_log_against(Some(notes))
    }

    /// The same, against these notes of the token.
    pub(super) fn open_log_against(&self, notes: Option<Vec<Vec<u8>>>) -> Result<(), Error> {
        let opened = self.signed(notes).and_then(|signed| match signed {
            Ok(signed) => {
                let looked = self.store.read(|view| look(view, &signed));
                let row = signed.row;
                looked.map(|looked| looked.map(|known| (row, known)))
            }
            Err(finding) => Ok(Err(finding)),
        });
        match self.found(opened)? {
            None => Ok(()),
            Some(Err(finding)) => {
                self.break_log(finding);
                Ok(())
            }
            Some(Ok((row, (edge, end)))) => {
                let mut state = self.audit_log.state();
                state.newest = Some(row);
                state.learn(edge, end);
                drop(state);
                self.look_again_if_need_be()
            }
        }
    }

    fn look_again_if_need_be(&self) -> Result<(), Error> {
        if matches!(self.store.read(|view| view.log_finding()), Ok(None)) {
            return Ok(());
        }
        tracing::warn!("the audit log was found wrong before: all of it is read before the start");
        let mut walk = Walk::default();
        match self.read_again(&mut walk)? {
            Some(finding) => self.break_log(finding),
            None => {
                self.store.transact(|tx| tx.forget_finding())?;
                tracing::warn!(
                    entries = walk.edge().size(),
                    "the whole audit log is right again"
                );
            }
        }
        Ok(())
    }

    /// What was signed, as far as it can be believed; `notes` are those of the token, if it answers.
    pub(super) fn signed(
        &self,
        notes: Option<Vec<Vec<u8>>>,
    ) -> Result<Result<Signed, Finding>, Error> {
        let row = match self.store.read(|view| view.checkpoint()) {
            Ok(Some(row)) => row,
            Ok(None) | Err(Error::Corrupt(_)) => {
                return Ok(Err(Finding::of(Fault::CheckpointMissing)));
            }
            Err(error) => return Err(error),
        };
        let key = match self.note_key() {
            Err(Error::Corrupt(_)) => None,
            key => key?,
        };
        Ok(believed(row, notes, key.as_ref()))
    }

    /// The key of checkpoints; `None` before it is made.
    pub(in crate::custodian) fn note_key(&self) -> Result<Option<NoteKey>, Error> {
        let (purpose, algorithm) = (KeyPurpose::Checkpoint, KeyAlgorithm::Ed25519);
        let row = self
            .store
            .read(|view| view.signing_key(purpose, algorithm))?;
        let Some(made) = row.and_then(|row| row.made) else {
            return Ok(None);
        };
        let public_key = made.public_key.as_slice().try_into();
        let public_key = public_key.map_err(|_| Error::Corrupt("a signing key is not 32 bytes"))?;
        NoteKey::new(&self.rules.log.origin, public_key).map(Some)
    }
}

/// Without the key, which then is damaged itself, the row's MAC and the token's PIN vouch for what they hold.
fn believed(
    row: CheckpointRow,
    notes: Option<Vec<Vec<u8>>>,
    key: Option<&NoteKey>,
) -> Result<Signed, Finding> {
    let open = |note: &str| match key {
        Some(key) => key.open(note),
        None => checkpoint::claimed(note),
    };
    if row.size > 0 {
        let opened = open(&row.note)?;
        if (opened.size, opened.root) != (row.size, row.root) {
            return Err(Finding::of(Fault::CheckpointForged));
        }
    }
    if row.in_token && notes.as_ref().is_some_and(Vec::is_empty) {
        return Err(Finding::of(Fault::TokenCheckpointMissing));
    }
    let notes = notes.unwrap_or_default();
    let texts = notes.iter().map(|note| str::from_utf8(note));
    let in_token = texts.map(|text| open(text.unwrap_or_default()));
    let in_token = in_token.collect::<Result<_, _>>()?;
    Ok(Signed { row, in_token })
}

/// Whether the log holds to what was signed, as far as that can be told without reading all of it; the tree's edge after
/// the first entries that are not signed, and where the log ends.
fn look(view: &View<'_>, signed: &Signed) -> Result<Result<(Frontier, u64), Finding>, Error> {
    let end = match long_enough(view, signed)? {
        Ok(end) => end,
        Err(finding) => return Ok(Err(finding)),
    };
    let row = &signed.row;
    if merkle::root(row.size, view)? != row.root {
        return Ok(Err(Finding::of(Fault::TreeChanged)));
    }
    let mut walk = Walk::from(Frontier::of(row.size, view)?);
    if let Some(finding) = walk.go_on(view, end, CHUNK)? {
        return Ok(Err(finding));
    }
    for known in &signed.in_token {
        if merkle::root(known.size, view)? != known.root {
            return Ok(Err(Finding::of(Fault::Forked)));
        }
    }
    Ok(Ok((walk.into_edge(), end)))
}

/// Where the log ends, unless that is before something that was logged or signed.
pub(super) fn long_enough(view: &View<'_>, signed: &Signed) -> Result<Result<u64, Finding>, Error> {
    let end = match end(view, signed.row.size)? {
        Ok(end) => end,
        Err(finding) => return Ok(Err(finding)),
    };
    let rolled = signed.in_token.iter().any(|known| known.size > end);
    Ok(match rolled {
        true => Err(Finding::of(Fault::RolledBack)),
        false => Ok(end),
    })
}
