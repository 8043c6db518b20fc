-- What the service keeps: KEK versions by name (never a key), principals, tokens by hash, custodians, overrides,
-- DEKs wrapped, signing keys by public key (their seeds wrapped or in the token), the audit log with its tree and
-- newest checkpoint, and the answers that idempotency keys stand for. Times are whole microseconds since 1970, UTC.
-- `mac` is over every other column of its row, under the row key: whoever changes a row is found out.
-- `reserved` counts encryptions under random nonces, in blocks that are written down before they are used.

CREATE TABLE kek_versions (
    number     INTEGER PRIMARY KEY CHECK (number > 0),
    version    TEXT NOT NULL UNIQUE,
    state      TEXT NOT NULL CHECK (state IN ('creating', 'enabled', 'retired', 'destroying', 'destroyed')),
    canary     BLOB CHECK ((state = 'creating') = (canary IS NULL)),
    reserved   INTEGER NOT NULL CHECK (reserved >= 0),
    created_at INTEGER NOT NULL,
    retired_at INTEGER CHECK ((state IN ('creating', 'enabled')) = (retired_at IS NULL)),
    destroy_by TEXT CHECK ( -- the subject that asked for its destruction first
        CASE state WHEN 'retired' THEN TRUE ELSE (state IN ('destroying', 'destroyed')) = (destroy_by IS NOT NULL) END),
    mac        BLOB CHECK (mac IS NOT NULL OR (number = 1 AND state = 'creating')) -- before there is a row key
) STRICT;

CREATE TABLE jobs (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL CHECK (kind = 'kek.rotate'),
    kek         TEXT NOT NULL, -- the version that all records are moved to
    state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    moved       INTEGER NOT NULL CHECK (moved >= 0),
    total       INTEGER NOT NULL CHECK (total >= moved),
    unmoved     INTEGER NOT NULL CHECK (unmoved >= 0 AND (unmoved > 0) = (state = 'failed')),
    created_at  INTEGER NOT NULL,
    finished_at INTEGER CHECK ((state = 'running') = (finished_at IS NULL)),
    mac         BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX jobs_running ON jobs (kind) WHERE state = 'running';

CREATE TABLE row_key (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    kek       TEXT NOT NULL REFERENCES kek_versions (version),
    mechanism TEXT NOT NULL,
    nonce     BLOB NOT NULL,
    sealed    BLOB NOT NULL
) STRICT;

CREATE TABLE custodians (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    lead            TEXT NOT NULL CHECK (lead IN ('risk_lead', 'security_lead')),
    scheme          TEXT NOT NULL,
    public_key      TEXT NOT NULL,
    fingerprint     TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'active', 'suspended', 'revoked')),
    challenge       BLOB NOT NULL CHECK (length(challenge) = 32),
    challenge_until INTEGER NOT NULL,
    failures        INTEGER NOT NULL CHECK (failures >= 0), -- to prove the key
    proven_at       INTEGER,
    proposed_by     TEXT NOT NULL, -- the subject that enrolled it, or that reinstates it
    approved_by     TEXT, -- NULL while it waits for a second admin
    created_at      INTEGER NOT NULL,
    activated_at    INTEGER, -- for the first time
    history         TEXT NOT NULL CHECK (json_type(history) = 'array'),
    mac             BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX custodians_live_subject ON custodians (subject) WHERE state <> 'revoked';

CREATE TABLE custodian_keys ( -- every form by which a key could come back
    component    TEXT PRIMARY KEY,
    custodian_id TEXT NOT NULL REFERENCES custodians (id),
    mac          BLOB NOT NULL
) STRICT;

CREATE INDEX custodian_keys_custodian ON custodian_keys (custodian_id);

CREATE TABLE principals (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    roles          TEXT NOT NULL CHECK (json_type(roles) = 'array'),
    grants         TEXT NOT NULL CHECK (json_type(grants) = 'object'),
    wrap_scope     TEXT NOT NULL,
    client_cert    TEXT,
    custodian_id   TEXT REFERENCES custodians (id),
    state          TEXT NOT NULL CHECK (state IN ('pending', 'active', 'deleted')),
    created_by     TEXT, -- a subject; NULL is nobody: the first principals
    created_at     INTEGER NOT NULL,
    activated_at   INTEGER,
    pending_grants TEXT CHECK (json_type(pending_grants) = 'object'),
    grants_by      TEXT CHECK ((grants_by IS NULL) = (pending_grants IS NULL)),
    mac            BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX principals_live_name ON principals (name) WHERE state <> 'deleted';
CREATE UNIQUE INDEX principals_live_cert ON principals (client_cert) WHERE state <> 'deleted';

CREATE UNIQUE INDEX principals_live_custodian ON principals (custodian_id) WHERE state <> 'deleted';

CREATE TABLE tokens (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    principal_id TEXT NOT NULL REFERENCES principals (id),
    sha256       BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    state        TEXT NOT NULL CHECK (state IN ('pending', 'active', 'revoked')),
    issued_by    TEXT, -- a subject; NULL is nobody
    created_at   INTEGER NOT NULL,
    activated_at INTEGER,
    expires_at   INTEGER,
    mac          BLOB NOT NULL
) STRICT;

CREATE INDEX tokens_principal ON tokens (principal_id);

CREATE TABLE deks (
    name            TEXT PRIMARY KEY,
    algorithm       TEXT NOT NULL,
    rotation_period INTEGER CHECK (rotation_period > 0),
    newest          INTEGER NOT NULL CHECK (newest > 0), -- the number of its newest version
    rotate_at       INTEGER CHECK ((rotation_period IS NULL) = (rotate_at IS NULL)), -- when its period is over
    created_at      INTEGER NOT NULL,
    mac             BLOB NOT NULL
) STRICT;

CREATE INDEX deks_rotate_at ON deks (rotate_at) WHERE rotate_at IS NOT NULL;

CREATE TABLE dek_versions (
    dek        TEXT NOT NULL REFERENCES deks (name),
    number     INTEGER NOT NULL CHECK (number > 0),
    version    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('enabled', 'disabled', 'destroyed')),
    destroy_at INTEGER, -- pending destruction until then; `state` is what comes back if it is cancelled
    kek        TEXT REFERENCES kek_versions (version), -- with the next three the wrapped secret; NULL once destroyed
    mechanism  TEXT,
    nonce      BLOB,
    sealed     BLOB CHECK ((state = 'destroyed') = (coalesce(kek, mechanism, nonce, sealed) IS NULL)),
    public_key BLOB,
    reserved   INTEGER NOT NULL CHECK (reserved >= 0),
    created_at INTEGER NOT NULL,
    mac        BLOB NOT NULL,
    PRIMARY KEY (dek, number),
    UNIQUE (dek, version)
) STRICT;

CREATE INDEX dek_versions_reserved ON dek_versions (reserved);
CREATE INDEX dek_versions_kek ON dek_versions (kek) WHERE kek IS NOT NULL;
CREATE INDEX dek_versions_destroy_at ON dek_versions (destroy_at) WHERE destroy_at IS NOT NULL;

CREATE TABLE overrides (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    proposal_id   TEXT NOT NULL,
    justification TEXT NOT NULL,
    failed_gates  TEXT NOT NULL CHECK (json_type(failed_gates) = 'array'),
    environment   TEXT NOT NULL,
    requested_by  TEXT NOT NULL,
    on_behalf_of  TEXT,
    instance      TEXT NOT NULL,
    binding       TEXT NOT NULL CHECK (binding IN ('aegis', 'bound')),
    message_hash  BLOB NOT NULL UNIQUE CHECK (length(message_hash) = 32), -- a signature is good for one override only
    signing_hash  BLOB NOT NULL CHECK (length(signing_hash) = 32),
    state         TEXT NOT NULL CHECK (state IN ('pending', 'partial', 'approved', 'rejected', 'expired', 'withdrawn')),
    revision      INTEGER NOT NULL CHECK (revision >= 0), -- grows with each change
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    closed_at     INTEGER CHECK ((state IN ('pending', 'partial')) = (closed_at IS NULL)),
    rejection     TEXT CHECK ((state = 'rejected') = (rejection IS NOT NULL)),
    certificate   TEXT CHECK (certificate IS NULL OR state = 'approved'), -- lost of one approved after the backup of a restore
    mac           BLOB NOT NULL
) STRICT;

CREATE INDEX overrides_open ON overrides (expires_at) WHERE state IN ('pending', 'partial');
CREATE INDEX overrides_proposal ON overrides (proposal_id);
CREATE INDEX overrides_requester ON overrides (requested_by);

CREATE TABLE override_signatures (
    seq          INTEGER PRIMARY KEY,
    override_id  TEXT NOT NULL REFERENCES overrides (id),
    lead         TEXT NOT NULL CHECK (lead IN ('risk_lead', 'security_lead')),
    custodian_id TEXT NOT NULL REFERENCES custodians (id),
    signature    TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('valid', 'void')),
    signed_at    INTEGER NOT NULL,
    mac          BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX override_signatures_valid ON override_signatures (override_id, lead) WHERE state = 'valid';
CREATE INDEX override_signatures_override ON override_signatures (override_id);
CREATE INDEX override_signatures_custodian ON override_signatures (custodian_id) WHERE state = 'valid';

CREATE TABLE signing_keys (
    purpose    TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('creating', 'active')),
    location   TEXT NOT NULL CHECK (location IN ('token', 'wrapped')),
    public_key BLOB CHECK ((state = 'creating') = (public_key IS NULL)),
    kek        TEXT REFERENCES kek_versions (version), -- with the next three the wrapped seed of one that is not in the token
    mechanism  TEXT,
    nonce      BLOB,
    sealed     BLOB CHECK ((state = 'active' AND location = 'wrapped') = (coalesce(kek, mechanism, nonce, sealed) IS NOT NULL)),
    created_at INTEGER NOT NULL,
    mac        BLOB NOT NULL,
    PRIMARY KEY (purpose, algorithm)
) STRICT;

CREATE TABLE audit_entries (
    number INTEGER PRIMARY KEY CHECK (number >= 0),
    at     INTEGER NOT NULL,
    entry  BLOB NOT NULL,
    mac    BLOB NOT NULL
) STRICT;

-- The hashes of the RFC 6962 tree over the entries, in the order in which appending completes them. Checked against the
-- entries and against signed checkpoints, so they need no MAC.
CREATE TABLE tree_hashes (
    position INTEGER PRIMARY KEY CHECK (position >= 0),
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE log_head ( -- how long the log is: written with each entry, so that its end cannot be cut off
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL CHECK (size >= 0),
    mac  BLOB NOT NULL
) STRICT;

CREATE TABLE log_findings ( -- what was found wrong with the log; it stands until the whole log is found right
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    fault    TEXT NOT NULL,
    entry    INTEGER CHECK (entry >= 0),
    found_at INTEGER NOT NULL,
    mac      BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoints ( -- the newest only
    size     INTEGER PRIMARY KEY CHECK (size >= 0),
    root     BLOB NOT NULL CHECK (length(root) = 32),
    note     TEXT NOT NULL CHECK ((size = 0) = (note = '')), -- signed; nothing is to be signed of an empty log
    in_token INTEGER NOT NULL CHECK (in_token IN (0, 1)), -- whether the token has kept one since
    made_at  INTEGER NOT NULL,
    mac      BLOB NOT NULL
) STRICT;

CREATE TABLE replies (
    principal_id TEXT NOT NULL REFERENCES principals (id),
    method       TEXT NOT NULL,
    path         TEXT NOT NULL,
    key          TEXT NOT NULL,
    body_sha256  BLOB NOT NULL CHECK (length(body_sha256) = 32),
    location     TEXT,
    reply        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    mac          BLOB NOT NULL,
    PRIMARY KEY (principal_id, method, path, key)
) STRICT;

CREATE INDEX replies_created_at ON replies (created_at);
