-- An entry comes after the end of the chain: nothing is put before it or in between.
CREATE FUNCTION refuse_audit_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position <= (SELECT position FROM audit_head) THEN
        RAISE EXCEPTION 'the audit log is append-only';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_after_the_end BEFORE INSERT ON audit
FOR EACH ROW EXECUTE FUNCTION refuse_audit_insert();
