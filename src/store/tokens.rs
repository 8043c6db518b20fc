//! Bearer tokens, by their SHA-256 only.

use jiff::Timestamp;
use rusqlite::{Row, ToSql};

use super::{PrincipalState, Tx, View, rows, sealed::Table};
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
    /// When it came into force.
    pub activated_at: Option<Timestamp>,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// Who signed in, and by what.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// By what.
    pub by: Credential,
    /// Who.
    pub principal: Principal,
}

/// What stands for a principal.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A client certificate: its SHA-256 in hex.
    Certificate(String),
    /// A bearer token: its id, and the SHA-256 that was found.
    Token(Id, [u8; 32]),
}

const TABLE: Table = "tokens";
const READING: &str = "reading tokens";
const CHANGING: &str = "changing tokens";

impl View<'_> {
    /// Whom the token of that hash stands for at `now`: it and its principal are active, and it has not expired.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn bearer(&self, sha256: &[u8; 32], now: Timestamp) -> Result<Option<Bearer>, Error> {
        let read = |row: &Row<'_>| {
            let found: [u8; 32] = rows::plain(row, "sha256")?;
            Ok((found, rows::name(row, "principal_id")?, token(row)?))
        };
        let found = self.one(READING, TABLE, "WHERE sha256 = ?1", [sha256], read)?;
        let Some((sha256, owner, token)) = found.filter(|(_, _, token)| token.opens(now)) else {
            return Ok(None);
        };
        let owner = self.principal(&owner)?;
        let owner = owner.filter(|owner| owner.state == PrincipalState::Active);
        Ok(owner.map(|owner| Bearer {
            by: Credential::Token(token.id, sha256),
            principal: owner.principal,
        }))
    }

    /// Whom the certificate of that SHA-256 (64 hex digits) stands for: an active principal that is bound to it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn certified(&self, sha256: &str) -> Result<Option<Bearer>, Error> {
        let owner = self.principal_of_certificate(sha256)?;
        let owner = owner.filter(|owner| owner.state == PrincipalState::Active);
        Ok(owner.map(|owner| Bearer {
            by: Credential::Certificate(sha256.to_owned()),
            principal: owner.principal,
        }))
    }

    /// Whom a credential that once opened the door stands for at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn stands_for(&self, by: &Credential, now: Timestamp) -> Result<Option<Bearer>, Error> {
        match by {
            Credential::Certificate(sha256) => self.certified(sha256),
            Credential::Token(_, sha256) => self.bearer(sha256, now),
        }
    }

    /// The tokens of a principal in the order of their issue, revoked ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn tokens_of(&self, principal: &Id) -> Result<Vec<TokenRow>, Error> {
        let rest = "WHERE principal_id = ?1 ORDER BY seq";
        self.many(READING, TABLE, rest, [principal.as_str()], token)
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
        let seq = self.next_seq("SELECT coalesce(max(seq), 0) + 1 FROM tokens")?;
        self.insert(
            "adding a token",
            TABLE,
            &[
                ("seq", &seq),
                ("id", &token.id.as_str()),
                ("principal_id", &principal.as_str()),
                ("sha256", sha256),
                ("state", &token.state.name()),
                ("issued_by", &token.issued_by),
                ("created_at", &token.created_at.as_microsecond()),
                (
                    "activated_at",
                    &token.activated_at.map(Timestamp::as_microsecond),
                ),
                (
                    "expires_at",
                    &token.expires_at.map(Timestamp::as_microsecond),
                ),
            ],
            Error::internal("a token of this id or hash is there"),
        )
    }

    /// Lets a pending token open the door.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is pending; [`Error::Unavailable`].
    pub fn activate_token(&self, id: &Id, at: Timestamp) -> Result<(), Error> {
        let whose = "WHERE id = ?1 AND state = 'pending'";
        let set: [(&str, &dyn ToSql); 2] =
            [("state", &"active"), ("activated_at", &at.as_microsecond())];
        let changed = self.alter(CHANGING, TABLE, whose, [id.as_str()], &set)?;
        rows::only(
            changed,
            Error::Conflict("this token is not waiting for an approval"),
        )
    }

    /// Closes the door to one token for good; again is no error.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn revoke_token(&self, id: &Id) -> Result<(), Error> {
        self.revoke_tokens("WHERE id = ?1", id)
    }

    /// Closes the door to every token of a principal.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn revoke_tokens_of(&self, principal: &Id) -> Result<(), Error> {
        self.revoke_tokens("WHERE principal_id = ?1", principal)
    }

    /// Closes the door to every token there is; answers how many it shut.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn revoke_all_tokens(&self) -> Result<usize, Error> {
        self.alter(CHANGING, TABLE, "WHERE state <> 'revoked'", [], &REVOKED)
    }

    fn revoke_tokens(&self, whose: &str, id: &Id) -> Result<(), Error> {
        self.alter(CHANGING, TABLE, whose, [id.as_str()], &REVOKED)
            .map(drop)
    }
}

const REVOKED: [(&str, &dyn ToSql); 1] = [("state", &"revoked")];

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
            activated_at: (state == TokenState::Active).then_some(at),
            expires_at: until,
        }
    }

    /// Whether it opens the door at `now`.
    #[must_use]
    pub fn opens(&self, now: Timestamp) -> bool {
        self.state == TokenState::Active && self.expires_at.is_none_or(|end| end > now)
    }
}

fn token(row: &Row<'_>) -> Result<TokenRow, Error> {
    let state = rows::plain::<String>(row, "state")?;
    Ok(TokenRow {
        id: rows::name(row, "id")?,
        state: TokenState::named(&state).ok_or(rows::TAMPERED)?,
        issued_by: rows::plain(row, "issued_by")?,
        created_at: rows::time(row, "created_at")?,
        activated_at: rows::time_or_none(row, "activated_at")?,
        expires_at: rows::time_or_none(row, "expires_at")?,
    })
}
