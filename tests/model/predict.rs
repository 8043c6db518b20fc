//! What the contract foretells of an answer.

use crate::{
    things::{Bound, Dek, Person, State, Whose},
    verbs::{Change, Items, NewPerson, Open, Seal, Sound, Verb},
    world::{Kept, Who, World},
};

pub type Refusal = (u16, &'static str);

#[derive(Clone, Debug)]
pub enum Verdict {
    /// Any of these, where the contract sets no order.
    Refused(Vec<Refusal>),
    Done(u16),
    /// A batch: what becomes of each item.
    Each(Vec<Option<Refusal>>),
    /// The first answer of an earlier request.
    Replay(Box<Kept>),
}

const FORBIDDEN: Refusal = (403, "forbidden");
const NOT_FOUND: Refusal = (404, "not_found");
const INVALID: Refusal = (400, "invalid_request");
const TOO_LARGE: Refusal = (413, "too_large");
const CONFLICT: Refusal = (409, "conflict");
const EXISTS: Refusal = (409, "already_exists");
const INTEGRITY: Refusal = (422, "integrity_failure");
const DESTROYED: Refusal = (410, "destroyed");
const TWO_PERSON: Refusal = (422, "two_person_rule");
const MISMATCH: Refusal = (422, "idempotency_mismatch");
pub const DAY: i64 = 24 * 60 * 60;

fn no(refusal: Refusal) -> Verdict {
    Verdict::Refused(vec![refusal])
}

/// Refused for the first of these that holds, which the contract leaves to the service; else done.
fn unless(refusals: &[Option<Refusal>], done: Verdict) -> Verdict {
    let all: Vec<_> = refusals.iter().flatten().copied().collect();
    if all.is_empty() {
        done
    } else {
        Verdict::Refused(all)
    }
}

fn when(holds: bool, refusal: Refusal) -> Option<Refusal> {
    holds.then_some(refusal)
}

impl World {
    pub fn predict(&self, who: &Who, verb: &Verb) -> Verdict {
        let Some(person) = self.person(who) else {
            return Verdict::Refused(vec![(401, "unauthenticated"), (429, "rate_limited")]);
        };
        if !verb.row().1.iter().any(|role| person.is(role)) {
            return no(FORBIDDEN);
        }
        if !reaches(person, verb) {
            return no(NOT_FOUND);
        }
        let fresh = self.fresh(person, verb);
        let Some(key) = verb.key() else { return fresh };
        let place = (person.id.clone(), verb.path(), key.to_owned());
        let kept = self
            .kept
            .get(&place)
            .filter(|kept| kept.at > self.now - DAY);
        match kept {
            // What cannot be read cannot be compared.
            _ if unreadable(verb) => no(INVALID),
            Some(kept) if kept.body == verb.body() => Verdict::Replay(Box::new(kept.clone())),
            Some(_) => no(MISMATCH),
            None => fresh,
        }
    }

    fn fresh(&self, person: &Person, verb: &Verb) -> Verdict {
        match verb {
            Verb::CreateDek { name, .. } => unless(
                &[
                    when(unreadable(verb), INVALID),
                    when(self.deks.contains_key(name), EXISTS),
                ],
                Verdict::Done(201),
            ),
            Verb::Rotate { name, .. } => unless(&[self.absent(name)], Verdict::Done(201)),
            Verb::Show { name } => unless(&[self.absent(name)], Verdict::Done(200)),
            Verb::List => Verdict::Done(200),
            Verb::Change {
                what,
                name,
                version,
                sound,
            } => self.change(*what, name, version, *sound),
            Verb::PublicKey { name, version } => self.public_key(name, version.as_deref()),
            Verb::DataKey {
                name,
                bytes,
                context,
                ..
            } => self.data_key(name, *bytes, *context),
            _ => self.items(person, verb),
        }
    }

    fn items(&self, person: &Person, verb: &Verb) -> Verdict {
        match verb {
            Verb::Encrypt { name, items } => {
                let newest = self.deks.get(name).and_then(newest_shut);
                self.each(items, self.absent(name), |item| seal(item).or(newest))
            }
            Verb::Decrypt { name, items } => {
                self.each(items, self.absent(name), |item| self.open(name, item))
            }
            Verb::Rewrap { name, items } => {
                let newest = self.deks.get(name).and_then(newest_shut);
                self.each(items, self.absent(name), |item| {
                    self.open(name, item).or(newest)
                })
            }
            Verb::Wrap { items } => self.each(items, None, seal),
            Verb::Unwrap { items } => {
                self.each(items, None, |item| self.unwrap(&person.scope, item))
            }
            Verb::KekRewrap { items } => self.each(items, None, kek_rewrap),
            _ => self.people(verb),
        }
    }

    fn people(&self, verb: &Verb) -> Verdict {
        match verb {
            Verb::CreatePerson { new, .. } => self.create_person(new),
            Verb::ShowPerson { id } => unless(&[self.nobody(id)], Verdict::Done(200)),
            Verb::DeletePerson { id } => {
                let admin = self.live(id).is_some_and(|at| self.people[at].is("admin"));
                let last = when(admin && self.other_admins(id) < 2, CONFLICT);
                unless(&[self.nobody(id), last], Verdict::Done(204))
            }
            Verb::Grant { id, grants } => unless(
                &[
                    when(!grants.iter().all(|grant| is_grant(grant)), INVALID),
                    self.nobody(id),
                ],
                Verdict::Done(200),
            ),
            Verb::IssueToken { id, .. } => unless(
                &[when(unreadable(verb), INVALID), self.nobody(id)],
                Verdict::Done(201),
            ),
            Verb::RevokeToken { id, token } => self.revoke(id, token),
            other => panic!("no rule for {other:?}"),
        }
    }

    fn absent(&self, dek: &str) -> Option<Refusal> {
        when(!self.deks.contains_key(dek), NOT_FOUND)
    }

    fn nobody(&self, id: &str) -> Option<Refusal> {
        when(self.live(id).is_none(), NOT_FOUND)
    }

    fn change(&self, what: Change, name: &str, version: &str, sound: bool) -> Verdict {
        let malformed = when(!sound, INVALID);
        let Some(found) = self.version(name, version) else {
            return unless(&[malformed, Some(NOT_FOUND)], Verdict::Done(200));
        };
        if !sound {
            return no(INVALID);
        }
        let newest = self.deks[name].versions.last().unwrap().name == version;
        match what {
            Change::Cancel if found.state == State::Destroyed || found.due(self.now) => {
                no(DESTROYED)
            }
            Change::Cancel if found.destroy_at.is_none() => no(CONFLICT),
            Change::Cancel => Verdict::Done(200),
            _ if found.doomed() => no(DESTROYED),
            Change::Destroy if newest => no(CONFLICT),
            _ => Verdict::Done(200),
        }
    }

    fn public_key(&self, name: &str, version: Option<&str>) -> Verdict {
        if version == Some("nonsense") {
            return unless(&[Some(INVALID), self.absent(name)], Verdict::Done(200));
        }
        let Some(dek) = self.deks.get(name) else {
            return no(NOT_FOUND);
        };
        let newest = dek.versions.last().unwrap().name.as_str();
        let Some(found) = self.version(name, version.unwrap_or(newest)) else {
            return no(INTEGRITY);
        };
        if !dek.hybrid {
            return no(CONFLICT);
        }
        unless(&[found.shut()], Verdict::Done(200))
    }

    fn data_key(&self, name: &str, bytes: u64, context: Bound) -> Verdict {
        let malformed = when(![16, 24, 32, 64].contains(&bytes), INVALID);
        let large = when(context == Bound::TooLarge, TOO_LARGE);
        if malformed.is_some() || large.is_some() {
            return unless(&[malformed, large, self.absent(name)], Verdict::Done(200));
        }
        let Some(dek) = self.deks.get(name) else {
            return no(NOT_FOUND);
        };
        unless(
            &[when(dek.hybrid, CONFLICT).or(newest_shut(dek))],
            Verdict::Done(200),
        )
    }

    /// A batch is refused as a whole for its size, and if what it names is not there; else each item for itself.
    fn each<T>(
        &self,
        items: &Items<T>,
        absent: Option<Refusal>,
        rule: impl Fn(&T) -> Option<Refusal>,
    ) -> Verdict {
        match items {
            Items::One(item) => match (rule(item), absent) {
                // Without the DEK its rules cannot be asked; the item's own form may still be refused first.
                (refused, Some(absent)) => unless(&[refused, Some(absent)], Verdict::Done(200)),
                (refused, None) => unless(&[refused], Verdict::Done(200)),
            },
            Items::Many(items) if items.is_empty() => {
                unless(&[Some(INVALID), absent], Verdict::Done(200))
            }
            Items::Many(items) if items.len() > 256 => {
                unless(&[Some(TOO_LARGE), absent], Verdict::Done(200))
            }
            Items::Many(items) => match absent {
                Some(absent) => no(absent),
                None => Verdict::Each(items.iter().map(rule).collect()),
            },
        }
    }

    fn open(&self, dek: &str, item: &Open) -> Option<Refusal> {
        if item.context == Bound::TooLarge {
            return Some(TOO_LARGE);
        }
        let blob = item.blob.map(|at| &self.blobs[at]);
        let Some((blob, Whose::Dek { name, at })) = blob.map(|blob| (blob, &blob.whose)) else {
            return Some(INTEGRITY);
        };
        if item.sound == Sound::Nothing || name != dek {
            return Some(INTEGRITY);
        }
        let shut = self.deks[name].versions[*at].shut();
        let same = item.sound == Sound::Intact && item.context.meaning() == blob.context.meaning();
        shut.or(when(!same, INTEGRITY))
    }

    fn unwrap(&self, scope: &str, item: &Open) -> Option<Refusal> {
        if item.context == Bound::TooLarge {
            return Some(TOO_LARGE);
        }
        let Some(blob) = item.blob.map(|at| &self.kek_blobs[at]) else {
            return Some(INTEGRITY);
        };
        let ours = matches!(&blob.whose, Whose::Scope(whose) if whose == scope);
        let same = item.sound == Sound::Intact
            && !blob.broken
            && item.context.meaning() == blob.context.meaning();
        when(!(ours && same), INTEGRITY)
    }

    fn create_person(&self, new: &NewPerson) -> Verdict {
        let bad = |refusal| when(refusal, INVALID);
        let subject = new.subject.to_ascii_lowercase();
        if subject.contains(' ') || new.roles.contains(&"king") || new.expires == Some("soon") {
            return no(INVALID);
        }
        let live = || self.people.iter().filter(|person| !person.deleted);
        let mut roles: Vec<_> = live()
            .filter(|person| person.subject == subject)
            .flat_map(|person| person.roles.clone())
            .collect();
        roles.extend(&new.roles);
        let has = |any: [&str; 2]| any.iter().any(|role| roles.contains(role));
        if has(["admin", "operator"]) && has(["app", "custodian"]) {
            return no(TWO_PERSON);
        }
        let grants = new.grants.iter().flatten().all(|grant| is_grant(grant));
        let named = new.name.as_ref();
        let form = bad(named.is_none()
            || new.roles.is_empty()
            || !grants
            || new.roles.contains(&"custodian"));
        let taken = live().any(|person| Some(&person.name) == named);
        unless(&[form.or(when(taken, EXISTS))], Verdict::Done(201))
    }

    fn revoke(&self, id: &str, token: &str) -> Verdict {
        let Some(at) = self.live(id) else {
            return no(NOT_FOUND);
        };
        let person = &self.people[at];
        if !person.tokens.iter().any(|own| own.id == token) {
            return no(NOT_FOUND);
        }
        let left = person
            .tokens
            .iter()
            .any(|own| own.id != token && own.opens(self.now));
        let locked_out = person.is("admin") && !left && self.other_admins(id) == 0;
        unless(&[when(locked_out, CONFLICT)], Verdict::Done(204))
    }
}

/// Whether the caller may know of the DEK that the path names.
pub fn reaches(person: &Person, verb: &Verb) -> bool {
    match verb {
        Verb::Encrypt { name, .. } | Verb::Decrypt { name, .. } | Verb::DataKey { name, .. } => {
            person.granted(name)
        }
        Verb::Rewrap { name, .. } => person.is("operator") || person.granted(name),
        Verb::Show { name } | Verb::PublicKey { name, .. } => person.sees(name),
        _ => true,
    }
}

/// Whether a body that may have an idempotency key is refused before the key is looked at.
fn unreadable(verb: &Verb) -> bool {
    match verb {
        Verb::CreateDek {
            name, algorithm, ..
        } => name.contains('_') || !["aes-256-gcm", "mlkem768-x25519"].contains(algorithm),
        Verb::IssueToken { expires, .. } => *expires == Some("soon"),
        Verb::CreatePerson { new, .. } => {
            new.subject.contains(' ') || new.roles.contains(&"king") || new.expires == Some("soon")
        }
        _ => false,
    }
}

fn is_grant(text: &str) -> bool {
    let stem = text.strip_suffix('*').unwrap_or(text);
    text == "*" || (!stem.is_empty() && !stem.contains(['*', '_']))
}

fn newest_shut(dek: &Dek) -> Option<Refusal> {
    dek.versions.last().unwrap().shut()
}

fn seal(item: &Seal) -> Option<Refusal> {
    item.refused
        .or(when(item.context == Bound::TooLarge, TOO_LARGE))
}

fn kek_rewrap(item: &Open) -> Option<Refusal> {
    let opens = item.blob.is_some() && matches!(item.sound, Sound::Intact | Sound::PayloadDamaged);
    when(!opens, INTEGRITY)
}
