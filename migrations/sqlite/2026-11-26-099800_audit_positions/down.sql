DROP TRIGGER audit_no_replace;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE position = NEW.position) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
