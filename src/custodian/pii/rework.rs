//! Gives fields of many events other values: what is to be done is found event by event, and done in parallel.

use zeroize::Zeroizing;

use super::super::Custodian;
use crate::{
    crypto::blob::{DekBlob, DekBlobKind},
    error::Error,
    id::{DekName, DekVersion},
    json::{self, Member, ObjectText},
    secret::Plaintext,
};

/// Most values of one request that are encrypted or decrypted: each costs a use of ML-KEM and X25519.
pub const VALUES: usize = 4096;

/// What is to become of a value.
pub(super) enum Wish<J> {
    /// Another one, made by this job.
    Change(J),
    /// It stays.
    Keep,
}

/// The JSON text of a value, wiped on drop.
pub(super) struct Text(Zeroizing<String>);

/// An event that has other values, and the names of the fields that were looked at, each once.
pub(super) struct Reworked {
    pub(super) event: ObjectText,
    pub(super) changed: Vec<String>,
    pub(super) kept: Vec<String>,
}

/// The members of one event, each with what is to become of it.
type Draft<'a, J> = Vec<(Member<'a>, Wish<J>)>;

impl Text {
    /// A blob, as a JSON string: none of its characters needs an escape.
    pub(super) fn blob(name: &DekName, version: &DekVersion, payload: Vec<u8>) -> Self {
        let blob = DekBlob {
            kind: DekBlobKind::Hpke,
            name: name.clone(),
            version: version.clone(),
            payload,
        };
        Self(Zeroizing::new(format!("\"{}\"", blob.encode())))
    }

    /// What a blob was made of, which may be anything: whoever has the public key can make one.
    pub(super) fn plain(plaintext: &Plaintext) -> Result<Self, Error> {
        const NO_JSON: Error = Error::Corrupt("what was encrypted is not the JSON text of a value");
        json::well_formed(plaintext.expose()).map_err(|_| NO_JSON)?;
        let text = str::from_utf8(plaintext.expose()).map_err(|_| NO_JSON)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl Custodian {
    /// Changes the `wanted` members of each event as is `wish`ed, by `work` in parallel. One event's refusal harms no
    /// other.
    pub(super) fn rework<J: Sync>(
        &self,
        events: &[ObjectText],
        wanted: impl Fn(&str, &str) -> bool,
        wish: impl Fn(&Member<'_>) -> Result<Wish<J>, Error>,
        work: impl Fn(&Member<'_>, &J) -> Result<Text, Error> + Sync,
    ) -> Result<Vec<Result<Reworked, Error>>, Error> {
        let found = events.iter().map(|event| event.members(&wanted));
        let found = counted(found.collect::<Result<_, _>>()?)?;
        let drafts = found.into_iter().map(|members| draft(members, &wish));
        let drafts: Vec<_> = drafts.map(apart).collect::<Result<_, _>>()?;
        let jobs: Vec<_> = drafts.iter().flatten().flatten().filter_map(job).collect();
        let made = self.crew.each(&jobs, |(member, job)| {
            work(member, job).map_err(|error| in_field(member, error))
        });
        let mut made = made.into_iter();
        let finished = events
            .iter()
            .zip(drafts)
            .map(|(event, draft)| finish(event, draft?, &mut made));
        finished.map(apart).collect()
    }
}

fn counted(found: Vec<Vec<Member<'_>>>) -> Result<Vec<Vec<Member<'_>>>, Error> {
    if found.iter().map(Vec::len).sum::<usize>() > VALUES {
        return Err(Error::TooLarge(
            "a request has at most 4,096 values to encrypt or decrypt; send several",
        ));
    }
    Ok(found)
}

fn draft<'a, J>(
    members: Vec<Member<'a>>,
    wish: impl Fn(&Member<'_>) -> Result<Wish<J>, Error>,
) -> Result<Draft<'a, J>, Error> {
    let wished = members.into_iter().map(|member| {
        let wish = wish(&member).map_err(|error| in_field(&member, error))?;
        Ok((member, wish))
    });
    wished.collect()
}

fn job<'d, 'a, J>((member, wish): &'d (Member<'a>, Wish<J>)) -> Option<(&'d Member<'a>, &'d J)> {
    match wish {
        Wish::Change(job) => Some((member, job)),
        Wish::Keep => None,
    }
}

/// Takes what was `made` for this draft, all of it, and puts it in its places.
fn finish<J>(
    event: &ObjectText,
    draft: Draft<'_, J>,
    made: &mut impl Iterator<Item = Result<Text, Error>>,
) -> Result<Reworked, Error> {
    let changed = draft.iter().filter_map(job).map(|(member, _)| member);
    let changed: Vec<_> = changed.zip(made).collect();
    let changed = changed
        .into_iter()
        .map(|(member, text)| Ok((member, text?)));
    let changed: Vec<_> = changed.collect::<Result<_, Error>>()?;
    let event = event.with(
        changed
            .iter()
            .map(|(member, text)| (*member, text.0.as_str())),
    );
    let kept = draft.iter().filter(|kept| job(kept).is_none());
    Ok(Reworked {
        event: event.map_err(no_event)?,
        changed: names(changed.iter().map(|(member, _)| *member)),
        kept: names(kept.map(|(member, _)| member)),
    })
}

/// Values that were encrypted elsewhere may be anything.
fn no_event(error: Error) -> Error {
    if error.is_ours() {
        return error;
    }
    Error::Corrupt("with what was encrypted the event is nested too deep: more than 127 levels")
}

/// Each name once, in the order of their first places.
fn names<'a>(members: impl Iterator<Item = &'a Member<'a>>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for member in members {
        if !names.contains(&member.name) {
            names.push(member.name.clone());
        }
    }
    names
}

/// While a part is out of order, the whole request is.
fn apart<T>(done: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match done {
        Err(error) if error.is_ours() => Err(error),
        done => Ok(done),
    }
}

/// What the caller did not bring about is not about its field.
fn in_field(member: &Member<'_>, error: Error) -> Error {
    if error.is_ours() {
        return error;
    }
    Error::InField {
        field: member.name.clone(),
        pointer: member.pointer.clone(),
        because: Box::new(error),
    }
}
