//! The table of actions: what each is called in the audit log and which roles may try it.

use super::{Role, Roles};

/// What a request does. Every route behind authentication names one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// Read the audit log.
    AuditRead,
    /// Read the audit log's checkpoint and its tree's hashes, which say nothing of what was logged.
    AuditTreeRead,
    /// Have the whole audit log verified.
    AuditVerify,
    /// Take a sealed copy of the database away.
    BackupMake,
    /// Read what this build and token can do.
    CapabilitiesRead,
    /// Prove that a custodian holds its key.
    CustodianActivate,
    /// Approve a custodian.
    CustodianApprove,
    /// Enrol a custodian.
    CustodianEnrol,
    /// Read custodians.
    CustodianRead,
    /// Let a suspended custodian act again.
    CustodianReinstate,
    /// End a custodian for ever.
    CustodianRevoke,
    /// Let a custodian act no more, for now.
    CustodianSuspend,
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
    /// Read how far jobs are.
    JobRead,
    /// Make a KEK version: nobody can ask for it, a rotation brings it about.
    KekCreate,
    /// The key holder works, and somebody must look: nobody can ask for it.
    KekDegraded,
    /// The key holder does not work: nobody can ask for it.
    KekDown,
    /// Open the token afresh.
    KekReconnect,
    /// The key holder works again: nobody can ask for it.
    KekUp,
    /// Ask for the deletion of a retired KEK version's key.
    KekDestroy,
    /// Approve that.
    KekDestroyApprove,
    /// Read KEK versions.
    KekRead,
    /// Take a retired KEK version into use again.
    KekRestore,
    /// Take a KEK version out of use.
    KekRetire,
    /// Wrap key material under the KEK.
    KekWrap,
    /// Open what was wrapped.
    KekUnwrap,
    /// Move a blob to the current KEK version.
    KekRewrap,
    /// End the move of all records to a KEK version: nobody can ask for it.
    KekRewrapRecords,
    /// Make the next KEK version and move all records to it.
    KekRotate,
    /// Read metrics.
    MetricsRead,
    /// Approve an override: nobody can ask for it, two custodians' signatures bring it about.
    OverrideApprove,
    /// Close an override whose time is over: nobody can ask for it.
    OverrideExpire,
    /// Read overrides and their certificates.
    OverrideRead,
    /// Reject an override.
    OverrideReject,
    /// Request an override.
    OverrideRequest,
    /// Sign an override.
    OverrideSign,
    /// Verify a certificate.
    OverrideVerify,
    /// Withdraw an override.
    OverrideWithdraw,
    /// Decrypt what is personal in events.
    PiiDecrypt,
    /// Encrypt what is personal in events.
    PiiEncrypt,
    /// Approve a principal.
    PrincipalApprove,
    /// Make a principal.
    PrincipalCreate,
    /// Delete a principal.
    PrincipalDelete,
    /// Read principals.
    PrincipalRead,
    /// The service was restored from a backup: nobody can ask for it.
    Restored,
    /// Make a signing key of the service: nobody can ask for it.
    SigningKeyCreate,
    /// Approve a token.
    TokenApprove,
    /// Give a principal another token.
    TokenCreate,
    /// Revoke a token.
    TokenRevoke,
    /// Sign the tools of an MCP server.
    ToolsSign,
    /// Verify a signed list of tools.
    ToolsVerify,
}

const ANY: &[Role] = &[
    Role::Admin,
    Role::App,
    Role::Auditor,
    Role::Custodian,
    Role::Metrics,
    Role::Operator,
];

/// What kind of thing an action does. What changes something or uses a key is audited, a refusal too; reading is not.
#[derive(Clone, Copy)]
enum Kind {
    Change,
    DekUse,
    KekUse,
    /// Reads what only a usable DEK version may show.
    PublicKey,
    Read,
    SigningKeyUse,
}

impl Action {
    /// Every one.
    pub const ALL: [Self; 64] = [
        Self::AuditRead,
        Self::AuditTreeRead,
        Self::AuditVerify,
        Self::BackupMake,
        Self::CapabilitiesRead,
        Self::CustodianActivate,
        Self::CustodianApprove,
        Self::CustodianEnrol,
        Self::CustodianRead,
        Self::CustodianReinstate,
        Self::CustodianRevoke,
        Self::CustodianSuspend,
        Self::DekCancelDestroy,
        Self::DekCreate,
        Self::DekDataKey,
        Self::DekDecrypt,
        Self::DekDestroy,
        Self::DekDisable,
        Self::DekEnable,
        Self::DekEncrypt,
        Self::DekPublicKey,
        Self::DekRead,
        Self::DekRewrap,
        Self::DekRotate,
        Self::GrantsApprove,
        Self::GrantsChange,
        Self::JobRead,
        Self::KekCreate,
        Self::KekDegraded,
        Self::KekDown,
        Self::KekReconnect,
        Self::KekUp,
        Self::KekDestroy,
        Self::KekDestroyApprove,
        Self::KekRead,
        Self::KekRestore,
        Self::KekRetire,
        Self::KekWrap,
        Self::KekUnwrap,
        Self::KekRewrap,
        Self::KekRewrapRecords,
        Self::KekRotate,
        Self::MetricsRead,
        Self::OverrideApprove,
        Self::OverrideExpire,
        Self::OverrideRead,
        Self::OverrideReject,
        Self::OverrideRequest,
        Self::OverrideSign,
        Self::OverrideVerify,
        Self::OverrideWithdraw,
        Self::PiiDecrypt,
        Self::PiiEncrypt,
        Self::PrincipalApprove,
        Self::PrincipalCreate,
        Self::PrincipalDelete,
        Self::PrincipalRead,
        Self::Restored,
        Self::SigningKeyCreate,
        Self::TokenApprove,
        Self::TokenCreate,
        Self::TokenRevoke,
        Self::ToolsSign,
        Self::ToolsVerify,
    ];

    /// The action of that name in the audit log.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The row of the table: the name in the audit log, the roles that may try it, what it is.
    const fn row(self) -> (&'static str, &'static [Role], Kind) {
        use Kind::{Change, DekUse, KekUse, PublicKey, Read, SigningKeyUse};
        use Role::{Admin, App, Auditor, Custodian, Metrics, Operator};
        match self {
            Self::AuditRead => ("audit.read", &[Auditor], Read),
            Self::AuditTreeRead => ("audit.tree", &[Auditor], Read),
            Self::AuditVerify => ("audit.verify", &[Auditor], Read),
            Self::BackupMake => ("backup.make", &[Operator], Change),
            Self::CapabilitiesRead => ("capabilities.read", ANY, Read),
            Self::CustodianActivate => ("custodian.activate", &[Admin], Change),
            Self::CustodianApprove => ("custodian.approve", &[Admin], Change),
            Self::CustodianEnrol => ("custodian.enrol", &[Admin], Change),
            Self::CustodianRead => ("custodian.read", &[Admin, Auditor, Custodian], Read),
            Self::CustodianReinstate => ("custodian.reinstate", &[Admin], Change),
            Self::CustodianRevoke => ("custodian.revoke", &[Admin], Change),
            Self::CustodianSuspend => ("custodian.suspend", &[Admin], Change),
            Self::DekCancelDestroy => ("dek.cancel_destroy", &[Operator], Change),
            Self::DekCreate => ("dek.create", &[Operator], Change),
            Self::DekDataKey => ("dek.data_key", &[App], DekUse),
            Self::DekDecrypt => ("dek.decrypt", &[App], DekUse),
            Self::DekDestroy => ("dek.destroy", &[Operator], Change),
            Self::DekDisable => ("dek.disable", &[Operator], Change),
            Self::DekEnable => ("dek.enable", &[Operator], Change),
            Self::DekEncrypt => ("dek.encrypt", &[App], DekUse),
            Self::DekPublicKey => ("dek.public_key", &[App, Auditor, Operator], PublicKey),
            Self::DekRead => ("dek.read", &[App, Auditor, Operator], Read),
            Self::DekRewrap => ("dek.rewrap", &[App, Operator], DekUse),
            Self::DekRotate => ("dek.rotate", &[Operator], Change),
            Self::GrantsApprove => ("grants.approve", &[Admin], Change),
            Self::GrantsChange => ("grants.change", &[Admin], Change),
            Self::JobRead => ("job.read", &[Auditor, Operator], Read),
            Self::KekCreate => ("kek.create", &[], Change),
            Self::KekDegraded => ("kek.degraded", &[], Change),
            Self::KekDown => ("kek.down", &[], Change),
            Self::KekReconnect => ("kek.reconnect", &[Operator], Change),
            Self::KekDestroy => ("kek.destroy", &[Operator], Change),
            Self::KekDestroyApprove => ("kek.destroy_approve", &[Operator], Change),
            Self::KekRead => ("kek.read", &[Auditor, Operator], Read),
            Self::KekRestore => ("kek.restore", &[Operator], Change),
            Self::KekRetire => ("kek.retire", &[Operator], Change),
            Self::KekRewrap => ("kek.rewrap", &[App, Operator], KekUse),
            Self::KekRewrapRecords => ("kek.rewrap_records", &[], Change),
            Self::KekRotate => ("kek.rotate", &[Operator], Change),
            Self::KekUnwrap => ("kek.unwrap", &[App], KekUse),
            Self::KekUp => ("kek.up", &[], Change),
            Self::KekWrap => ("kek.wrap", &[App], KekUse),
            Self::MetricsRead => ("metrics.read", &[Auditor, Metrics], Read),
            Self::OverrideApprove => ("override.approve", &[], Change),
            Self::OverrideExpire => ("override.expire", &[], Change),
            Self::OverrideRead => ("override.read", &[App, Auditor, Custodian], Read),
            Self::OverrideReject => ("override.reject", &[Custodian], Change),
            Self::OverrideRequest => ("override.request", &[App], Change),
            Self::OverrideSign => ("override.sign", &[Custodian], Change),
            Self::OverrideVerify => ("override.verify", ANY, Read),
            Self::OverrideWithdraw => ("override.withdraw", &[App], Change),
            Self::PiiDecrypt => ("pii.decrypt", &[App], DekUse),
            Self::PiiEncrypt => ("pii.encrypt", &[App], DekUse),
            Self::PrincipalApprove => ("principal.approve", &[Admin], Change),
            Self::PrincipalCreate => ("principal.create", &[Admin], Change),
            Self::PrincipalDelete => ("principal.delete", &[Admin], Change),
            Self::PrincipalRead => ("principal.read", &[Admin], Read),
            Self::Restored => ("restored", &[], Change),
            Self::SigningKeyCreate => ("signing_key.create", &[], Change),
            Self::TokenApprove => ("token.approve", &[Admin], Change),
            Self::TokenCreate => ("token.create", &[Admin], Change),
            Self::TokenRevoke => ("token.revoke", &[Admin], Change),
            Self::ToolsSign => ("tools.sign", &[App], SigningKeyUse),
            Self::ToolsVerify => ("tools.verify", &[App, Auditor], Read),
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
        match self.row().2 {
            Kind::Change | Kind::DekUse | Kind::KekUse | Kind::SigningKeyUse => true,
            Kind::PublicKey | Kind::Read => false,
        }
    }

    /// Whether it is written down as a change.
    #[must_use]
    pub const fn changes(self) -> bool {
        matches!(self.row().2, Kind::Change)
    }

    /// Whether its answer comes of using a DEK.
    #[must_use]
    pub const fn uses_dek(self) -> bool {
        match self.row().2 {
            Kind::DekUse | Kind::PublicKey => true,
            Kind::Change | Kind::KekUse | Kind::Read | Kind::SigningKeyUse => false,
        }
    }

    /// Whether a holder of `roles` may try it.
    #[must_use]
    pub fn open_to(self, roles: &Roles) -> bool {
        self.roles().iter().any(|role| roles.contains(role))
    }
}
