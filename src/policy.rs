//! Owns who may do what: pure rules over roles, grants and persons. No clock, no store: time is an argument.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Array, ArrayBuilder, ObjectBuilder, Type},
};

use crate::{
    error::Error,
    id::{DekName, Id, Subject},
    json::normal,
};

mod action;
mod custodian_state;
mod dek_state;
mod kek_state;
mod override_state;

pub use action::Action;
pub use custodian_state::CustodianState;
pub use dek_state::DekState;
pub use kek_state::{KekState, NO_KEK, destroyable_at};
pub use override_state::{OverrideEvent, OverrideStatus, Signer, Standing};

/// What a principal may be (api.md section 2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Principals, tokens, custodian enrolment.
    Admin,
    /// Uses keys within its grants and its wrap scope.
    App,
    /// Reads everything that is not secret.
    Auditor,
    /// Signs or rejects overrides with its own key.
    Custodian,
    /// Reads `/metrics`.
    Metrics,
    /// The life cycle of DEKs and the KEK.
    Operator,
}

impl Role {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Admin,
        Self::App,
        Self::Auditor,
        Self::Custodian,
        Self::Metrics,
        Self::Operator,
    ];

    /// The name in the store and in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::App => "app",
            Self::Auditor => "auditor",
            Self::Custodian => "custodian",
            Self::Metrics => "metrics",
            Self::Operator => "operator",
        }
    }
}

/// The roles of a principal, or the union over one person's principals.
pub type Roles = BTreeSet<Role>;

/// Who a request comes from, as the store knows it.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Unique for ever.
    pub id: Id,
    /// Unique among the live principals, in Unicode NFC.
    pub name: String,
    /// The human or service behind it.
    pub subject: Subject,
    /// What it may be.
    pub roles: Roles,
    /// Which DEKs it may use, and which MCP servers it speaks for.
    pub grants: Grants,
    /// Bound into each blob of `/v1/wrap`; only the same scope opens it.
    pub wrap_scope: String,
    /// The custodian record that it acts for.
    pub custodian: Option<Id>,
}

/// What a principal may use and speak for: names, or prefixes with one final `*`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// For example `["telemetry", "payroll-*"]`; `["*"]` is every DEK.
    #[serde(default)]
    #[schema(schema_with = dek_patterns)]
    pub deks: Vec<String>,
    /// MCP servers, beside the one of the principal's own name, whose tools it may have signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = server_patterns)]
    pub servers: Vec<String>,
}

/// Most patterns of one principal, of each kind.
const PATTERNS: usize = 256;

/// How grants look in the API's description: what [`Grants::check`] takes.
pub(crate) fn dek_patterns() -> Array {
    let pattern = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r"^(\*|[a-z0-9][a-z0-9-]{0,62}\*?)$"));
    ArrayBuilder::new()
        .items(pattern)
        .max_items(Some(PATTERNS))
        .examples([serde_json::json!(["telemetry", "payroll-*"])])
        .build()
}

/// The same for servers.
pub(crate) fn server_patterns() -> Array {
    let pattern = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r"^(\*|[^*\u0000-\u001f\u007f-\u009f]{1,128}\*?)$"));
    ArrayBuilder::new()
        .items(pattern)
        .max_items(Some(PATTERNS))
        .examples([serde_json::json!(["payments", "team-a/*"])])
        .build()
}

/// Whether `text` may name a principal or an MCP server: 1 to 128 characters, none of them a control character.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.contains(char::is_control)
}

impl Grants {
    /// Whether every pattern is a name of its kind or a prefix of one with a final `*`.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what a pattern looks like.
    pub fn check(&self) -> Result<(), Error> {
        self.check_deks()?;
        self.check_servers()
    }

    fn check_servers(&self) -> Result<(), Error> {
        let plain = |pattern: &str| {
            let stem = pattern.strip_suffix('*').unwrap_or(pattern);
            pattern == "*" || is_name(stem) && !stem.contains('*')
        };
        if self.servers.len() <= PATTERNS && self.servers.iter().all(|pattern| plain(pattern)) {
            return Ok(());
        }
        Err(Error::Invalid(
            "each of grants.servers (at most 256) is the name of an MCP server, or the start of one followed by one \
             final `*`",
        ))
    }

    fn check_deks(&self) -> Result<(), Error> {
        let plain = |pattern: &str| {
            let stem = pattern.strip_suffix('*').unwrap_or(pattern);
            pattern == "*" || stem.parse::<DekName>().is_ok()
        };
        if self.deks.len() <= PATTERNS && self.deks.iter().all(|pattern| plain(pattern)) {
            return Ok(());
        }
        Err(Error::Invalid(
            "each of grants.deks (at most 256) is a DEK name, or the start of one followed by one final `*`",
        ))
    }

    /// Whether `name` is covered.
    #[must_use]
    pub fn cover(&self, name: &DekName) -> bool {
        let name = name.as_str();
        self.deks.iter().any(|pattern| matches(pattern, name))
    }

    /// Whether the server is covered, in whatever normal form either is.
    fn cover_server(&self, name: &str) -> bool {
        let mut patterns = self.servers.iter().map(|pattern| normal(pattern.clone()));
        patterns.any(|pattern| matches(&pattern, name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// Separation of duties over the union of one person's roles.
///
/// # Errors
/// [`Error::TwoPerson`] if whoever manages keys or people could also use keys or approve.
pub fn separate(union: &Roles) -> Result<(), Error> {
    let manages = union.contains(&Role::Admin) || union.contains(&Role::Operator);
    let uses = union.contains(&Role::App) || union.contains(&Role::Custodian);
    if manages && uses {
        return Err(Error::TwoPerson(
            "one subject may not hold `admin` or `operator` together with `app` or `custodian`; name another subject",
        ));
    }
    Ok(())
}

/// Whether a new principal with these roles waits for a second admin when the quorum is two.
#[must_use]
pub fn needs_approval(roles: &Roles) -> bool {
    let quiet = [Role::Auditor, Role::Metrics];
    roles.iter().any(|role| !quiet.contains(role))
}

/// Whether an admin may approve what another proposed, given everyone who may ever have held an admin token of
/// either: if one person could be both, one person would decide.
///
/// # Errors
/// [`Error::TwoPerson`] if there is such a person.
pub fn approve(proposer: &BTreeSet<String>, approver: &BTreeSet<String>) -> Result<(), Error> {
    if proposer.is_disjoint(approver) {
        return Ok(());
    }
    Err(Error::TwoPerson(
        "an independent admin must approve: another person than the proposer, and no admin of either was created \
         by, or given a token by, the other or the same third",
    ))
}

/// Whether the caller may use this DEK.
///
/// # Errors
/// [`Error::NotFound`], since whoever has no grant may not know that the DEK exists.
pub fn use_dek(caller: &Principal, name: &DekName) -> Result<(), Error> {
    if caller.grants.cover(name) {
        return Ok(());
    }
    Err(NO_DEK)
}

/// Whether the caller may see this DEK's metadata.
///
/// # Errors
/// [`Error::NotFound`] for an app without a grant.
pub fn see_dek(caller: &Principal, name: &DekName) -> Result<(), Error> {
    if sees_all_deks(caller) {
        return Ok(());
    }
    use_dek(caller, name)
}

/// Whether the caller may move blobs to this DEK's newest version: an operator, or an app within its grants. Whoever
/// merely sees every DEK may not.
///
/// # Errors
/// [`Error::NotFound`] without a grant.
pub fn rewrap_dek(caller: &Principal, name: &DekName) -> Result<(), Error> {
    if caller.roles.contains(&Role::Operator) {
        return Ok(());
    }
    use_dek(caller, name)
}

/// Whether the caller may know of this DEK when it tries `action`: asked before its request's body is read.
///
/// # Errors
/// [`Error::NotFound`], the same for a DEK that is not there.
pub fn reach_dek(caller: &Principal, action: Action, name: &DekName) -> Result<(), Error> {
    if matches!(
        action,
        Action::DekDataKey
            | Action::DekDecrypt
            | Action::DekEncrypt
            | Action::PiiDecrypt
            | Action::PiiEncrypt
    ) {
        return use_dek(caller, name);
    }
    if action == Action::DekRewrap {
        return rewrap_dek(caller, name);
    }
    see_dek(caller, name)
}

/// Whether the caller sees every DEK, or only those in its grants.
#[must_use]
pub fn sees_all_deks(caller: &Principal) -> bool {
    caller.roles.contains(&Role::Operator) || caller.roles.contains(&Role::Auditor)
}

/// Whether the caller may have the tools of this MCP server signed.
///
/// # Errors
/// [`Error::Denied`] if the server is neither the caller's own name nor in its grants.
pub fn speak_for(caller: &Principal, server: &str) -> Result<(), Error> {
    let server = normal(server.to_owned());
    if server == normal(caller.name.clone()) || caller.grants.cover_server(&server) {
        return Ok(());
    }
    Err(Error::Denied(
        "`server` is neither your principal's name nor among its grants.servers: leave it out, or ask an admin for \
         the grant",
    ))
}

/// What a DEK that is not there, or not for this caller, answers.
pub const NO_DEK: Error = Error::NotFound("there is no DEK of that name among your grants");

/// What a version that its DEK never had answers.
pub const NO_VERSION: Error = Error::NotFound("this DEK has no version of that name");

#[cfg(test)]
mod tests {
    use super::{Grants, Role, Roles, approve, separate};

    fn roles(list: &[Role]) -> Roles {
        list.iter().copied().collect()
    }

    #[test]
    fn whoever_manages_may_not_use() {
        for manager in [Role::Admin, Role::Operator] {
            for user in [Role::App, Role::Custodian] {
                assert!(separate(&roles(&[manager, user])).is_err());
            }
            assert!(separate(&roles(&[manager, Role::Auditor, Role::Metrics])).is_ok());
        }
        assert!(separate(&roles(&[Role::Admin, Role::Operator])).is_ok());
        assert!(separate(&roles(&[Role::App, Role::Custodian])).is_ok());
    }

    #[test]
    fn a_grant_is_a_name_or_a_prefix_with_one_final_star() {
        let grants = |list: &[&str]| Grants {
            deks: list.iter().map(ToString::to_string).collect(),
            ..Grants::default()
        };
        assert!(grants(&["telemetry", "payroll-*", "*"]).check().is_ok());
        for bad in ["", "**", "a*b", "*a", "A", "a b"] {
            assert!(grants(&[bad]).check().is_err(), "{bad}");
        }
        let some = grants(&["telemetry", "payroll-*"]);
        assert!(some.cover(&"telemetry".parse().unwrap()));
        assert!(some.cover(&"payroll-eu".parse().unwrap()));
        assert!(!some.cover(&"telemetry2".parse().unwrap()));
        assert!(!some.cover(&"payroll".parse().unwrap()));
        assert!(!Grants::default().cover(&"telemetry".parse().unwrap()));
    }

    #[test]
    fn an_approver_is_independent_of_the_proposer() {
        let hands = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        assert!(approve(&hands(&["ada"]), &hands(&["bob"])).is_ok());
        assert!(approve(&hands(&["ada"]), &hands(&["ada"])).is_err());
        assert!(approve(&hands(&["ada"]), &hands(&["carol", "ada"])).is_err());
        assert!(approve(&hands(&["carol", "ada"]), &hands(&["ada"])).is_err());
        assert!(approve(&hands(&["carol", "ada"]), &hands(&["dave", "ada"])).is_err());
    }
}
