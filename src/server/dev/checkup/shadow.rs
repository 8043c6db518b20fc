//! The token's own file without its keys, copied aside: SoftHSM writes to it at each login, even at one that fails, and
//! whoever is killed meanwhile leaves it empty.

use std::{
    fs::{self, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::{Builder, TempDir};

use crate::{
    private_file,
    server::dev::softhsm::{KEPT, TOKEN_OBJECT, TOKENS, content, write_conf},
};

/// A folder of its own, removed at the end.
pub(super) struct Shadow {
    /// What SOFTHSM2_CONF is to name.
    pub(super) conf: PathBuf,
    _folder: TempDir,
}

impl Shadow {
    /// Copies what a login needs from the token's place; where there is none, SoftHSM shows an empty slot.
    pub(super) fn of(home: Option<&Path>) -> io::Result<Self> {
        let private = Permissions::from_mode(0o700);
        let folder = Builder::new()
            .prefix("custodian-doctor-")
            .permissions(private)
            .tempdir()?;
        let tokens = folder.path().join(TOKENS);
        fs::create_dir(&tokens)?;
        if let Some(home) = home {
            copy(home, &tokens)?;
        }
        Ok(Self {
            conf: write_conf(folder.path(), &tokens)?,
            _folder: folder,
        })
    }
}

fn copy(home: &Path, tokens: &Path) -> io::Result<()> {
    let originals = match fs::read_dir(home.join(TOKENS)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        originals => originals?,
    };
    for token in originals {
        let token = token?;
        if !token.file_type()?.is_dir() {
            continue;
        }
        let found = content(&token.path().join(TOKEN_OBJECT))?;
        let kept = content(&home.join(KEPT).join(token.file_name()))?;
        // One that is shorter than its copy is being written just now, or the next start puts the copy back.
        let whole = [&found, &kept].into_iter().max_by_key(|one| one.len());
        let copy = tokens.join(token.file_name());
        fs::create_dir(&copy)?;
        private_file::create(&copy.join(TOKEN_OBJECT), whole.unwrap_or(&found))?;
    }
    Ok(())
}
