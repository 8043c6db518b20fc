//! A manifest that a pinned schema key signed: only then is anything of it believed.

use base64ct::{Base64, Encoding};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{VERSION, fault::Fault, list::Digests, message};
use crate::{
    crypto::{canonical, instant::instant, pinned::Pinned},
    json::{Object, Tree},
    words::{KeyAlgorithm, KeyPurpose},
};

/// What the manifest says, once it is known who signed it.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) keyid: String,
    pub(super) server: String,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) tools: Digests,
}

/// Other members of `_meta` are somebody else's.
#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "aegis-custodian/amtss", borrow)]
    amtss: Option<&'a RawValue>,
}

impl Signed {
    /// Reads what `_meta` carries; the signature is judged over the canonical form of the manifest as it came.
    pub(super) fn read(meta: Option<&RawValue>, pinned: &Pinned) -> Result<Self, Fault> {
        let meta = meta.map_or("{}", RawValue::get);
        let meta: Object<Meta<'_>> = serde_json::from_str(meta).map_err(|_| Fault::ShapeInvalid)?;
        let amtss = meta.0.amtss.ok_or(Fault::Missing)?;
        let amtss = Tree::exact(amtss.get().as_bytes()).map_err(|_| Fault::ShapeInvalid)?;
        let [alg, keyid, manifest, signature] =
            just(&amtss, ["alg", "keyid", "manifest", "signature"]).ok_or(Fault::ShapeInvalid)?;
        let texts = (alg.text(), keyid.text(), signature.text());
        let (Some(alg), Some(keyid), Some(signature)) = texts else {
            return Err(Fault::ShapeInvalid);
        };
        let signed = Self::said(keyid, manifest).ok_or(Fault::ShapeInvalid)?;
        if alg != KeyAlgorithm::Ed25519.name() {
            return Err(Fault::AlgorithmUnknown);
        }
        is_signed(keyid, manifest, signature, pinned)?;
        Ok(signed)
    }

    /// What a manifest of version 1 says; `None` if it is none.
    fn said(keyid: &str, manifest: &Tree) -> Option<Self> {
        let members = ["expires_at", "issued_at", "server", "tools", "version"];
        let [expires_at, issued_at, server, tools, version] = just(manifest, members)?;
        let (Tree::Object(tools), Tree::Number(version)) = (tools, version) else {
            return None;
        };
        let tool = |(name, digest): &(String, Tree)| Some((name.clone(), hex_of(digest.text()?)?));
        let signed = Self {
            keyid: keyid.to_owned(),
            server: server.text()?.to_owned(),
            issued_at: instant(issued_at.text()?)?,
            expires_at: instant(expires_at.text()?)?,
            tools: tools.iter().map(tool).collect::<Option<_>>()?,
        };
        let sound = *version == f64::from(VERSION) && signed.issued_at < signed.expires_at;
        sound.then_some(signed)
    }
}

/// The values of an object that has just these members.
fn just<'t, const N: usize>(object: &'t Tree, members: [&str; N]) -> Option<[&'t Tree; N]> {
    match object {
        Tree::Object(pairs) if pairs.len() == N => {}
        Tree::Bool(_)
        | Tree::List(_)
        | Tree::Null
        | Tree::Number(_)
        | Tree::Object(_)
        | Tree::Text(_) => return None,
    }
    let values: Option<Vec<_>> = members.iter().map(|name| object.member(name)).collect();
    values?.try_into().ok()
}

fn hex_of(digest: &str) -> Option<String> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digest.len() == 64 && digest.bytes().all(hex)).then(|| digest.to_owned())
}

fn is_signed(keyid: &str, manifest: &Tree, signature: &str, pinned: &Pinned) -> Result<(), Fault> {
    let key = pinned.key(KeyAlgorithm::Ed25519, keyid);
    let key = key.ok_or(Fault::KeyUnknown)?;
    if key.revoked {
        return Err(Fault::KeyRevoked);
    }
    if key.purpose != Some(KeyPurpose::Schema) {
        return Err(Fault::KeyPurpose);
    }
    let manifest = canonical::json(manifest).map_err(|_| Fault::SignatureInvalid)?;
    let signature = Base64::decode_vec(signature).map_err(|_| Fault::SignatureInvalid)?;
    match key.made(&message(&manifest), &signature) {
        true => Ok(()),
        false => Err(Fault::SignatureInvalid),
    }
}
