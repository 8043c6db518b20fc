//! Owns the comparison of an object in the token with what it must be.

use cryptoki::{
    error::Error as Pkcs11Error,
    object::{Attribute, ObjectHandle},
    session::Session,
};

/// An attribute as it must be, and why another value is refused.
pub(super) type Rule = (Attribute, &'static str);

/// What an object must be.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) must: &'static [Rule],
    /// What may be missing, since not every token knows it.
    pub(super) where_known: &'static [Rule],
}

impl Rules {
    /// Why the first attribute that is not as it must be is refused.
    pub(super) fn weakness(
        self,
        session: &Session,
        object: ObjectHandle,
    ) -> Result<Option<&'static str>, Pkcs11Error> {
        let rules = self.must.iter().map(|rule| (rule, true));
        let rules = rules.chain(self.where_known.iter().map(|rule| (rule, false)));
        for ((wanted, why), required) in rules {
            let value = session.get_attributes(object, &[wanted.attribute_type()])?;
            let right = value.first().map_or(!required, |value| value == wanted);
            if !right {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }
}
