//! What the service answered, as it came and as people see it.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;

use super::{output::Output, screen::Screen};
use crate::error::Source;

/// An answer.
pub(super) struct Answer<T> {
    /// All of it, for programs.
    pub(super) json: Value,
    /// What is known of it.
    pub(super) view: T,
}

/// How something is shown to people.
pub(super) trait Show {
    fn show(&self, screen: &mut Screen);
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(from)?;
        let view = T::deserialize(&json).map_err(D::Error::custom)?;
        Ok(Self { json, view })
    }
}

impl<T: Show> Answer<T> {
    pub(super) fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        self.view.show(&mut screen);
        screen
    }

    pub(super) fn print(&self, output: Output) -> Result<(), Source> {
        output.print(&self.json, self.screen().text())
    }
}
