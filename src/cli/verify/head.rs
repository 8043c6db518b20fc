//! What every verdict begins with: yes or no, as of when, and why not.

use crate::cli::screen::Screen;

/// Says the verdict as of `at`; `fault` is what was found.
pub(super) fn head(screen: &mut Screen, at: &str, fault: Option<String>) {
    match fault {
        None => screen.say(&format!("VALID as of {at}")),
        Some(fault) => {
            screen.say(&format!("NOT VALID as of {at}"));
            screen.say(&fault);
        }
    }
}

/// Says what something past its time was when it was issued.
pub(super) fn as_of_issue(screen: &mut Screen, fault: Option<String>) {
    match fault {
        None => screen.say("As of its issue it was valid."),
        Some(fault) => screen.say(&format!("As of its issue it was not valid either. {fault}")),
    }
}
