//! Owns the fixed words of overrides and of the keys that sign, as they stand in requests, statements and records.
//! Imports nothing of ours.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Declares an enum whose variants are words: `ALL`, `name`, `named`, and the same text in JSON. A word is a `tt`: what
/// a macro takes as `literal`, `ToSchema` does not see.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$why:meta])* $variant:ident = $word:tt,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema)]
        pub enum $name {
            $($(#[$why])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What this word stands for, if it is one of them.
            #[must_use]
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == word)
            }
        }
    };
}

words! {
    /// A kind of Bitcoin address that a custodian may sign for.
    AddressKind {
        /// Taproot, key path (BIP-86).
        P2tr = "p2tr",
        /// Version 0 witness of a public key's hash (BIP-84).
        P2wpkh = "p2wpkh",
    }
}

words! {
    /// How the hash that custodians sign is bound to one override of one custodian service (formats.md section 3).
    Binding {
        /// The message hash alone, for validators that know only that.
        Aegis = "aegis",
        /// Override, instance, environment, requester and expiry are in it.
        Bound = "bound",
    }
}

words! {
    /// Where what was approved may run.
    Environment {
        /// For looking at.
        Preview = "preview",
        /// For real.
        Production = "production",
        /// For trying out.
        Staging = "staging",
    }
}

words! {
    /// A governance gate (api.md section 8).
    Gate {
        /// Never overridable.
        Complexity = "complexity",
        /// How new it is.
        Novelty = "novelty",
        /// What it earns.
        Profit = "profit",
        /// How good it is.
        Quality = "quality",
        /// What it risks.
        Risk = "risk",
        /// What it is for.
        Utility = "utility",
    }
}

words! {
    /// What a custodian is responsible for; an override needs one of each.
    Lead {
        /// Answers for the risk.
        Risk = "risk_lead",
        /// Answers for the security.
        Security = "security_lead",
    }
}

words! {
    /// Which Bitcoin addresses are meant; the last two look the same.
    Network {
        /// For money.
        Bitcoin = "bitcoin",
        /// On one machine.
        Regtest = "regtest",
        /// For tests, blocks are signed.
        Signet = "signet",
        /// For tests.
        Testnet = "testnet",
    }
}

words! {
    /// How a custodian signs (formats.md section 3).
    Scheme {
        /// As a Bitcoin wallet signs a message for an address.
        Bip322Simple = "bip322-simple",
        /// Schnorr over secp256k1.
        Bip340 = "bip340",
        /// RFC 8032.
        Ed25519 = "ed25519",
        /// RFC 8032 and FIPS 204, category 2: both must hold.
        Ed25519MlDsa44 = "ed25519+ml-dsa-44",
    }
}

words! {
    /// How a signature scheme stands in the hierarchy of schemes.
    SchemeStatus {
        /// As good as the default.
        Available = "available",
        /// What to take unless there is a reason.
        Default = "default",
        /// A deprecated fallback, which the configuration can switch off.
        Legacy = "legacy",
        /// For those who ask for it.
        OptIn = "opt-in",
    }
}

words! {
    /// What a signing key of the service serves; none serves two (formats.md section 4).
    KeyPurpose {
        /// Checkpoints of the audit log.
        Checkpoint = "checkpoint",
        /// Approved overrides.
        Override = "override",
        /// MCP tool schemas.
        Schema = "schema",
    }
}

words! {
    /// What a signing key of the service signs by.
    KeyAlgorithm {
        /// RFC 8032.
        Ed25519 = "ed25519",
        /// FIPS 204, category 3, pure, with an empty context.
        MlDsa65 = "ml-dsa-65",
    }
}

words! {
    /// Whether what a signing key of the service signed is to be believed.
    KeyState {
        /// It signs.
        Active = "active",
        /// It signs no more, and what it signed holds: a certificate outlives the key that it was signed by.
        Retired = "retired",
        /// Nothing that it ever signed is to be believed.
        Revoked = "revoked",
    }
}

words! {
    /// Where a signing key of the service is.
    KeyLocation {
        /// Made in the token, which it never leaves.
        Token = "token",
        /// A seed under the KEK: opened for each signature and wiped after it.
        Wrapped = "wrapped",
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AddressKind, Binding, Environment, Gate, KeyAlgorithm, KeyLocation, KeyPurpose, KeyState,
        Lead, Network, Scheme, SchemeStatus,
    };

    #[test]
    fn every_word_leads_back_to_its_variant_and_is_the_same_in_json() {
        macro_rules! check {
            ($($name:ident),+) => {$(
                for one in $name::ALL {
                    assert_eq!($name::named(one.name()), Some(*one));
                    assert_eq!(serde_json::to_value(one).unwrap(), one.name());
                }
                assert_eq!($name::named(""), None);
            )+};
        }
        check!(
            AddressKind,
            Binding,
            Environment,
            Gate,
            KeyAlgorithm,
            KeyLocation,
            KeyPurpose,
            KeyState,
            Lead
        );
        check!(Network, Scheme, SchemeStatus);
    }
}
