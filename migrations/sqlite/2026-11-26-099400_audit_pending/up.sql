-- Entries that are committed and not chained yet. Writers add to it and wait for nobody; whoever holds the head of the
-- chain moves them to `audit` in the order of `seq`, in one transaction.
CREATE TABLE audit_pending (
    seq INTEGER NOT NULL PRIMARY KEY,
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
    detail BLOB,
    request BLOB
) STRICT;

-- Where the chain begins since older entries were dropped: the last of them, signed with a key of the server.
CREATE TABLE audit_checkpoint (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- Refused attempts at one account, or from one place: the first in a window has an entry of its own, and what followed
-- is counted here until the window closes.
CREATE TABLE refusal_windows (
    key BLOB NOT NULL PRIMARY KEY,
    subject_id BLOB,
    action TEXT NOT NULL,
    count INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    entry_id BLOB NOT NULL
) STRICT;
CREATE INDEX refusal_windows_opened ON refusal_windows (opened_at);
CREATE INDEX refusal_windows_subject ON refusal_windows (subject_id) WHERE subject_id IS NOT NULL;

DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_checkpoint WHERE position >= OLD.position) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_pending_no_update BEFORE UPDATE ON audit_pending BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_pending_no_delete BEFORE DELETE ON audit_pending
WHEN NOT EXISTS (SELECT 1 FROM audit WHERE id = OLD.id) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- Replacing a row would delete it without asking the trigger above.
CREATE TRIGGER audit_pending_no_replace BEFORE INSERT ON audit_pending
WHEN EXISTS (SELECT 1 FROM audit_pending WHERE seq = NEW.seq OR id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
