//! The personal fields by default (formats.md section 6), said once more than in the service.

pub const TWELVE: [&str; 12] = [
    "actor_id",
    "actor_name",
    "actor_email",
    "requested_by",
    "approved_by",
    "reviewer_id",
    "override_justification",
    "proposal_title",
    "proposal_description",
    "proposal_context",
    "client_ip",
    "user_agent",
];
