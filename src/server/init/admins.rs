//! The first admins: who they are, and the new files for their tokens.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf, absolute},
};

use crate::{error::Source, id::Subject};

/// One of the first admins.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The human.
    pub subject: Subject,
    /// Where their token goes: a new file that only its owner may read.
    pub token_file: PathBuf,
}

/// Two admins of two subjects, each with a file of their own in a folder that is there.
pub(in crate::server) fn named(admins: &[Admin]) -> Result<Vec<Admin>, Source> {
    if admins.len() < 2 {
        return Err(
            "give --admin SUBJECT=FILE twice at least: one proposes, another approves".into(),
        );
    }
    let mut whole = Vec::new();
    for admin in admins {
        let token_file = place(admin)?;
        let twice =
            |other: &Admin| other.subject == admin.subject || other.token_file == token_file;
        if whole.iter().any(twice) {
            return Err(format!(
                "{}: each admin is another person, with a file of their own",
                admin.subject
            )
            .into());
        }
        let subject = admin.subject.clone();
        whole.push(Admin {
            subject,
            token_file,
        });
    }
    Ok(whole)
}

/// Refuses a file that is there: whose it is, nobody knows.
pub(super) fn is_free(admin: &Admin) -> Result<(), Source> {
    let (file, subject) = (admin.token_file.display(), &admin.subject);
    // A link to nowhere is there too.
    match fs::symlink_metadata(&admin.token_file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{file}: {error}").into()),
        Ok(_) => Err(format!(
            "{file} is there already: name a new file for the token of {subject}"
        )
        .into()),
    }
}

/// The one name that a file has, whatever way leads to it.
fn place(admin: &Admin) -> Result<PathBuf, Source> {
    let subject = &admin.subject;
    let given = absolute(&admin.token_file)
        .map_err(|error| format!("{}: {error}", admin.token_file.display()))?;
    let (Some(folder), Some(name)) = (given.parent(), given.file_name()) else {
        let given = given.display();
        return Err(
            format!("{given} names no file: name a new file for the token of {subject}").into(),
        );
    };
    let whole = whole_folder(folder).map_err(|error| {
        let folder = folder.display();
        format!("{folder}: {error}: make the folder for the token of {subject} first")
    })?;
    Ok(whole.join(name))
}

fn whole_folder(folder: &Path) -> io::Result<PathBuf> {
    let whole = folder.canonicalize()?;
    match whole.is_dir() {
        true => Ok(whole),
        false => Err(ErrorKind::NotADirectory.into()),
    }
}
