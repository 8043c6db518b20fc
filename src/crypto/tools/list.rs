//! A list of tools: the name of each and the digest of all that it says.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{crypto::canonical, error::Error, json::Tree};

/// Digests of tools by their names: SHA-256 over the canonical form, in lower-case hex. Names are in NFC.
pub type Digests = BTreeMap<String, String>;

/// Most tools of one list.
pub const MOST_TOOLS: usize = 4096;

/// Most characters of a tool's name, as Unicode scalars after NFC.
pub const NAME_CHARACTERS: usize = 256;

/// A tool as a verifier sees it.
pub(super) struct Tool {
    pub(super) name: String,
    /// `None` for one that has no canonical form, so that nobody can have signed it.
    pub(super) digest: Option<String>,
}

/// The digests of a list that is to be signed: the JSON text of the array that `tools/list` answers.
///
/// # Errors
/// [`Error::Invalid`] if it is no array; [`Error::Item`] says what is wrong with a tool: no object, no name, a name
/// that an earlier one has, or a value without a canonical form; [`Error::TooLarge`] beyond [`MOST_TOOLS`].
pub fn digests(tools: &str) -> Result<Digests, Error> {
    const NO_LIST: Error = Error::Invalid("tools is an array of objects, as tools/list answers it");
    let tools: Vec<&RawValue> = serde_json::from_str(tools).map_err(|_| NO_LIST)?;
    if tools.len() > MOST_TOOLS {
        return Err(Error::TooLarge("a list has at most 4,096 tools"));
    }
    let mut digests = Digests::new();
    for (tool, number) in tools.into_iter().zip(1..) {
        let item = |expected: &str| Error::Item {
            number,
            expected: expected.to_owned(),
        };
        let tree = Tree::exact(tool.get().as_bytes()).map_err(|error| of_item(number, error))?;
        let name = name(&tree).ok_or_else(|| item(NAMELESS))?;
        if digests.insert(name, digest(&tree)?).is_some() {
            return Err(item(TWICE));
        }
    }
    Ok(digests)
}

const NAMELESS: &str = "an object with a `name`, a text of 1 to 256 characters, was expected";
const TWICE: &str = "a name that no tool before it has (after Unicode NFC) was expected";

/// Says which one it was; the place in its own text is of no use to whoever sent many.
fn of_item(number: usize, error: Error) -> Error {
    let Error::Malformed { expected, .. } = error else {
        return error;
    };
    Error::Item { number, expected }
}

/// A tool that may be anything; `None` if it has no name.
pub(super) fn received(tool: &RawValue) -> Option<Tool> {
    let text = tool.get().as_bytes();
    let exact = Tree::exact(text).ok();
    let digest = exact.as_ref().and_then(|tree| digest(tree).ok());
    let tree = exact.or_else(|| Tree::read(text).ok())?;
    let name = name(&tree)?;
    Some(Tool { name, digest })
}

fn name(tool: &Tree) -> Option<String> {
    let name = tool.member("name")?.text()?;
    let fits = (1..=NAME_CHARACTERS).contains(&name.chars().count());
    fits.then(|| name.to_owned())
}

/// `digest(tool)` of formats.md section 7.
fn digest(tool: &Tree) -> Result<String, Error> {
    Ok(hex::encode(Sha256::digest(canonical::json(tool)?)))
}
