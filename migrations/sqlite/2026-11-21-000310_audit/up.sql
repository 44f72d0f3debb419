-- The audit log: a chain of entries, each of which holds the hash of the one before.
CREATE TABLE audit (
    position INTEGER NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    actor_type TEXT NOT NULL CHECK (actor_type IN ('user', 'api_key', 'system', 'nobody')),
    actor_id BLOB,
    owner_id BLOB,
    session_id BLOB,
    subject_id BLOB,
    action TEXT NOT NULL,
    target_type TEXT,
    target_id BLOB,
    address BLOB,
    agent BLOB,
    request_id TEXT NOT NULL,
    detail BLOB,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_actor ON audit (actor_id, position) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_subject ON audit (subject_id, position) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_target ON audit (target_id, position) WHERE target_id IS NOT NULL;
CREATE INDEX audit_action ON audit (action, position);
CREATE INDEX audit_at ON audit (at);

-- The end of the chain. Whoever adds to it holds this row until the commit, so positions have no gaps.
CREATE TABLE audit_head (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    position INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (single, position, hash) VALUES (1, 0, zeroblob(32));

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- Replacing a row would delete it without asking the trigger above.
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE position = NEW.position) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
