//! What can be wrong with a signed list of tools.

use crate::crypto::faults::faults;

faults! {
    /// Why a list of tools is not what its server had signed. The first fault that is found is the one named.
    Fault {
        /// `_meta` has no member `aegis-custodian/amtss`.
        Missing = "ManifestMissing":
            "no signed manifest came with these tools: the server does not sign, or somebody took it out",
        /// Not the four members, or a manifest that has not the five of version 1.
        ShapeInvalid = "ManifestShapeInvalid":
            "what came with these tools is not a signed manifest of a version that is known here",
        /// `alg` is not `ed25519`.
        AlgorithmUnknown = "ManifestAlgorithmUnknown":
            "the manifest is signed by an algorithm that is not known here",
        /// No pinned key has that `keyid`.
        KeyUnknown = "ManifestKeyUnknown":
            "the manifest names a key that is not pinned: another service signed it, or nobody did",
        /// The key is pinned as revoked.
        KeyRevoked = "ManifestKeyRevoked":
            "the manifest names a key that was revoked, so that anybody may have signed it",
        /// The key is pinned for something else.
        KeyPurpose = "ManifestKeyPurpose":
            "the manifest names a key of the service that is for something else than tools",
        /// No base64 of 64 bytes, or not the key's signature over this manifest.
        SignatureInvalid = "ManifestSignatureInvalid":
            "the key did not sign this manifest: it was changed, or nobody signed it",
        /// Issued after the time as of which it is judged.
        NotYetValid = "ManifestNotYetValid":
            "the manifest was issued later than the time as of which it is judged",
        /// Its time is over.
        Expired = "ManifestExpired":
            "the manifest is past its time: ask the server for its tools again",
        /// Another server's.
        ServerMismatch = "ManifestServerMismatch":
            "the manifest is another server's than the expected one",
        /// Not a list of objects with names.
        ToolsMalformed = "ToolsMalformed":
            "this is not a list of tools, or one of them is not an object with a name of its own",
        /// Two tools have one name.
        ToolNameTwice = "ToolNameTwice":
            "two of the tools have the same name, so that nobody can say which one is meant",
        /// A tool is not as it was signed, is missing, or is one too many.
        ToolsDiffer = "ToolsDiffer":
            "the tools are not those that were signed: see which were changed, are missing or were added",
    }
}
