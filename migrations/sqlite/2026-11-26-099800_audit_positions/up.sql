-- An entry comes after the end of the chain: nothing is put before it or in between.
DROP TRIGGER audit_no_replace;
-- Replacing a row would delete it without asking the trigger that refuses to.
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN NEW.position <= (SELECT position FROM audit_head)
    OR EXISTS (SELECT 1 FROM audit WHERE position = NEW.position OR id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
