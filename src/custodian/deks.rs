//! DEKs and their versions: made, listed, shown, rotated (api.md section 7).

use std::sync::PoisonError;

use base64ct::{Base64, Encoding};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Custodian,
    audit::Event,
    once::{self, Made, Once},
    page::{Page, Wanted},
};
use crate::{
    algorithm::Algorithm,
    crypto::{aes_gcm, hybrid::Opener},
    duration::Period,
    error::Error,
    id::{DekName, DekVersion, KekVersion},
    kek::{Context, Purpose},
    policy::{self, Action, DekState},
    store::{DekRow, OVERTAKEN, Tx, VersionRow, View},
};

/// How often a rotation that another one overtook is begun again.
const TRIES: usize = 8;

/// What a new DEK is to be.
#[derive(Clone, Debug)]
pub struct NewDek {
    /// Its name, for ever.
    pub name: DekName,
    /// What its versions are.
    pub algorithm: Algorithm,
    /// How long a version encrypts before the next one does.
    pub rotation_period: Option<Period>,
}

/// A DEK as callers see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DekView {
    #[schema(value_type = String, example = "telemetry")]
    name: DekName,
    algorithm: Algorithm,
    /// The version that encrypts; every other only decrypts.
    #[schema(value_type = String, example = "dek-v3-20261123")]
    current: DekVersion,
    versions: Vec<VersionView>,
    /// Seconds after which a version is to be rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_period_seconds: Option<i64>,
    /// When it rotates by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    rotates_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A DEK version as callers see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    #[schema(value_type = String, example = "dek-v3-20261123")]
    version: DekVersion,
    number: u32,
    state: DekState,
    /// When its secret is erased, while that is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    destroy_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The KEK version that wraps it; null once it is destroyed.
    #[schema(value_type = Option<String>, example = "kek-v1-20261123")]
    kek: Option<KekVersion>,
    /// 1,216 bytes, of a hybrid DEK only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Byte)]
    public_key: Option<String>,
}

impl VersionView {
    /// What may be done with it, as its name.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.state.name()
    }

    /// When its secret is erased, while that is pending.
    #[must_use]
    pub fn destroy_at(&self) -> Option<Timestamp> {
        self.destroy_at
    }
}

impl DekView {
    /// Its path.
    #[must_use]
    pub fn location(&self) -> String {
        location(&self.name)
    }
}

impl Custodian {
    /// Makes a DEK with its first version.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an algorithm that this build has not; [`Error::Exists`] if the name is taken;
    /// [`Error::Unavailable`].
    pub fn create_dek(
        &self,
        who: &Caller,
        new: &NewDek,
        once: Option<&Once>,
    ) -> Result<Made<DekView>, Error> {
        self.once(who, once, || {
            let mut tries = (0..TRIES).map(|_| self.make_dek(who, new, once));
            let last = tries.find(|tried| !tried.as_ref().is_err_and(overtaken));
            last.unwrap_or(Err(OVERTAKEN))
        })
    }

    /// Makes the next version, which encrypts from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if others rotate it all the time; [`Error::Unavailable`].
    pub fn rotate_dek(
        &self,
        who: &Caller,
        name: &DekName,
        once: Option<&Once>,
    ) -> Result<Made<VersionView>, Error> {
        self.once(who, once, || {
            let rotate = || {
                let dek = self.store.read(|view| view.dek(name))?;
                self.make_next_version(By::Caller(who), &dek.ok_or(policy::NO_DEK)?, once)
            };
            let again = |tried: &Result<VersionView, Error>| tried.as_ref().is_err_and(overtaken);
            let first = rotate();
            if !again(&first) {
                return first;
            }
            // One at a time from here on: only a first try can still come between.
            let _turn = self
                .overtaken
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let mut tries = (0..TRIES).map(|_| rotate());
            tries.find(|tried| !again(tried)).unwrap_or(Err(OVERTAKEN))
        })
    }

    /// One DEK, if the caller may know of it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub fn dek(&self, who: &Caller, name: &DekName) -> Result<DekView, Error> {
        policy::see_dek(&who.principal, name)?;
        self.store.read(|view| {
            let dek = view.dek(name)?.ok_or(policy::NO_DEK)?;
            shown(view, dek)
        })
    }

    /// A page of the DEKs that the caller may know of, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn deks(&self, who: &Caller, wanted: &Wanted) -> Result<Page<DekView>, Error> {
        let seen = |dek: &DekRow| policy::see_dek(&who.principal, &dek.name).is_ok();
        self.store.read(|view| {
            let rows = visible(view, wanted, seen)?;
            let page = wanted.page(rows, |dek| dek.name.to_string());
            let items = page.items.into_iter().map(|dek| shown(view, dek));
            Ok(Page {
                items: items.collect::<Result<_, _>>()?,
                next_cursor: page.next_cursor,
            })
        })
    }

    fn make_dek(&self, who: &Caller, new: &NewDek, once: Option<&Once>) -> Result<DekView, Error> {
        if let Some(why) = new.algorithm.missing() {
            return Err(Error::Invalid(why));
        }
        let period = new.rotation_period.map(seconds).transpose()?;
        let created_at = self.clock.now();
        let dek = DekRow {
            name: new.name.clone(),
            algorithm: new.algorithm,
            rotation_period: period,
            newest: 1,
            rotate_at: rotate_at(period, created_at),
            created_at,
        };
        let version = self.new_version(&dek, dek.newest)?;
        let once = once.cloned();
        self.change(who, move |tx, now| {
            may_keep(tx, &version)?;
            tx.insert_dek(&dek)?;
            tx.insert_version(&dek.name, &version)?;
            let event = Event::done(dek.name.reference(&version.version))
                .with("algorithm", dek.algorithm.name())
                .with("rotation_period_seconds", dek.rotation_period);
            let made = shown(tx, dek)?;
            once::keep(once.as_ref(), tx, now, made.location(), &made)?;
            Ok((made, event))
        })
    }

    /// Makes the version after the newest of `dek`, unless another one did.
    pub(super) fn make_next_version(
        &self,
        by: By<'_>,
        dek: &DekRow,
        once: Option<&Once>,
    ) -> Result<VersionView, Error> {
        let version = self.new_version(dek, dek.newest + 1)?;
        let (dek, once) = (dek.clone(), once.cloned());
        let (name, alone) = (dek.name.clone(), matches!(by, By::Itself));
        let work = move |tx: &Tx<'_>, now| {
            let newest = tx.newest_version(&dek)?;
            if alone && newest.state != DekState::Enabled {
                return Err(OVERTAKEN);
            }
            may_keep(tx, &version)?;
            let until = rotate_at(dek.rotation_period, version.created_at);
            tx.advance_dek(&dek, version.number, until)?;
            tx.insert_version(&dek.name, &version)?;
            let event = Event::done(dek.name.reference(&version.version));
            let made = version_shown(version);
            once::keep(once.as_ref(), tx, now, location(&dek.name), &made)?;
            Ok((made, event))
        };
        let made = match by {
            By::Caller(who) => self.change(who, work),
            By::Itself => self.alone(Action::DekRotate, work),
        };
        self.opened.forget(name.as_str());
        made
    }

    pub(super) fn new_version(&self, dek: &DekRow, number: u32) -> Result<VersionRow, Error> {
        let created_at = self.clock.now();
        let version = DekVersion::new(number, created_at);
        let context = Context {
            purpose: Purpose::Dek,
            reference: &dek.name.reference(&version),
            algorithm: dek.algorithm.name(),
        };
        let secret = aes_gcm::fresh_key()?;
        let public_key = match dek.algorithm {
            Algorithm::Aes256Gcm => None,
            Algorithm::MlKem768X25519 => Some(Opener::new(secret.expose())?.public_key()),
        };
        Ok(VersionRow {
            number,
            version,
            state: DekState::Enabled,
            destroy_at: None,
            wrapped: Some(self.wrap_secret(&secret, &context)?),
            public_key,
            reserved: 0,
            created_at,
        })
    }
}

/// A rotation of the KEK may have moved all records since this one was wrapped: then it is wrapped anew.
fn may_keep(tx: &Tx<'_>, version: &VersionRow) -> Result<(), Error> {
    let wrapped = version.wrapped.iter();
    let mut kept = wrapped.map(|wrapped| tx.may_keep(&wrapped.kek, OVERTAKEN));
    kept.try_for_each(|kept| kept)
}

/// Who rotates a key.
pub(super) enum By<'a> {
    /// An operator.
    Caller(&'a Caller),
    /// The service, since it is time.
    Itself,
}

/// Whether another rotation of the same DEK was faster.
pub(super) fn overtaken(error: &Error) -> bool {
    matches!((error, OVERTAKEN), (Error::Conflict(one), Error::Conflict(other)) if *one == other)
}

/// The path of a DEK.
#[must_use]
pub fn location(name: &DekName) -> String {
    format!("/v1/deks/{name}")
}

/// Rows are read on until the page is full, since some may not be for the caller.
fn visible(
    view: &View<'_>,
    wanted: &Wanted,
    seen: impl Fn(&DekRow) -> bool,
) -> Result<Vec<DekRow>, Error> {
    let mut after = wanted.after().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    while found.len() < wanted.rows() {
        let rows = view.deks_after(&after, wanted.rows())?;
        let Some(last) = rows.last() else { break };
        after = last.name.to_string();
        found.extend(rows.into_iter().filter(&seen));
    }
    found.truncate(wanted.rows());
    Ok(found)
}

fn shown(view: &View<'_>, dek: DekRow) -> Result<DekView, Error> {
    let versions = view.dek_versions(&dek)?;
    let current = versions.last().map(|newest| newest.version.clone());
    Ok(DekView {
        current: current.ok_or(Error::Corrupt(
            "this DEK has lost its versions; restore it from a backup",
        ))?,
        versions: versions.into_iter().map(version_shown).collect(),
        name: dek.name,
        algorithm: dek.algorithm,
        rotation_period_seconds: dek.rotation_period,
        rotates_at: dek.rotate_at,
        created_at: dek.created_at,
    })
}

/// A version as callers see it.
pub(super) fn version_shown(row: VersionRow) -> VersionView {
    VersionView {
        version: row.version,
        number: row.number,
        state: row.state,
        destroy_at: row.destroy_at,
        created_at: row.created_at,
        kek: row.wrapped.map(|wrapped| wrapped.kek),
        public_key: row.public_key.map(|key| Base64::encode_string(&key)),
    }
}

/// When a version made at `made` has encrypted for its period.
pub(super) fn rotate_at(seconds: Option<i64>, made: Timestamp) -> Option<Timestamp> {
    let period = SignedDuration::from_secs(seconds?);
    Some(made.saturating_add(period).unwrap_or(Timestamp::MAX))
}

fn seconds(period: Period) -> Result<i64, Error> {
    let seconds = period.duration().as_secs();
    i64::try_from(seconds).map_err(|_| Error::Invalid("rotation_period is too long"))
}
