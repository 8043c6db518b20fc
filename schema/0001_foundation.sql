-- What the service keeps: KEK versions by name (never a key), principals, tokens by hash, DEKs wrapped,
-- the audit log, and the answers that idempotency keys stand for. Times are whole microseconds since 1970, UTC.

CREATE TABLE kek_versions (
    number     INTEGER PRIMARY KEY CHECK (number > 0),
    version    TEXT NOT NULL UNIQUE,
    state      TEXT NOT NULL CHECK (state IN ('creating', 'enabled')),
    canary     BLOB CHECK ((state = 'creating') = (canary IS NULL)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE principals (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    roles          TEXT NOT NULL CHECK (json_type(roles) = 'array'),
    grants         TEXT NOT NULL CHECK (json_type(grants) = 'object'),
    wrap_scope     TEXT NOT NULL,
    client_cert    TEXT,
    state          TEXT NOT NULL CHECK (state IN ('pending', 'active', 'deleted')),
    created_by     TEXT, -- a subject; NULL is nobody: the first principals
    created_at     INTEGER NOT NULL,
    activated_at   INTEGER,
    pending_grants TEXT CHECK (json_type(pending_grants) = 'object'),
    grants_by      TEXT CHECK ((grants_by IS NULL) = (pending_grants IS NULL))
) STRICT;

CREATE UNIQUE INDEX principals_live_name ON principals (name) WHERE state <> 'deleted';
CREATE UNIQUE INDEX principals_live_cert ON principals (client_cert) WHERE state <> 'deleted';
CREATE INDEX principals_subject ON principals (subject);

CREATE TABLE tokens (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    principal_id TEXT NOT NULL REFERENCES principals (id),
    sha256       BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    state        TEXT NOT NULL CHECK (state IN ('pending', 'active', 'revoked')),
    issued_by    TEXT, -- a subject; NULL is nobody
    created_at   INTEGER NOT NULL,
    activated_at INTEGER,
    expires_at   INTEGER
) STRICT;

CREATE INDEX tokens_principal ON tokens (principal_id);

CREATE TABLE deks (
    name            TEXT PRIMARY KEY,
    algorithm       TEXT NOT NULL,
    rotation_period INTEGER CHECK (rotation_period > 0),
    created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE dek_versions (
    dek        TEXT NOT NULL REFERENCES deks (name),
    number     INTEGER NOT NULL CHECK (number > 0),
    version    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('enabled')),
    kek        TEXT NOT NULL REFERENCES kek_versions (version),
    mechanism  TEXT NOT NULL,
    nonce      BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (dek, number),
    UNIQUE (dek, version)
) STRICT;

CREATE TABLE audit_entries (
    number INTEGER PRIMARY KEY CHECK (number >= 0),
    at     INTEGER NOT NULL,
    entry  BLOB NOT NULL
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
    PRIMARY KEY (principal_id, method, path, key)
) STRICT;

CREATE INDEX replies_created_at ON replies (created_at);
