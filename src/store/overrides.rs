//! Overrides: what was asked, how far it is, and the certificate of what was approved.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Row, ToSql};

use super::{Tx, View, rows, sealed::Table};
use crate::{
    crypto::messages::Asked,
    error::Error,
    id::{Id, Subject},
    policy::OverrideStatus,
    words::{Binding, Environment, Gate},
};

/// One override.
#[derive(Clone, Debug)]
pub struct OverrideRow {
    /// Its place in the order of requests.
    pub seq: i64,
    /// What never changes.
    pub request: Request,
    /// As it was last written down.
    pub status: OverrideStatus,
    /// Grows with each change.
    pub revision: i64,
    /// When it became final.
    pub closed_at: Option<Timestamp>,
    /// The rejection, as JSON that the custodian floor made.
    pub rejection: Option<String>,
    /// The DSSE envelope.
    pub certificate: Option<String>,
}

/// What was asked, by whom, and what custodians sign.
#[derive(Clone, Debug)]
pub struct Request {
    /// UUID.
    pub id: Id,
    /// The question that is hashed.
    pub asked: Asked,
    /// Where it may run.
    pub environment: Environment,
    /// The requester's subject.
    pub requested_by: Subject,
    /// The human behind it.
    pub on_behalf_of: Option<Subject>,
    /// The name of this custodian service.
    pub instance: String,
    /// What the signing hash binds.
    pub binding: Binding,
    /// SHA-256 of the question.
    pub message_hash: [u8; 32],
    /// What custodians sign.
    pub signing_hash: [u8; 32],
    /// When it was asked.
    pub created_at: Timestamp,
    /// From then on it is expired, and its certificate with it.
    pub expires_at: Timestamp,
}

/// How an override ends.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// When.
    pub at: Option<Timestamp>,
    /// With which rejection.
    pub rejection: Option<String>,
    /// With which certificate.
    pub certificate: Option<String>,
}

/// Which overrides a list shows.
#[derive(Clone, Debug)]
pub struct Sought {
    /// What they are at `now`.
    pub status: Option<OverrideStatus>,
    /// About which proposal.
    pub proposal_id: Option<String>,
    /// By whom.
    pub requested_by: Option<Subject>,
    /// The time at which it is asked.
    pub now: Timestamp,
}

const TABLE: Table = "overrides";
const READING: &str = "reading overrides";
/// Most overrides that one look for what is due finds; the next look finds more.
const AT_ONCE: usize = 256;

impl View<'_> {
    /// The override of that id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn override_of(&self, id: &Id) -> Result<Option<OverrideRow>, Error> {
        self.one(READING, TABLE, "WHERE id = ?1", [id.as_str()], read)
    }

    /// At most `limit` of those that are sought, in the order of their requests, from the first one after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn overrides_after(
        &self,
        sought: &Sought,
        after: i64,
        limit: usize,
    ) -> Result<Vec<OverrideRow>, Error> {
        let (limit, now) = (rows::at_most(limit), sought.now.as_microsecond());
        let status = sought.status.map(OverrideStatus::name);
        let requester = sought.requested_by.as_ref().map(Subject::as_str);
        let mut rest = "WHERE seq > :after".to_owned();
        let mut given: Vec<(&str, &dyn ToSql)> = vec![(":after", &after), (":limit", &limit)];
        // Only the filters that there are: then an index serves them.
        if status.is_some() {
            rest +=
                " AND :status = CASE WHEN state IN ('pending', 'partial') AND expires_at <= :now
                                         THEN 'expired' ELSE state END";
            given.extend::<[(&str, &dyn ToSql); 2]>([(":status", &status), (":now", &now)]);
        }
        if sought.proposal_id.is_some() {
            rest += " AND proposal_id = :proposal";
            given.push((":proposal", &sought.proposal_id));
        }
        if requester.is_some() {
            rest += " AND requested_by = :requester";
            given.push((":requester", &requester));
        }
        rest += " ORDER BY seq LIMIT :limit";
        self.many(READING, TABLE, &rest, given.as_slice(), read)
    }

    /// Those that are open though their time is over; [`Error::Corrupt`] in the place of one that is not as it was
    /// written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn overrides_to_expire(
        &self,
        now: Timestamp,
    ) -> Result<Vec<Result<OverrideRow, Error>>, Error> {
        let whose = "state IN ('pending', 'partial') AND expires_at <= ?1";
        self.overrides_due(whose, now)
    }

    /// Those that have both signatures and no certificate; [`Error::Corrupt`] in the place of one that is not as it
    /// was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn overrides_to_approve(
        &self,
        now: Timestamp,
    ) -> Result<Vec<Result<OverrideRow, Error>>, Error> {
        let whose = "state IN ('pending', 'partial') AND state = 'partial' AND expires_at > ?1
            AND 2 = (SELECT count(*) FROM override_signatures s WHERE s.override_id = overrides.id AND s.state = 'valid')";
        self.overrides_due(whose, now)
    }

    /// One that is damaged keeps no other from it.
    fn overrides_due(
        &self,
        whose: &str,
        now: Timestamp,
    ) -> Result<Vec<Result<OverrideRow, Error>>, Error> {
        let sql =
            format!("SELECT id FROM overrides WHERE {whose} ORDER BY expires_at LIMIT {AT_ONCE}");
        let id = |row: &Row<'_>| Ok(rows::name(row, "id"));
        let ids = self.query(READING, &sql, [now.as_microsecond()], id)?;
        let verified = |id: Result<Id, Error>| self.override_of(&id?)?.ok_or(rows::TAMPERED);
        Ok(ids.into_iter().map(verified).collect())
    }
}

impl Tx<'_> {
    /// Adds an override that nobody has signed.
    ///
    /// # Errors
    /// [`Error::Exists`] if the same question was ever asked; [`Error::Unavailable`].
    pub fn insert_override(&self, new: &Request) -> Result<(), Error> {
        let seq = self.next_seq("SELECT coalesce(max(seq), 0) + 1 FROM overrides")?;
        self.insert(
            "adding an override",
            TABLE,
            &[
                ("seq", &seq),
                ("id", &new.id.as_str()),
                ("proposal_id", &new.asked.proposal_id),
                ("justification", &new.asked.justification),
                ("failed_gates", &rows::to_json(&new.asked.failed_gates)?),
                ("environment", &new.environment.name()),
                ("requested_by", &new.requested_by.as_str()),
                ("on_behalf_of", &new.on_behalf_of.as_ref().map(Subject::as_str)),
                ("instance", &new.instance),
                ("binding", &new.binding.name()),
                ("message_hash", &new.message_hash),
                ("signing_hash", &new.signing_hash),
                ("state", &OverrideStatus::Pending.name()),
                ("revision", &0),
                ("created_at", &new.created_at.as_microsecond()),
                ("expires_at", &new.expires_at.as_microsecond()),
            ],
            Error::Exists(
                "this proposal with this justification and these gates was requested before; change the justification",
            ),
        )
    }

    /// Moves an override on, if it still is as it was read.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is not; [`Error::Unavailable`].
    pub fn move_override(
        &self,
        row: &OverrideRow,
        to: OverrideStatus,
        closing: &Closing,
    ) -> Result<(), Error> {
        let revision = row.revision.saturating_add(1);
        let closed_at = closing.at.map(Timestamp::as_microsecond);
        let set: [(&str, &dyn ToSql); 5] = [
            ("state", &to.name()),
            ("revision", &revision),
            ("closed_at", &closed_at),
            ("rejection", &closing.rejection),
            ("certificate", &closing.certificate),
        ];
        let whose = "WHERE id = ?1 AND revision = ?2 AND state IN ('pending', 'partial')";
        let given = (row.request.id.as_str(), row.revision);
        let changed = self.alter("changing an override", TABLE, whose, given, &set)?;
        rows::only(changed, Error::Conflict(OVERTAKEN))
    }
}

const OVERTAKEN: &str = "this override was changed meanwhile; look at it again";

fn read(row: &Row<'_>) -> Result<OverrideRow, Error> {
    let state = rows::plain::<String>(row, "state")?;
    Ok(OverrideRow {
        seq: rows::plain(row, "seq")?,
        request: request(row)?,
        status: OverrideStatus::named(&state).ok_or(rows::TAMPERED)?,
        revision: rows::plain(row, "revision")?,
        closed_at: rows::time_or_none(row, "closed_at")?,
        rejection: rows::plain(row, "rejection")?,
        certificate: rows::plain(row, "certificate")?,
    })
}

fn request(row: &Row<'_>) -> Result<Request, Error> {
    let (environment, binding) = (
        rows::plain::<String>(row, "environment")?,
        rows::plain::<String>(row, "binding")?,
    );
    let on_behalf_of = rows::plain::<Option<String>>(row, "on_behalf_of")?;
    let on_behalf_of = on_behalf_of.map(|subject| subject.parse()).transpose();
    Ok(Request {
        id: rows::name(row, "id")?,
        asked: asked(row)?,
        environment: Environment::named(&environment).ok_or(rows::TAMPERED)?,
        requested_by: rows::name(row, "requested_by")?,
        on_behalf_of: on_behalf_of.map_err(|_| rows::TAMPERED)?,
        instance: rows::plain(row, "instance")?,
        binding: Binding::named(&binding).ok_or(rows::TAMPERED)?,
        message_hash: rows::plain(row, "message_hash")?,
        signing_hash: rows::plain(row, "signing_hash")?,
        created_at: rows::time(row, "created_at")?,
        expires_at: rows::time(row, "expires_at")?,
    })
}

fn asked(row: &Row<'_>) -> Result<Asked, Error> {
    let gates: BTreeSet<Gate> = rows::json(&rows::plain::<String>(row, "failed_gates")?)?;
    Ok(Asked {
        failed_gates: gates,
        justification: rows::plain(row, "justification")?,
        proposal_id: rows::plain(row, "proposal_id")?,
    })
}
