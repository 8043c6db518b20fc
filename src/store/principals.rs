//! Principals: who may call, what for, and what about them still waits for a second admin.

use jiff::Timestamp;
use rusqlite::{Row, ToSql};

use super::{
    Tx, View, rows,
    sealed::{Columns, Table},
};
use crate::{
    error::Error,
    id::{Id, Subject},
    policy::{Grants, Principal, Role, Roles},
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
    /// When it came into force.
    pub activated_at: Option<Timestamp>,
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

const TABLE: Table = "principals";
const READING: &str = "reading principals";
const CHANGING: &str = "changing a principal";
const LIVE: &str = "WHERE id = ?1 AND state <> 'deleted'";

impl View<'_> {
    /// The principal of that id, unless it was deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principal(&self, id: &Id) -> Result<Option<PrincipalRow>, Error> {
        let found = self.one(READING, TABLE, "WHERE id = ?1", [id.as_str()], principal)?;
        Ok(found.filter(|row| row.state != PrincipalState::Deleted))
    }

    /// The live principal that acts for a custodian: all are read, so that none hides.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principal_of(&self, custodian: &Id) -> Result<Option<PrincipalRow>, Error> {
        let all = self.many(READING, TABLE, "", [], principal)?;
        Ok(all.into_iter().find(|row| {
            row.state != PrincipalState::Deleted
                && row.principal.custodian.as_ref() == Some(custodian)
        }))
    }

    /// The live principal that is bound to the client certificate of that SHA-256 (64 hex digits).
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principal_of_certificate(&self, sha256: &str) -> Result<Option<PrincipalRow>, Error> {
        let whose = "WHERE client_cert = ?1 AND state <> 'deleted'";
        self.one(READING, TABLE, whose, [sha256], principal)
    }

    /// Whether there was ever a principal; nobody vouches for it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn is_provisioned(&self) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM principals LIMIT 1";
        Ok(!self.query(READING, sql, [], |_| Ok(()))?.is_empty())
    }

    /// At most `limit` principals in the order of their creation, from the first one after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principals_after(&self, after: i64, limit: usize) -> Result<Vec<PrincipalRow>, Error> {
        let rest = "WHERE state <> 'deleted' AND seq > ?1 ORDER BY seq LIMIT ?2";
        let given = (after, rows::at_most(limit));
        self.many(READING, TABLE, rest, given, principal)
    }

    /// The union of the roles of all live principals of one person, pending ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn roles_of(&self, subject: &Subject) -> Result<Roles, Error> {
        // All are read, so that no role hides behind a subject that somebody else changed.
        let found = self.many(READING, TABLE, "", [], principal)?;
        let theirs = found.into_iter().filter(|row| {
            row.state != PrincipalState::Deleted && row.principal.subject == *subject
        });
        Ok(theirs.flat_map(|row| row.principal.roles).collect())
    }

    /// Every principal that is or ever was an admin.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn admins(&self) -> Result<Vec<PrincipalRow>, Error> {
        self.holders(&[Role::Admin])
    }

    /// Every principal that has any of these roles, deleted ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn holders(&self, roles: &[Role]) -> Result<Vec<PrincipalRow>, Error> {
        let all = self.many(READING, TABLE, "ORDER BY seq", [], principal)?;
        let holds = |row: &PrincipalRow| {
            let mut wanted = roles.iter();
            wanted.any(|role| row.principal.roles.contains(role))
        };
        Ok(all.into_iter().filter(holds).collect())
    }
}

impl Tx<'_> {
    /// Adds a principal.
    ///
    /// # Errors
    /// [`Error::Exists`] if its name, its certificate or its custodian is another live principal's; [`Error::Unavailable`].
    pub fn insert_principal(&self, new: &NewPrincipal) -> Result<(), Error> {
        let who = &new.principal;
        let seq = self.next_seq("SELECT coalesce(max(seq), 0) + 1 FROM principals")?;
        let at = new.created_at.as_microsecond();
        let custodian = who.custodian.as_ref().map(Id::as_str);
        let activated_at = (new.state == PrincipalState::Active).then_some(at);
        self.insert(
            "adding a principal",
            TABLE,
            &[
                ("seq", &seq),
                ("id", &who.id.as_str()),
                ("name", &who.name),
                ("subject", &who.subject.as_str()),
                ("roles", &rows::to_json(&who.roles)?),
                ("grants", &rows::to_json(&who.grants)?),
                ("wrap_scope", &who.wrap_scope),
                ("client_cert", &new.client_cert),
                ("custodian_id", &custodian),
                ("state", &new.state.name()),
                ("created_by", &new.created_by),
                ("created_at", &at),
                ("activated_at", &activated_at),
            ],
            Error::Exists(
                "another principal has this name or this client certificate, or acts for this custodian",
            ),
        )
    }

    /// Lets a pending principal sign in.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is pending; [`Error::Unavailable`].
    pub fn activate_principal(&self, id: &Id, at: Timestamp) -> Result<(), Error> {
        let whose = "WHERE id = ?1 AND state = 'pending'";
        let set: [(&str, &dyn ToSql); 2] =
            [("state", &"active"), ("activated_at", &at.as_microsecond())];
        let changed = self.alter(CHANGING, TABLE, whose, [id.as_str()], &set)?;
        rows::only(
            changed,
            Error::Conflict("this principal is not waiting for an approval"),
        )
    }

    /// Deletes a principal; its name is free again.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is deleted already; [`Error::Unavailable`].
    pub fn delete_principal(&self, id: &Id) -> Result<(), Error> {
        let set = [("state", &"deleted" as &dyn ToSql), NO_GRANTS, NOBODY];
        let changed = self.change_live(id, &set)?;
        rows::only(
            changed,
            Error::Conflict("this principal is deleted already"),
        )
    }

    /// Changes grants at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn set_grants(&self, id: &Id, grants: &Grants) -> Result<(), Error> {
        let grants = rows::to_json(grants)?;
        let set = [("grants", &grants as &dyn ToSql), NO_GRANTS, NOBODY];
        self.change_live(id, &set).map(drop)
    }

    /// Notes a change of grants that waits for a second admin; it replaces an earlier one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn propose_grants(&self, id: &Id, grants: &Grants, by: &Subject) -> Result<(), Error> {
        let (grants, by) = (rows::to_json(grants)?, by.as_str());
        let set: [(&str, &dyn ToSql); 2] = [("pending_grants", &grants), ("grants_by", &by)];
        self.change_live(id, &set).map(drop)
    }

    /// Drops a change of grants that waits for a second admin, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn drop_proposed_grants(&self, id: &Id) -> Result<(), Error> {
        self.change_live(id, &[NO_GRANTS, NOBODY]).map(drop)
    }

    /// Unbinds every client certificate: none stands for anybody any more. Answers the names of those who had one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn unbind_certificates(&self) -> Result<Vec<String>, Error> {
        let whose = "WHERE client_cert IS NOT NULL AND state <> 'deleted'";
        let bound = self.many(READING, TABLE, whose, [], principal)?;
        let set = [("client_cert", &rusqlite::types::Null as &dyn ToSql)];
        self.alter(CHANGING, TABLE, whose, [], &set)?;
        Ok(bound.into_iter().map(|row| row.principal.name).collect())
    }

    fn change_live(&self, id: &Id, set: &Columns<'_>) -> Result<usize, Error> {
        self.alter(CHANGING, TABLE, LIVE, [id.as_str()], set)
    }
}

const NO_GRANTS: (&str, &dyn ToSql) = ("pending_grants", &rusqlite::types::Null);
const NOBODY: (&str, &dyn ToSql) = ("grants_by", &rusqlite::types::Null);

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
        activated_at: rows::time_or_none(row, "activated_at")?,
        pending_grants: pending.zip(by),
    })
}

fn identity(row: &Row<'_>) -> Result<Principal, Error> {
    let custodian = rows::plain::<Option<String>>(row, "custodian_id")?;
    let custodian = custodian.map(|id| id.parse()).transpose();
    Ok(Principal {
        id: rows::name(row, "id")?,
        name: rows::plain(row, "name")?,
        subject: rows::name(row, "subject")?,
        roles: rows::json(&rows::plain::<String>(row, "roles")?)?,
        grants: rows::json(&rows::plain::<String>(row, "grants")?)?,
        wrap_scope: rows::plain(row, "wrap_scope")?,
        custodian: custodian.map_err(|_| rows::TAMPERED)?,
    })
}
