//! The table of actions: what each is called in the audit log and which roles may try it.

use super::{Role, Roles};

/// What a request does. Every route behind authentication names one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// Read the audit log.
    AuditRead,
    /// Read what this build and token can do.
    CapabilitiesRead,
    /// Make a DEK.
    DekCreate,
    /// Decrypt with a DEK.
    DekDecrypt,
    /// Encrypt with a DEK.
    DekEncrypt,
    /// Read DEK metadata.
    DekRead,
    /// Make a DEK's next version.
    DekRotate,
    /// Approve a change of grants.
    GrantsApprove,
    /// Change which DEKs a principal may use.
    GrantsChange,
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
            Self::DekCreate => ("dek.create", &[Operator], true),
            Self::DekDecrypt => ("dek.decrypt", &[App], true),
            Self::DekEncrypt => ("dek.encrypt", &[App], true),
            Self::DekRead => ("dek.read", &[App, Auditor, Operator], false),
            Self::DekRotate => ("dek.rotate", &[Operator], true),
            Self::GrantsApprove => ("grants.approve", &[Admin], true),
            Self::GrantsChange => ("grants.change", &[Admin], true),
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

    /// Whether a holder of `roles` may try it.
    #[must_use]
    pub fn open_to(self, roles: &Roles) -> bool {
        self.roles().iter().any(|role| roles.contains(role))
    }
}
