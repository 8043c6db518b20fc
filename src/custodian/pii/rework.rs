//! Gives fields of many events other values: what is to be done is found event by event, and done in parallel.

use std::sync::atomic::{AtomicBool, Ordering};

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

/// Of a refused field's name so much is told, and of its place nothing if it is longer.
const SHOWN_CHARACTERS: usize = 128;
const SHOWN_BYTES: usize = 1024;

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
struct Draft<'a, J> {
    members: Vec<(Member<'a>, Wish<J>)>,
    /// One of its values was refused: then the rest of its work is for nothing.
    refused: AtomicBool,
}

/// The work on one value.
struct Job<'d, 'a, J> {
    member: &'d Member<'a>,
    wish: &'d J,
    refused: &'d AtomicBool,
}

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
        wanted: impl Fn(&str, Option<&str>) -> bool,
        wish: impl Fn(&Member<'_>) -> Result<Wish<J>, Error>,
        work: impl Fn(&Member<'_>, &J) -> Result<Text, Error> + Sync,
    ) -> Result<Vec<Result<Reworked, Error>>, Error> {
        let found = find(events, wanted)?;
        let drafts = found.into_iter().map(|members| draft(members, &wish));
        let drafts: Vec<_> = drafts.map(apart).collect::<Result<_, _>>()?;
        let jobs: Vec<_> = drafts.iter().flatten().flat_map(Draft::jobs).collect();
        let made = self.crew.each(&jobs, |job| job.run(&work));
        let mut made = made.into_iter();
        let finished = events
            .iter()
            .zip(drafts)
            .map(|(event, draft)| finish(event, &draft?, &mut made));
        finished.map(apart).collect()
    }
}

fn find(
    events: &[ObjectText],
    wanted: impl Fn(&str, Option<&str>) -> bool,
) -> Result<Vec<Vec<Member<'_>>>, Error> {
    let mut left = VALUES;
    let members = events.iter().map(|event| {
        let members = event.members(left, &wanted)?;
        left = left.saturating_sub(members.len());
        Ok(members)
    });
    members.collect()
}

fn draft<'a, J>(
    members: Vec<Member<'a>>,
    wish: impl Fn(&Member<'_>) -> Result<Wish<J>, Error>,
) -> Result<Draft<'a, J>, Error> {
    let wished = members.into_iter().map(|member| {
        let wish = wish(&member).map_err(|error| in_field(&member, error))?;
        Ok((member, wish))
    });
    Ok(Draft {
        members: wished.collect::<Result<_, Error>>()?,
        refused: AtomicBool::new(false),
    })
}

impl<'a, J> Draft<'a, J> {
    fn jobs(&self) -> impl Iterator<Item = Job<'_, 'a, J>> {
        self.members.iter().filter_map(|(member, wish)| match wish {
            Wish::Change(wish) => Some(Job {
                member,
                wish,
                refused: &self.refused,
            }),
            Wish::Keep => None,
        })
    }

    fn kept(&self) -> impl Iterator<Item = &Member<'a>> {
        let kept = |(_, wish): &&(Member<'a>, Wish<J>)| matches!(wish, Wish::Keep);
        self.members.iter().filter(kept).map(|(member, _)| member)
    }
}

impl<J> Job<'_, '_, J> {
    /// `None` if another value of the event was refused before.
    fn run(
        &self,
        work: impl Fn(&Member<'_>, &J) -> Result<Text, Error>,
    ) -> Option<Result<Text, Error>> {
        if self.refused.load(Ordering::Relaxed) {
            return None;
        }
        let made = work(self.member, self.wish).map_err(|error| in_field(self.member, error));
        if made.is_err() {
            self.refused.store(true, Ordering::Relaxed);
        }
        Some(made)
    }
}

/// Takes what was `made` for this draft, all of it, and puts it in its places.
fn finish<J>(
    event: &ObjectText,
    draft: &Draft<'_, J>,
    made: &mut impl Iterator<Item = Option<Result<Text, Error>>>,
) -> Result<Reworked, Error> {
    let changed = draft.jobs().map(|job| job.member);
    let changed: Vec<_> = changed.zip(made).collect();
    let changed = changed
        .into_iter()
        .filter_map(|(member, made)| Some((member, made?)));
    let changed = changed.map(|(member, text)| Ok((member, text?)));
    let changed: Vec<_> = changed.collect::<Result<_, Error>>()?;
    let event = event.with(
        changed
            .iter()
            .map(|(member, text)| (*member, text.0.as_str())),
    );
    Ok(Reworked {
        event: event.map_err(no_event)?,
        changed: names(changed.iter().map(|(member, _)| *member)),
        kept: names(draft.kept()),
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
        field: member.name.chars().take(SHOWN_CHARACTERS).collect(),
        pointer: Some(member.pointer()).filter(|pointer| pointer.len() <= SHOWN_BYTES),
        because: Box::new(error),
    }
}
