-- Entries that were not chained yet are lost: run the newer build until none is left.
DROP TRIGGER audit_pending_no_update;
DROP TRIGGER audit_pending_no_delete;
DROP TRIGGER audit_pending_no_replace;
DROP TABLE audit_pending;
DROP TABLE refusal_windows;
DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
DROP TABLE audit_checkpoint;
