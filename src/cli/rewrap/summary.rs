//! What a move has done, when it is over.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use super::state::State;
use crate::cli::screen::Screen;

#[derive(Serialize)]
pub(super) struct Summary {
    lines: u64,
    /// Blobs by the KEK version that they are under now.
    moved: BTreeMap<String, u64>,
    pub(super) rejected: u64,
    /// Why, a line each.
    rejects: Option<PathBuf>,
}

impl Summary {
    pub(super) fn new(state: State, rejects: Option<PathBuf>) -> Self {
        Self {
            lines: state.read.lines,
            moved: state.moved,
            rejected: state.rejected,
            rejects,
        }
    }

    pub(super) fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        screen.line("lines", &self.lines.to_string());
        for (kek, number) in &self.moved {
            screen.line("moved", &format!("{number} to {kek}"));
        }
        screen.line("rejected", &self.rejected.to_string());
        if let Some(rejects) = &self.rejects {
            screen.line("reasons", &rejects.display().to_string());
        }
        if self.moved.len() > 1 {
            screen.say("The KEK was rotated meanwhile: move this output once more before an old version is retired.");
        }
        screen
    }
}
