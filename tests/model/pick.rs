//! What chance lets callers try: sound and unsound, by those who may and those who may not.

use crate::{
    dice::Dice,
    predict::{self, DAY},
    things::{Blob, Bound, CONTEXTS, Dek, Person},
    verbs::{Change, Items, Open, Seal, Sound, Verb},
    world::{Who, World},
};

const NAMES: [&str; 12] = [
    "a",
    "ab",
    "abc",
    "a-1",
    "a-2",
    "b",
    "b-1",
    "b-2",
    "payroll",
    "payroll-eu",
    "telemetry",
    "absent",
];

pub struct Pick<'a> {
    pub dice: &'a mut Dice,
    pub world: &'a World,
    pub step: usize,
}

impl Pick<'_> {
    /// A caller and what it asks for; at times what it asked for before under an idempotency key.
    pub fn both(&mut self) -> (Who, Verb) {
        let kept: Vec<_> = self.world.kept.values().collect();
        if !kept.is_empty() && self.dice.once_in(30) {
            let recent = kept
                .iter()
                .filter(|kept| kept.at > self.world.now - 2 * DAY);
            let recent: Vec<_> = recent.collect();
            if let Some(kept) = recent.get(self.dice.below(recent.len())) {
                let who = self.own(kept.person);
                return (who, self.otherwise(&kept.verb));
            }
        }
        let verb = self.verb();
        (self.who(&verb), verb)
    }

    fn own(&mut self, at: usize) -> Who {
        let person = &self.world.people[at];
        let token = self.dice.one_of(&person.tokens);
        let opens = !person.deleted && token.opens(self.world.now);
        Who {
            token: token.text.clone(),
            person: opens.then_some(at),
        }
    }

    /// The same, or at times another body under the same key.
    fn otherwise(&mut self, verb: &Verb) -> Verb {
        match verb.clone() {
            Verb::IssueToken { id, key, .. } if self.dice.once_in(3) => {
                let expires = self.expires();
                Verb::IssueToken { id, expires, key }
            }
            Verb::CreateDek { algorithm, key, .. } if self.dice.once_in(3) => {
                let name = self.name();
                Verb::CreateDek {
                    name,
                    algorithm,
                    key,
                }
            }
            same => same,
        }
    }

    /// Somebody: mostly one whose role fits, else anyone, with any token that there ever was.
    pub fn who(&mut self, verb: &Verb) -> Who {
        let (dice, world) = (&mut *self.dice, self.world);
        if dice.once_in(60) {
            let stranger = ["", "cst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x"];
            return Who {
                token: (*dice.one_of(&stranger)).to_owned(),
                person: None,
            };
        }
        let fits = |person: &&Person| verb.row().1.iter().any(|role| person.is(role));
        let anyone = dice.once_in(12);
        let dead = dice.once_in(25);
        let could = world
            .people
            .iter()
            .filter(|person| !person.tokens.is_empty());
        let could = could.filter(|person| dead || person.way_in(world.now));
        let blind = dice.once_in(4);
        let reaches = |person: &&Person| blind || predict::reaches(person, verb);
        let could = could.filter(|person| anyone || (fits(person) && reaches(person)));
        let could: Vec<_> = could.collect();
        let Some(person) = could.get(dice.below(could.len())) else {
            return Who {
                token: String::new(),
                person: None,
            };
        };
        let open: Vec<_> = person
            .tokens
            .iter()
            .filter(|token| dead || token.opens(world.now))
            .collect();
        let token = dice.one_of(&open);
        let at = world.people.iter().position(|other| other.id == person.id);
        Who {
            token: token.text.clone(),
            person: at.filter(|_| !person.deleted && token.opens(world.now)),
        }
    }

    pub fn verb(&mut self) -> Verb {
        match self.dice.below(100) {
            0..4 => self.create_dek(),
            4..6 => Verb::Show { name: self.name() },
            6 => Verb::List,
            7..12 => Verb::Rotate {
                name: self.name(),
                key: self.key(),
            },
            12..24 => self.change(),
            24..39 => {
                let name = self.name();
                Verb::Encrypt {
                    name,
                    items: self.items(Self::seal),
                }
            }
            39..54 => self.decrypt(),
            54..62 => {
                let name = self.name();
                Verb::Rewrap {
                    items: self.items(|pick| pick.open(&name)),
                    name,
                }
            }
            62..67 => self.data_key(),
            67..71 => self.public_key(),
            71..77 => Verb::Wrap {
                items: self.items(Self::seal),
            },
            77..83 => Verb::Unwrap {
                items: self.items(Self::open_kek),
            },
            83..87 => Verb::KekRewrap {
                items: self.items(Self::open_kek),
            },
            _ => self.people(),
        }
    }

    fn name(&mut self) -> String {
        let known: Vec<_> = self.world.deks.keys().collect();
        if known.is_empty() || self.dice.once_in(15) {
            return (*self.dice.one_of(&NAMES)).to_owned();
        }
        (*self.dice.one_of(&known)).clone()
    }

    /// A key for what makes something: few, so that they come again.
    pub fn key(&mut self) -> Option<String> {
        let again = self.dice.once_in(3);
        again.then(|| format!("k{}", self.dice.below(6)))
    }

    fn create_dek(&mut self) -> Verb {
        let mut name = (*self.dice.one_of(&NAMES[..11])).to_owned();
        if self.dice.once_in(8) {
            name = "a_b".to_owned();
        }
        let algorithms = [
            "aes-256-gcm",
            "aes-256-gcm",
            "mlkem768-x25519",
            "mlkem768-x25519",
            "rot13",
        ];
        let algorithm = self.dice.one_of(&algorithms);
        Verb::CreateDek {
            name,
            algorithm,
            key: self.key(),
        }
    }

    fn version(&mut self, dek: &str) -> String {
        match self.world.deks.get(dek) {
            Some(dek) if !self.dice.once_in(20) => {
                let recent = dek.versions.len().saturating_sub(6);
                self.dice.one_of(&dek.versions[recent..]).name.clone()
            }
            _ => "dek-v77777-20010203".to_owned(),
        }
    }

    fn change(&mut self) -> Verb {
        let name = self.name();
        let version = self.version(&name);
        // More is enabled than disabled, so that enough can be used.
        let all = [
            Change::Disable,
            Change::Disable,
            Change::Enable,
            Change::Enable,
            Change::Enable,
            Change::Destroy,
            Change::Destroy,
            Change::Cancel,
            Change::Cancel,
        ];
        let what = *self.dice.one_of(&all);
        // Few wait for their destruction: chance alone would hardly save one.
        let versions = |(name, dek): (&String, &Dek)| waiting(name, dek);
        let waits: Vec<_> = self.world.deks.iter().flat_map(versions).collect();
        let (name, version) = match what {
            Change::Cancel if !waits.is_empty() && !self.dice.once_in(4) => {
                self.dice.one_of(&waits).clone()
            }
            _ => (name, version),
        };
        Verb::Change {
            what,
            name,
            version,
            sound: !self.dice.once_in(15),
        }
    }

    fn context(&mut self) -> Bound {
        if self.dice.once_in(40) {
            Bound::TooLarge
        } else {
            *self.dice.one_of(&CONTEXTS)
        }
    }

    fn items<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Items<T> {
        let many = match self.dice.below(400) {
            0..100 => 1 + self.dice.below(6),
            100 => 0,
            101 => 257,
            _ => return Items::One(one(self)),
        };
        Items::Many((0..many).map(|_| one(self)).collect())
    }

    fn seal(&mut self) -> Seal {
        use base64ct::{Base64, Encoding};
        let (plaintext, refused) = match self.dice.below(60) {
            0 => ("YQ".to_owned(), Some((400, "invalid_request"))),
            1 => ("not base64!".to_owned(), Some((400, "invalid_request"))),
            2 => (Base64::encode_string(&[7; 600]), None),
            _ => {
                let length = self.dice.below(40);
                let bytes: Vec<u8> = (0..length).map(|_| self.dice.roll() as u8).collect();
                (Base64::encode_string(&bytes), None)
            }
        };
        Seal {
            plaintext,
            refused,
            context: self.context(),
        }
    }

    fn decrypt(&mut self) -> Verb {
        let name = self.name();
        Verb::Decrypt {
            items: self.items(|pick| pick.open(&name)),
            name,
        }
    }

    /// A blob of this DEK mostly, with its own context mostly.
    fn open(&mut self, dek: &str) -> Open {
        let own = |blob: &&(usize, &Blob)| blob.1.text.contains(&format!(":{dek}/"));
        let all: Vec<_> = self.world.blobs.iter().enumerate().collect();
        let all: Vec<_> = match self.dice.once_in(12) {
            true => all,
            false => all.iter().filter(own).copied().collect(),
        };
        self.one_of(&all, ":dek-v77777-20010203:")
    }

    fn open_kek(&mut self) -> Open {
        let all: Vec<_> = self.world.kek_blobs.iter().enumerate().collect();
        self.one_of(&all, "kek")
    }

    fn one_of(&mut self, all: &[(usize, &Blob)], kind: &str) -> Open {
        let context = self.context();
        let Some(&(at, blob)) = all.get(self.dice.below(all.len())) else {
            return Open {
                text: "cst1:dek:a/dek-v1-20010203:AAAA".to_owned(),
                blob: None,
                sound: Sound::Nothing,
                context,
            };
        };
        let context = if self.dice.once_in(8) {
            context
        } else {
            blob.context
        };
        let (text, sound) = match self.dice.below(40) {
            0 => (format!("{}=", blob.text), Sound::Nothing),
            1 => (blob.text[1..].to_owned(), Sound::Nothing),
            2 if kind == "kek" => (
                blob.text.replacen("kek-v1-", "kek-v777-", 1),
                Sound::Nothing,
            ),
            2 => (renumbered(&blob.text), Sound::Nothing),
            3..5 if kind == "kek" => (self.tampered(&blob.text, 10, 90), Sound::Damaged),
            5 if kind == "kek" => (
                self.tampered(&blob.text, 100, usize::MAX),
                Sound::PayloadDamaged,
            ),
            3..6 => (self.tampered(&blob.text, 0, usize::MAX), Sound::Damaged),
            6 if blob.text.starts_with("cst1:dek:") => {
                (blob.text.replacen(":dek:", ":hpke:", 1), Sound::Damaged)
            }
            _ => (blob.text.clone(), Sound::Intact),
        };
        Open {
            text,
            blob: Some(at),
            sound,
            context,
        }
    }

    /// With one character of its body changed, the last one excepted: that may be no base64 any more.
    fn tampered(&mut self, text: &str, from: usize, to: usize) -> String {
        let (head, body) = text.rsplit_once(':').unwrap();
        let to = to.min(body.len() - 1);
        let at = from + self.dice.below(to - from);
        let old = body.as_bytes()[at];
        let new = if old == b'A' { 'B' } else { 'A' };
        format!("{head}:{}{new}{}", &body[..at], &body[at + 1..])
    }

    fn data_key(&mut self) -> Verb {
        let bytes = *self.dice.one_of(&[16, 24, 32, 64, 32, 16, 33]);
        Verb::DataKey {
            name: self.name(),
            bytes,
            context: self.context(),
            shown: !self.dice.once_in(3),
        }
    }

    fn public_key(&mut self) -> Verb {
        let name = self.name();
        let version = match self.dice.below(10) {
            0 => Some("nonsense".to_owned()),
            1..6 => Some(self.version(&name)),
            _ => None,
        };
        Verb::PublicKey { name, version }
    }
}

/// Its versions that are to be destroyed.
fn waiting(name: &str, dek: &Dek) -> Vec<(String, String)> {
    let waits = dek
        .versions
        .iter()
        .filter(|version| version.destroy_at.is_some());
    waits
        .map(|version| (name.to_owned(), version.name.clone()))
        .collect()
}

/// The same blob of a version that never was.
fn renumbered(text: &str) -> String {
    let (head, rest) = text.split_once("/dek-v").unwrap();
    let (_, rest) = rest.split_once('-').unwrap();
    format!("{head}/dek-v88888-{rest}")
}
