//! Bearer tokens, by their SHA-256 only.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, principals, rows};
use crate::{
    error::Error,
    id::{Id, Subject},
    policy::Principal,
};

/// Whether a token opens the door.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenState {
    /// It does, until it expires.
    Active,
    /// It waits for a second admin.
    Pending,
    /// Never again.
    Revoked,
}

impl TokenState {
    /// The name in the database and in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Revoked => "revoked",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Pending, Self::Revoked];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// One token.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// By which it is revoked.
    pub id: Id,
    /// Whether it opens the door.
    pub state: TokenState,
    /// The subject that issued it; `None` is nobody.
    pub issued_by: Option<String>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// The principal that a live token stands for, and the hash that was found.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// Whom it stands for.
    pub principal: Principal,
}

const READING: &str = "reading tokens";
const CHANGING: &str = "changing tokens";

impl View<'_> {
    /// Whom the token of that hash stands for at `now`: it and its principal are active, and it has not expired.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn bearer(&self, sha256: &[u8; 32], now: Timestamp) -> Result<Option<Bearer>, Error> {
        let sql = "SELECT p.*, t.sha256 FROM tokens t JOIN principals p ON p.id = t.principal_id
                   WHERE t.sha256 = ?1 AND t.state = 'active' AND p.state = 'active'
                   AND (t.expires_at IS NULL OR t.expires_at > ?2)";
        self.one(READING, sql, (sha256, now.as_microsecond()), bearer)
    }

    /// The tokens of a principal in the order of their issue, revoked ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn tokens_of(&self, principal: &Id) -> Result<Vec<TokenRow>, Error> {
        let sql = "SELECT * FROM tokens WHERE principal_id = ?1 ORDER BY seq";
        self.many(READING, sql, [principal.as_str()], token)
    }
}

impl Tx<'_> {
    /// Adds a token.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn insert_token(
        &self,
        principal: &Id,
        token: &TokenRow,
        sha256: &[u8; 32],
    ) -> Result<(), Error> {
        let sql = "INSERT INTO tokens
                   (id, principal_id, sha256, state, issued_by, created_at, expires_at, activated_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(?4 = 'active', ?6, NULL))";
        let row = (
            token.id.as_str(),
            principal.as_str(),
            sha256,
            token.state.name(),
            &token.issued_by,
            token.created_at.as_microsecond(),
            token.expires_at.map(Timestamp::as_microsecond),
        );
        self.change("adding a token", sql, row).map(drop)
    }

    /// Lets a pending token open the door.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is pending; [`Error::Unavailable`].
    pub fn activate_token(&self, id: &Id, at: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE tokens SET state = 'active', activated_at = ?2
                   WHERE id = ?1 AND state = 'pending'";
        match self.change(CHANGING, sql, (id.as_str(), at.as_microsecond()))? {
            1 => Ok(()),
            _ => Err(Error::Conflict("this token is not waiting for an approval")),
        }
    }

    /// Closes the door to one token for good; again is no error.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn revoke_token(&self, id: &Id) -> Result<(), Error> {
        let sql = "UPDATE tokens SET state = 'revoked' WHERE id = ?1";
        self.change(CHANGING, sql, [id.as_str()]).map(drop)
    }

    /// Closes the door to every token of a principal.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn revoke_tokens_of(&self, principal: &Id) -> Result<(), Error> {
        let sql = "UPDATE tokens SET state = 'revoked' WHERE principal_id = ?1";
        self.change(CHANGING, sql, [principal.as_str()]).map(drop)
    }
}

impl TokenRow {
    /// A new token that `by` issues; `None` is nobody.
    #[must_use]
    pub fn issued(
        by: Option<&Subject>,
        state: TokenState,
        at: Timestamp,
        until: Option<Timestamp>,
    ) -> Self {
        Self {
            id: Id::random(),
            state,
            issued_by: by.map(Subject::to_string),
            created_at: at,
            expires_at: until,
        }
    }
}

fn token(row: &Row<'_>) -> Result<TokenRow, Error> {
    let state = rows::plain::<String>(row, "state")?;
    Ok(TokenRow {
        id: rows::name(row, "id")?,
        state: TokenState::named(&state).ok_or(rows::TAMPERED)?,
        issued_by: rows::plain(row, "issued_by")?,
        created_at: rows::time(row, "created_at")?,
        expires_at: rows::time_or_none(row, "expires_at")?,
    })
}

fn bearer(row: &Row<'_>) -> Result<Bearer, Error> {
    Ok(Bearer {
        sha256: rows::plain(row, "sha256")?,
        principal: principals::identity(row)?,
    })
}
