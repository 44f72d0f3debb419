-- A refresh token names its session and its generation, and is authenticated by the server: no row per token.
-- `refresh_uses`: when the last generations were used, 8 octets each (big endian, microseconds since 1970), the latest last.
ALTER TABLE sessions ADD COLUMN refresh_generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refresh_uses BLOB NOT NULL DEFAULT x'';
ALTER TABLE sessions ADD COLUMN refresh_late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refresh_late_before INTEGER NOT NULL DEFAULT 0;
-- The hash of a token from before there were generations: it is the first generation of its session.
ALTER TABLE sessions ADD COLUMN refresh_legacy BLOB;
UPDATE sessions SET refresh_legacy =
    (SELECT t.hash FROM refresh_tokens t WHERE t.session_id = sessions.id AND t.used_at IS NULL
     ORDER BY t.expires_at DESC LIMIT 1)
WHERE ended_at IS NULL;
CREATE UNIQUE INDEX sessions_refresh_legacy ON sessions (refresh_legacy) WHERE refresh_legacy IS NOT NULL;
DROP TABLE refresh_tokens;
