//! What a client of an MCP server has in hand: a list of tools and what came with it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::Fault;
use crate::json;

/// The answer to `tools/list`, neither part of it judged.
#[derive(Debug)]
pub struct Answer {
    /// The text of `tools`.
    pub tools: Box<RawValue>,
    /// The text of `_meta`, if there is one.
    pub meta: Option<Box<RawValue>>,
}

/// Other members, such as `nextCursor`, are of no account.
#[derive(Deserialize)]
struct Parts {
    tools: Option<Box<RawValue>>,
    #[serde(rename = "_meta")]
    meta: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
}

impl Answer {
    /// Reads a result of `tools/list`, or a whole JSON-RPC response with such a `result`.
    ///
    /// # Errors
    /// [`Fault::ToolsMalformed`] if it is neither, or if a key stands twice in it.
    pub fn read(text: &[u8]) -> Result<Self, Fault> {
        let read = |text: &[u8]| json::read::<Parts>(text).map_err(|_| Fault::ToolsMalformed);
        let mut parts = read(text)?;
        if let (None, Some(result)) = (&parts.tools, &parts.result) {
            parts = read(result.get().as_bytes())?;
        }
        Ok(Self {
            tools: parts.tools.ok_or(Fault::ToolsMalformed)?,
            meta: parts.meta,
        })
    }
}
