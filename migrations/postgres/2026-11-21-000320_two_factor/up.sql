-- The second factor: since when it is asked for, and when each session last showed who it is.
ALTER TABLE users ADD COLUMN two_factor_at TIMESTAMPTZ;
ALTER TABLE sessions ADD COLUMN authenticated_at TIMESTAMPTZ NOT NULL DEFAULT '1970-01-01T00:00:00Z';
UPDATE sessions SET authenticated_at = created_at;

CREATE TABLE two_factor (
    user_id UUID NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    enabled_at TIMESTAMPTZ,
    -- The latest time step whose code was used: none is taken twice.
    last_step BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at TIMESTAMPTZ
);

CREATE TABLE recovery_codes (
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BYTEA NOT NULL,
    used_at TIMESTAMPTZ,
    PRIMARY KEY (user_id, hash)
);
