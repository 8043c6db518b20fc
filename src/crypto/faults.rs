//! What a verifier can find wrong: one word each, in the order in which they are looked for.

/// Declares an enum of faults with their words and what they mean.
macro_rules! faults {
    (
        $(#[$all:meta])*
        $name:ident {
            $($(#[$doc:meta])* $fault:ident = $word:literal: $meaning:literal,)+
        }
    ) => {
        $(#[$all])*
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $($(#[$doc])* $fault,)+
        }

        impl $name {
            /// Every fault, in the order in which they are looked for.
            pub const ALL: &[Self] = &[$(Self::$fault),+];

            /// The word that answers carry.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$fault => $word,)+
                }
            }

            /// What the word means, in a sentence for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$fault => $meaning,)+
                }
            }

            /// The word, and what it means.
            #[must_use]
            pub fn sentence(self) -> String {
                format!("{}: {}", self.word(), self.meaning())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }
    };
}

pub(crate) use faults;
