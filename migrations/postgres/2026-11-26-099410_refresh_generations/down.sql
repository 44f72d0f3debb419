-- Whoever has refreshed since signs in again: the older build knows tokens by their hashes.
CREATE TABLE refresh_tokens (
    hash BYTEA NOT NULL PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    salt BYTEA,
    late SMALLINT NOT NULL DEFAULT 0,
    late_before SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);
INSERT INTO refresh_tokens (hash, session_id, expires_at)
SELECT refresh_legacy, id, expires_at FROM sessions WHERE refresh_legacy IS NOT NULL AND refresh_generation = 0;
DROP INDEX sessions_refresh_legacy;
ALTER TABLE sessions DROP COLUMN refresh_legacy;
ALTER TABLE sessions DROP COLUMN refresh_late_before;
ALTER TABLE sessions DROP COLUMN refresh_late;
ALTER TABLE sessions DROP COLUMN refresh_uses;
ALTER TABLE sessions DROP COLUMN refresh_generation;
