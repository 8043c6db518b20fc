//! The table of actions: what each is called in the audit log and which roles may try it.

use super::{Role, Roles};

/// What a request does. Every route behind authentication names one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// Read the audit log.
    AuditRead,
    /// Read what this build and token can do.
    CapabilitiesRead,
    /// Save a DEK version that is to be destroyed.
    DekCancelDestroy,
    /// Make a DEK.
    DekCreate,
    /// Make a data key under a DEK.
    DekDataKey,
    /// Decrypt with a DEK.
    DekDecrypt,
    /// Destroy a DEK version.
    DekDestroy,
    /// Let a DEK version be used no more, for now.
    DekDisable,
    /// Let a DEK version be used again.
    DekEnable,
    /// Encrypt with a DEK.
    DekEncrypt,
    /// Read a hybrid DEK's public key.
    DekPublicKey,
    /// Read DEK metadata.
    DekRead,
    /// Move a blob to a DEK's newest version.
    DekRewrap,
    /// Make a DEK's next version.
    DekRotate,
    /// Approve a change of grants.
    GrantsApprove,
    /// Change which DEKs a principal may use.
    GrantsChange,
    /// Make a KEK version: nobody can ask for it yet.
    KekCreate,
    /// Wrap key material under the KEK.
    KekWrap,
    /// Open what was wrapped.
    KekUnwrap,
    /// Move a blob to the current KEK version.
    KekRewrap,
    /// Read metrics.
    MetricsRead,
    /// Approve a principal.
    PrincipalApprove,
    /// Make a principal.
    PrincipalCreate,
    /// Delete a principal.
    PrincipalDelete,
    /// Read principals.
    PrincipalRead,
    /// Approve a token.
    TokenApprove,
    /// Give a principal another token.
    TokenCreate,
    /// Revoke a token.
    TokenRevoke,
}

const ANY: &[Role] = &[
    Role::Admin,
    Role::App,
    Role::Auditor,
    Role::Custodian,
    Role::Metrics,
    Role::Operator,
];

impl Action {
    /// The row of the table: the name in the audit log, the roles that may try it, whether it is audited.
    ///
    /// What changes something or uses a key is audited, a refusal too; reading is not.
    const fn row(self) -> (&'static str, &'static [Role], bool) {
        use Role::{Admin, App, Auditor, Metrics, Operator};
        match self {
            Self::AuditRead => ("audit.read", &[Auditor], false),
            Self::CapabilitiesRead => ("capabilities.read", ANY, false),
            Self::DekCancelDestroy => ("dek.cancel_destroy", &[Operator], true),
            Self::DekCreate => ("dek.create", &[Operator], true),
            Self::DekDataKey => ("dek.data_key", &[App], true),
            Self::DekDecrypt => ("dek.decrypt", &[App], true),
            Self::DekDestroy => ("dek.destroy", &[Operator], true),
            Self::DekDisable => ("dek.disable", &[Operator], true),
            Self::DekEnable => ("dek.enable", &[Operator], true),
            Self::DekEncrypt => ("dek.encrypt", &[App], true),
            Self::DekPublicKey => ("dek.public_key", &[App, Auditor, Operator], false),
            Self::DekRead => ("dek.read", &[App, Auditor, Operator], false),
            Self::DekRewrap => ("dek.rewrap", &[App, Operator], true),
            Self::DekRotate => ("dek.rotate", &[Operator], true),
            Self::GrantsApprove => ("grants.approve", &[Admin], true),
            Self::GrantsChange => ("grants.change", &[Admin], true),
            Self::KekCreate => ("kek.create", &[], true),
            Self::KekRewrap => ("kek.rewrap", &[App, Operator], true),
            Self::KekUnwrap => ("kek.unwrap", &[App], true),
            Self::KekWrap => ("kek.wrap", &[App], true),
            Self::MetricsRead => ("metrics.read", &[Auditor, Metrics], false),
            Self::PrincipalApprove => ("principal.approve", &[Admin], true),
            Self::PrincipalCreate => ("principal.create", &[Admin], true),
            Self::PrincipalDelete => ("principal.delete", &[Admin], true),
            Self::PrincipalRead => ("principal.read", &[Admin], false),
            Self::TokenApprove => ("token.approve", &[Admin], true),
            Self::TokenCreate => ("token.create", &[Admin], true),
            Self::TokenRevoke => ("token.revoke", &[Admin], true),
        }
    }

    /// The name in the audit log, for example `dek.rotate`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Which roles may try it; any one of them is enough.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        self.row().1
    }

    /// Whether each request for it leaves exactly one audit entry.
    #[must_use]
    pub const fn audited(self) -> bool {
        self.row().2
    }

    /// Whether its answer comes of using a DEK.
    #[must_use]
    pub const fn uses_dek(self) -> bool {
        matches!(
            self,
            Self::DekDataKey
                | Self::DekDecrypt
                | Self::DekEncrypt
                | Self::DekPublicKey
                | Self::DekRewrap
        )
    }

    /// Whether a holder of `roles` may try it.
    #[must_use]
    pub fn open_to(self, roles: &Roles) -> bool {
        self.roles().iter().any(|role| roles.contains(role))
    }
}
