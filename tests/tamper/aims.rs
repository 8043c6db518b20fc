//! What somebody who knows what the columns mean would write into them.

/// A table, its columns and what is written there, and which row.
pub type Aim = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// What somebody who knows what the columns mean would write, for each table.
pub const AIMED: &[Aim] = &[
    ("principals", &[("roles", "'[\"admin\"]'")], "name = 'app'"),
    (
        "principals",
        &[("roles", "'[\"app\",\"auditor\"]'")],
        "name = 'two'",
    ),
    (
        "principals",
        &[("grants", "'{\"deks\":[\"*\"]}'")],
        "name = 'two'",
    ),
    (
        "principals",
        &[("grants", "'{\"deks\":[\"beta\"],\"servers\":[\"*\"]}'")],
        "name = 'two'",
    ),
    ("principals", &[("state", "'active'")], "state = 'deleted'"),
    ("principals", &[("subject", "'somebody'")], "name = 'app'"),
    ("principals", &[("state", "'deleted'")], "name = 'app'"),
    (
        "principals",
        &[(
            "wrap_scope",
            "(SELECT wrap_scope FROM principals WHERE name = 'app')",
        )],
        "name = 'two'",
    ),
    ("tokens", &[("state", "'active'")], "state = 'revoked'"),
    (
        "tokens",
        &[("expires_at", "NULL")],
        "expires_at - created_at BETWEEN 1 AND 2000000",
    ),
    (
        "tokens",
        &[("expires_at", "expires_at + 1000000000000")],
        "expires_at - created_at BETWEEN 1 AND 2000000",
    ),
    (
        "tokens",
        &[(
            "principal_id",
            "(SELECT id FROM principals WHERE name = 'admin')",
        )],
        "state = 'active'
        AND principal_id = (SELECT id FROM principals WHERE name = 'app')",
    ),
    ("deks", &[("newest", "1")], "name = 'beta'"),
    ("deks", &[("rotation_period", "1")], "name = 'beta'"),
    ("deks", &[("algorithm", "'aes-256-gcm'")], "name = 'gamma'"),
    (
        "dek_versions",
        &[("state", "'enabled'")],
        "state = 'disabled'",
    ),
    (
        "dek_versions",
        &[("state", "'enabled'")],
        "state = 'destroyed'",
    ),
    (
        "dek_versions",
        &[("destroy_at", "1")],
        "dek = 'beta' AND number = 1",
    ),
    (
        "dek_versions",
        &[("created_at", "0")],
        "dek = 'beta' AND number = 2",
    ),
    (
        "dek_versions",
        &[("reserved", "3000000000")],
        "dek = 'beta' AND number = 2",
    ),
    (
        "dek_versions",
        &[("reserved", "0")],
        "dek = 'alpha' AND number = 3",
    ),
    (
        "dek_versions",
        &[(
            "public_key",
            "(SELECT public_key FROM dek_versions WHERE dek = 'delta')",
        )],
        "dek = 'gamma' AND number = 2",
    ),
    (
        "dek_versions",
        &[
            (
                "nonce",
                "(SELECT nonce FROM dek_versions WHERE dek = 'beta' AND number = 2)",
            ),
            (
                "sealed",
                "(SELECT sealed FROM dek_versions WHERE dek = 'beta' AND number = 2)",
            ),
        ],
        "dek = 'alpha' AND number = 3",
    ),
    (
        "replies",
        &[("reply", "'{\"name\":\"false\"}'")],
        "key = 'alpha'",
    ),
    ("replies", &[("created_at", "0")], "key = 'alpha'"),
    (
        "replies",
        &[(
            "principal_id",
            "(SELECT id FROM principals WHERE name = 'app')",
        )],
        "key = 'two'",
    ),
    ("kek_versions", &[("reserved", "0")], "number = 2"),
    (
        "kek_versions",
        &[("state", "'retired'"), ("retired_at", "1")],
        "number = 1",
    ),
    (
        "kek_versions",
        &[
            ("state", "'destroying'"),
            ("retired_at", "1"),
            ("destroy_by", "'somebody'"),
        ],
        "number = 1",
    ),
    (
        "jobs",
        &[("state", "'running'"), ("finished_at", "NULL")],
        "seq = 1",
    ),
    (
        "jobs",
        &[("state", "'failed'"), ("unmoved", "1")],
        "seq = 1",
    ),
    (
        "kek_versions",
        &[("state", "'creating'"), ("canary", "NULL"), ("mac", "NULL")],
        "number = 2",
    ),
    (
        "signing_keys",
        &[(
            "public_key",
            "(SELECT public_key FROM signing_keys WHERE purpose = 'schema')",
        )],
        "purpose = 'override' AND algorithm = 'ed25519'",
    ),
    (
        "signing_keys",
        &[("location", "'token'")],
        "algorithm = 'ml-dsa-65'",
    ),
    (
        "signing_keys",
        &[("state", "'creating'"), ("public_key", "NULL")],
        "purpose = 'override' AND algorithm = 'ed25519'",
    ),
    (
        "row_key",
        &[
            (
                "nonce",
                "(SELECT nonce FROM dek_versions WHERE dek = 'beta' AND number = 2)",
            ),
            (
                "sealed",
                "(SELECT sealed FROM dek_versions WHERE dek = 'beta' AND number = 2)",
            ),
        ],
        "id = 1",
    ),
    (
        "custodians",
        &[("state", "'active'")],
        "state = 'suspended'",
    ),
    ("custodians", &[("state", "'active'")], "state = 'revoked'"),
    (
        "custodians",
        &[
            ("state", "'active'"),
            ("proven_at", "1"),
            ("activated_at", "1"),
        ],
        "state = 'pending'",
    ),
    // Another's key in the place of rita's: its signatures would be hers.
    (
        "custodians",
        &[
            (
                "scheme",
                "(SELECT scheme FROM custodians WHERE subject = 'theo')",
            ),
            (
                "public_key",
                "(SELECT public_key FROM custodians WHERE subject = 'theo')",
            ),
        ],
        "subject = 'rita'",
    ),
    ("custodians", &[("subject", "'nobody'")], "subject = 'rita'"),
    ("custodians", &[("lead", "'risk_lead'")], "subject = 'theo'"),
    (
        "custodians",
        &[("failures", "0")],
        "failures >= 5 AND state = 'pending'",
    ),
    // The key of a revoked custodian set free, or given away.
    (
        "custodian_keys",
        &[("component", "'none'")],
        "custodian_id = (SELECT id FROM custodians WHERE subject = 'rex')",
    ),
    (
        "custodian_keys",
        &[(
            "custodian_id",
            "(SELECT id FROM custodians WHERE subject = 'rita')",
        )],
        "custodian_id = (SELECT id FROM custodians WHERE subject = 'rex')",
    ),
    (
        "overrides",
        &[
            ("state", "'approved'"),
            ("closed_at", "created_at"),
            (
                "certificate",
                "(SELECT certificate FROM overrides WHERE state = 'approved')",
            ),
        ],
        "state = 'pending'",
    ),
    (
        "overrides",
        &[
            ("state", "'pending'"),
            ("closed_at", "NULL"),
            ("rejection", "NULL"),
        ],
        "state = 'rejected'",
    ),
    (
        "overrides",
        &[("expires_at", "expires_at + 86400000000")],
        "state = 'approved'",
    ),
    (
        "overrides",
        &[("environment", "'preview'")],
        "state = 'approved'",
    ),
    (
        "overrides",
        &[("certificate", "replace(certificate, 'A', 'B')")],
        "state = 'approved'",
    ),
    (
        "overrides",
        &[("on_behalf_of", "NULL")],
        "on_behalf_of = 'rita'",
    ),
    (
        "overrides",
        &[("requested_by", "'two'")],
        "state = 'pending'",
    ),
    (
        "overrides",
        &[(
            "signing_hash",
            "(SELECT signing_hash FROM overrides WHERE state = 'approved')",
        )],
        "state = 'pending'",
    ),
    (
        "override_signatures",
        &[("state", "'valid'")],
        "state = 'void'",
    ),
    (
        "override_signatures",
        &[(
            "override_id",
            "(SELECT id FROM overrides WHERE on_behalf_of = 'rita')",
        )],
        "override_id = (SELECT id FROM overrides WHERE state = 'partial') AND state = 'valid'",
    ),
    (
        "override_signatures",
        &[(
            "custodian_id",
            "(SELECT id FROM custodians WHERE subject = 'sue')",
        )],
        "override_id = (SELECT id FROM overrides WHERE state = 'approved') AND lead = 'risk_lead'",
    ),
];
