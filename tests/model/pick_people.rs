//! What chance lets admins try with people, their grants and their tokens.

use crate::{
    pick::Pick,
    verbs::{NewPerson, Verb},
};

const GRANTS: [&[&str]; 7] = [
    &["*"],
    &["a*"],
    &["a-*"],
    &["b", "payroll"],
    &["b*", "telemetry"],
    &[],
    &["payroll-*", "a"],
];
const NO_ID: &str = "0199e1e8-0000-4000-8000-000000000000";

impl Pick<'_> {
    pub fn people(&mut self) -> Verb {
        match self.dice.below(13) {
            0..4 => Verb::CreatePerson {
                new: self.new_person(),
                key: self.key(),
            },
            4 => Verb::ShowPerson { id: self.id(true) },
            5..7 => Verb::DeletePerson { id: self.id(false) },
            7..9 => {
                let mut grants: Vec<String> = self
                    .dice
                    .one_of(&GRANTS)
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                if self.dice.once_in(10) {
                    grants.push((*self.dice.one_of(&["a*b", "", "a_b"])).to_owned());
                }
                Verb::Grant {
                    id: self.id(true),
                    grants,
                }
            }
            9..11 => Verb::IssueToken {
                id: self.id(true),
                expires: self.expires(),
                key: self.key(),
            },
            _ => self.revoke(),
        }
    }

    /// Of anyone; for a deletion, of nobody that the game needs.
    fn id(&mut self, fixed_too: bool) -> String {
        let crowded = self
            .world
            .people
            .iter()
            .filter(|person| !person.deleted)
            .count()
            > 25;
        let could = self
            .world
            .people
            .iter()
            .filter(|person| fixed_too || !person.fixed);
        let could: Vec<_> = could.filter(|person| !crowded || !person.deleted).collect();
        match could.get(self.dice.below(could.len() + 1)) {
            Some(person) => person.id.clone(),
            None => NO_ID.to_owned(),
        }
    }

    pub fn expires(&mut self) -> Option<&'static str> {
        *self.dice.one_of(&[
            None,
            Some("1d"),
            Some("30d"),
            Some("never"),
            Some("soon"),
            Some("2h"),
        ])
    }

    fn new_person(&mut self) -> NewPerson {
        let roles: [&[&str]; 14] = [
            &["app"],
            &["app"],
            &["app"],
            &["app"],
            &["operator"],
            &["auditor"],
            &["admin"],
            &["app", "auditor"],
            &["auditor", "operator"],
            &["app", "admin"],
            &["app", "operator"],
            &[],
            &["custodian"],
            &["metrics"],
        ];
        let roles = self.dice.one_of(&roles).to_vec();
        let taken = self.dice.one_of(&self.world.people);
        let own = format!("Person{}", self.step);
        let grants = self
            .dice
            .one_of(&GRANTS)
            .iter()
            .map(ToString::to_string)
            .collect();
        let scopes = [None, Some("shared".to_owned()), Some("other".to_owned())];
        let (name, subject) = match self.dice.below(20) {
            0 => (Some(taken.name.clone()), own.clone()),
            1..4 => (Some(own.clone()), taken.subject.clone()),
            4 => (None, own.clone()),
            5 => (Some(own.clone()), "two words".to_owned()),
            _ => (Some(own.clone()), own.clone()),
        };
        NewPerson {
            name,
            subject,
            roles: if self.dice.once_in(25) {
                vec!["king"]
            } else {
                roles
            },
            grants: (!self.dice.once_in(4)).then_some(grants),
            scope: self.dice.one_of(&scopes).clone(),
            expires: self
                .expires()
                .filter(|text| *text != "soon" || self.dice.once_in(4)),
        }
    }

    fn revoke(&mut self) -> Verb {
        let id = self.id(true);
        let person = self.world.people.iter().find(|person| person.id == id);
        let tokens = person.map_or(&[][..], |person| {
            &person.tokens[usize::from(person.fixed).min(person.tokens.len())..]
        });
        let token = tokens.get(self.dice.below(tokens.len() + 1));
        Verb::RevokeToken {
            id,
            token: token.map_or(NO_ID.to_owned(), |token| token.id.clone()),
        }
    }
}
