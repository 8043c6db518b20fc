//! The override state machine: pure rules over what stands, what happens, and when (api.md section 8).

use jiff::Timestamp;

use crate::{
    error::Error,
    id::{Id, Subject},
    words::Lead,
};

/// How far an override is. All but the first two are final.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OverrideStatus {
    /// Two custodians signed and the token countersigned.
    Approved,
    /// Its time passed before that.
    Expired,
    /// It has a signature, or two whose countersignature is still to come.
    Partial,
    /// Nobody has signed.
    Pending,
    /// A custodian rejected it.
    Rejected,
    /// Its requester withdrew it.
    Withdrawn,
}

impl OverrideStatus {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Approved,
        Self::Expired,
        Self::Partial,
        Self::Pending,
        Self::Rejected,
        Self::Withdrawn,
    ];

    /// The name in the database and in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Expired => "expired",
            Self::Partial => "partial",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The status of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether it may still be signed, as far as its time allows.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Partial | Self::Pending => true,
            Self::Approved | Self::Expired | Self::Rejected | Self::Withdrawn => false,
        }
    }
}

/// A custodian, as far as the rules look at one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signer {
    /// Its record.
    pub custodian: Id,
    /// The human.
    pub subject: Subject,
    /// Which of the two signatures it can give.
    pub lead: Lead,
    /// Whether it may act now.
    pub active: bool,
}

/// All of an override that the rules look at.
#[derive(Clone, Debug)]
pub struct Standing {
    /// As it was last written down.
    pub status: OverrideStatus,
    /// From then on it is expired, unless it was closed before.
    pub expires_at: Timestamp,
    /// Who asked.
    pub requested_by: Subject,
    /// The human for whom it was asked.
    pub on_behalf_of: Option<Subject>,
    /// Whose signatures it has; void ones do not count.
    pub signers: Vec<Signer>,
}

/// What happens to an override.
#[derive(Clone, Copy, Debug)]
pub enum OverrideEvent<'a> {
    /// The countersigned certificate is there; `verified` says whether both signatures still are what they were.
    Approve {
        /// Both custodians' signatures were verified once more.
        verified: bool,
    },
    /// Somebody looked at the clock.
    Expire,
    /// A custodian rejects it with a signature.
    Reject {
        /// Who.
        by: &'a Signer,
        /// Whether the signature is by its key.
        verified: bool,
    },
    /// A custodian signs.
    Sign {
        /// Who.
        by: &'a Signer,
        /// Whether the signature is by its key.
        verified: bool,
        /// Whether the very same signature stands already.
        again: bool,
        /// Whether the very same signature was made void.
        void: bool,
    },
    /// A custodian was suspended or revoked.
    Void {
        /// Whose signature counts no more.
        custodian: &'a Id,
    },
    /// Its requester wants it no more.
    Withdraw,
}

impl Standing {
    /// What it is at `now`, whether anyone has written that down or not.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> OverrideStatus {
        if self.status.is_open() && now >= self.expires_at {
            return OverrideStatus::Expired;
        }
        self.status
    }

    /// Whether both roles have signed, so that only the countersignature is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let signed = |lead: &Lead| self.signers.iter().any(|signer| signer.lead == *lead);
        Lead::ALL.iter().all(signed)
    }

    /// The status after `event` at `now`.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Expired`], [`Error::BadSignature`] or [`Error::TwoPerson`], in the order of
    /// api.md section 8; nothing has happened then.
    pub fn after(
        &self,
        event: &OverrideEvent<'_>,
        now: Timestamp,
    ) -> Result<OverrideStatus, Error> {
        match event {
            OverrideEvent::Approve { verified } => self.approve(*verified, now),
            OverrideEvent::Expire => Ok(self.status_at(now)),
            OverrideEvent::Reject { by, verified } => {
                self.open(now)?;
                may_act(by, *verified)?;
                Ok(OverrideStatus::Rejected)
            }
            OverrideEvent::Sign {
                by,
                verified,
                again,
                void,
            } => {
                self.open(now)?;
                may_act(by, *verified)?;
                self.sign(by, *again, *void)
            }
            OverrideEvent::Void { custodian } => Ok(self.without(custodian)),
            OverrideEvent::Withdraw => {
                self.open(now)?;
                Ok(OverrideStatus::Withdrawn)
            }
        }
    }

    fn open(&self, now: Timestamp) -> Result<(), Error> {
        match self.status_at(now) {
            OverrideStatus::Partial | OverrideStatus::Pending => Ok(()),
            OverrideStatus::Expired => Err(Error::Expired(
                "the time of this override is over; request another, with another justification",
            )),
            OverrideStatus::Approved => Err(Error::Conflict("this override is approved already")),
            OverrideStatus::Rejected => Err(Error::Conflict("this override was rejected")),
            OverrideStatus::Withdrawn => Err(Error::Conflict("this override was withdrawn")),
        }
    }

    fn sign(&self, by: &Signer, again: bool, void: bool) -> Result<OverrideStatus, Error> {
        if void {
            return Err(Error::Conflict(
                "this very signature was made void, for good; sign anew, or where the scheme gives the same signature \
                 each time, request another override",
            ));
        }
        let taken = self.signers.iter().any(|signer| signer.lead == by.lead);
        if taken && !(again && self.is_complete()) {
            return Err(Error::Conflict(
                "this override has a signature of your role already",
            ));
        }
        self.two_people(by)?;
        Ok(OverrideStatus::Partial)
    }

    /// Neither the requester, nor whoever it asked for, nor the other signer may be this one.
    fn two_people(&self, by: &Signer) -> Result<(), Error> {
        let asked = [Some(&self.requested_by), self.on_behalf_of.as_ref()];
        let other = |signer: &&Signer| signer.lead != by.lead;
        let others = self.signers.iter().filter(other);
        let mut people = asked
            .into_iter()
            .flatten()
            .chain(others.map(|other| &other.subject));
        if people.any(|person| *person == by.subject) {
            return Err(Error::TwoPerson(
                "whoever requested an override, or signed it already, may not sign it: another person must",
            ));
        }
        Ok(())
    }

    fn approve(&self, verified: bool, now: Timestamp) -> Result<OverrideStatus, Error> {
        self.open(now)?;
        if !self.is_complete() || self.signers.len() != Lead::ALL.len() {
            return Err(Error::Conflict(
                "this override does not have both signatures",
            ));
        }
        self.signers.iter().try_for_each(|signer| {
            may_act(signer, verified)?;
            self.two_people(signer)
        })?;
        Ok(OverrideStatus::Approved)
    }

    fn without(&self, custodian: &Id) -> OverrideStatus {
        let stays = |signer: &Signer| signer.custodian != *custodian;
        match (self.status.is_open(), self.signers.iter().any(stays)) {
            (true, true) => OverrideStatus::Partial,
            (true, false) => OverrideStatus::Pending,
            (false, _) => self.status,
        }
    }
}

fn may_act(by: &Signer, verified: bool) -> Result<(), Error> {
    if !by.active {
        return Err(Error::Conflict(
            "this custodian is not active, so it can neither sign nor reject",
        ));
    }
    match verified {
        true => Ok(()),
        false => Err(BAD_SIGNATURE),
    }
}

/// What a signature that does not verify answers.
const BAD_SIGNATURE: Error = Error::BadSignature(
    "the signature is not by this custodian's key over this override; sign `message_to_sign` of its scheme",
);

#[cfg(test)]
mod tests;
