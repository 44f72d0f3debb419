DROP TRIGGER audit_after_the_end ON audit;
DROP FUNCTION refuse_audit_insert();
