//! Principals: who may call, what for, and what about them still waits for a second admin.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{Tx, View, rows};
use crate::{
    error::Error,
    id::{Id, Subject},
    policy::{Grants, Principal, Roles},
};

/// Whether a principal may sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrincipalState {
    /// It may.
    Active,
    /// Gone for good; its row says who it was.
    Deleted,
    /// It waits for a second admin.
    Pending,
}

impl PrincipalState {
    /// The name in the database and in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Pending => "pending",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Deleted, Self::Pending];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// One principal with its history.
#[derive(Clone, Debug)]
pub struct PrincipalRow {
    /// Its place in the order of creation.
    pub seq: i64,
    /// Who it is.
    pub principal: Principal,
    /// SHA-256 of its TLS client certificate, lower-case hex.
    pub client_cert: Option<String>,
    /// Whether it may sign in.
    pub state: PrincipalState,
    /// The subject that proposed it; `None` is nobody.
    pub created_by: Option<String>,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// A change of grants that waits for a second admin, and the subject that proposed it.
    pub pending_grants: Option<(Grants, String)>,
}

/// What a new principal starts with.
#[derive(Clone, Debug)]
pub struct NewPrincipal {
    /// Who it is.
    pub principal: Principal,
    /// SHA-256 of its TLS client certificate, lower-case hex.
    pub client_cert: Option<String>,
    /// Whether it may sign in at once.
    pub state: PrincipalState,
    /// The subject that proposes it; `None` is nobody.
    pub created_by: Option<String>,
    /// Now.
    pub created_at: Timestamp,
}

const READING: &str = "reading principals";
const CHANGING: &str = "changing a principal";

impl View<'_> {
    /// The principal of that id, unless it was deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principal(&self, id: &Id) -> Result<Option<PrincipalRow>, Error> {
        let sql = "SELECT * FROM principals WHERE state <> 'deleted' AND id = ?1";
        self.one(READING, sql, [id.as_str()], principal)
    }

    /// At most `limit` principals in the order of their creation, from the first one after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principals_after(&self, after: i64, limit: usize) -> Result<Vec<PrincipalRow>, Error> {
        let sql =
            "SELECT * FROM principals WHERE state <> 'deleted' AND seq > ?1 ORDER BY seq LIMIT ?2";
        self.many(READING, sql, (after, rows::at_most(limit)), principal)
    }

    /// The union of the roles of all live principals of one person, pending ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn roles_of(&self, subject: &Subject) -> Result<Roles, Error> {
        let sql = "SELECT * FROM principals WHERE state <> 'deleted' AND subject = ?1";
        let found = self.many(READING, sql, [subject.as_str()], principal)?;
        Ok(found
            .into_iter()
            .flat_map(|row| row.principal.roles)
            .collect())
    }

    /// The people who can sign in as an admin at `now` without this principal.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn other_admins(&self, id: &Id, now: Timestamp) -> Result<Vec<String>, Error> {
        let sql = "SELECT DISTINCT p.subject FROM principals p WHERE p.id <> ?1 AND p.state = 'active'
                   AND EXISTS (SELECT 1 FROM json_each(p.roles) WHERE value = 'admin')
                   AND EXISTS (SELECT 1 FROM tokens t WHERE t.principal_id = p.id AND t.state = 'active'
                               AND (t.expires_at IS NULL OR t.expires_at > ?2))";
        let given = (id.as_str(), now.as_microsecond());
        self.many(READING, sql, given, |row| rows::plain(row, "subject"))
    }

    /// Everyone who may ever have held an admin token of this person: the person, whoever created one of its
    /// admin principals or issued a token for one, and whoever did so for those. Deleted ones count too; what
    /// never came into force does not.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn hands_of(&self, subject: &str) -> Result<BTreeSet<String>, Error> {
        let sql = "WITH RECURSIVE admins AS (
                     SELECT p.* FROM principals p
                     WHERE EXISTS (SELECT 1 FROM json_each(p.roles) WHERE value = 'admin')),
                   given (taker, giver) AS (
                     SELECT subject, created_by FROM admins WHERE activated_at IS NOT NULL
                     UNION SELECT a.subject, t.issued_by FROM tokens t JOIN admins a ON a.id = t.principal_id
                           WHERE t.activated_at IS NOT NULL AND a.activated_at IS NOT NULL),
                   hands (subject) AS (
                     SELECT ?1 UNION SELECT giver FROM given JOIN hands ON taker = hands.subject
                                     WHERE giver IS NOT NULL)
                   SELECT subject FROM hands";
        let found = self.many(READING, sql, [subject], |row| rows::plain(row, "subject"))?;
        Ok(found.into_iter().collect())
    }
}

impl Tx<'_> {
    /// Adds a principal.
    ///
    /// # Errors
    /// [`Error::Exists`] if its name or its certificate is another live principal's; [`Error::Unavailable`].
    pub fn insert_principal(&self, new: &NewPrincipal) -> Result<(), Error> {
        let sql = "INSERT INTO principals
                   (id, name, subject, roles, grants, wrap_scope, client_cert, state, created_by, created_at,
                    activated_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, iif(?8 = 'active', ?10, NULL))
                   ON CONFLICT DO NOTHING";
        let who = &new.principal;
        let row = params![
            who.id.as_str(),
            who.name,
            who.subject.as_str(),
            rows::to_json(&who.roles)?,
            rows::to_json(&who.grants)?,
            who.wrap_scope,
            new.client_cert,
            new.state.name(),
            new.created_by,
            new.created_at.as_microsecond(),
        ];
        match self.change("adding a principal", sql, row)? {
            1 => Ok(()),
            _ => Err(Error::Exists(
                "another principal has this name or this client certificate",
            )),
        }
    }

    /// Lets a pending principal sign in.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is pending; [`Error::Unavailable`].
    pub fn activate_principal(&self, id: &Id, at: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE principals SET state = 'active', activated_at = ?2
                   WHERE id = ?1 AND state = 'pending'";
        match self.change(CHANGING, sql, (id.as_str(), at.as_microsecond()))? {
            1 => Ok(()),
            _ => Err(Error::Conflict(
                "this principal is not waiting for an approval",
            )),
        }
    }

    /// Deletes a principal; its name is free again.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is deleted already; [`Error::Unavailable`].
    pub fn delete_principal(&self, id: &Id) -> Result<(), Error> {
        let sql = "UPDATE principals SET state = 'deleted', pending_grants = NULL, grants_by = NULL
                   WHERE id = ?1 AND state <> 'deleted'";
        match self.change(CHANGING, sql, [id.as_str()])? {
            1 => Ok(()),
            _ => Err(Error::Conflict("this principal is deleted already")),
        }
    }

    /// Changes grants at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn set_grants(&self, id: &Id, grants: &Grants) -> Result<(), Error> {
        let sql = "UPDATE principals SET grants = ?2, pending_grants = NULL, grants_by = NULL
                   WHERE id = ?1 AND state <> 'deleted'";
        self.change(CHANGING, sql, (id.as_str(), rows::to_json(grants)?))
            .map(drop)
    }

    /// Notes a change of grants that waits for a second admin; it replaces an earlier one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn propose_grants(&self, id: &Id, grants: &Grants, by: &Subject) -> Result<(), Error> {
        let sql = "UPDATE principals SET pending_grants = ?2, grants_by = ?3
                   WHERE id = ?1 AND state <> 'deleted'";
        let given = (id.as_str(), rows::to_json(grants)?, by.as_str());
        self.change(CHANGING, sql, given).map(drop)
    }
}

fn principal(row: &Row<'_>) -> Result<PrincipalRow, Error> {
    let state = rows::plain::<String>(row, "state")?;
    let pending = rows::plain::<Option<String>>(row, "pending_grants")?;
    let by = rows::plain::<Option<String>>(row, "grants_by")?;
    let pending = pending.map(|text| rows::json(&text)).transpose()?;
    Ok(PrincipalRow {
        seq: rows::plain(row, "seq")?,
        principal: identity(row)?,
        client_cert: rows::plain(row, "client_cert")?,
        state: PrincipalState::named(&state).ok_or(rows::TAMPERED)?,
        created_by: rows::plain(row, "created_by")?,
        created_at: rows::time(row, "created_at")?,
        pending_grants: pending.zip(by),
    })
}

/// The columns that say who a principal is.
pub(super) fn identity(row: &Row<'_>) -> Result<Principal, Error> {
    Ok(Principal {
        id: rows::name(row, "id")?,
        name: rows::plain(row, "name")?,
        subject: rows::name(row, "subject")?,
        roles: rows::json(&rows::plain::<String>(row, "roles")?)?,
        grants: rows::json(&rows::plain::<String>(row, "grants")?)?,
        wrap_scope: rows::plain(row, "wrap_scope")?,
    })
}
