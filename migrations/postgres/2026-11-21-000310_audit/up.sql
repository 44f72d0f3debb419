-- The audit log: a chain of entries, each of which holds the hash of the one before.
CREATE TABLE audit (
    position BIGINT NOT NULL PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    at TIMESTAMPTZ NOT NULL,
    actor_type TEXT NOT NULL CHECK (actor_type IN ('user', 'api_key', 'system', 'nobody')),
    actor_id UUID,
    owner_id UUID,
    session_id UUID,
    subject_id UUID,
    action TEXT NOT NULL,
    target_type TEXT,
    target_id UUID,
    address BYTEA,
    agent BYTEA,
    request_id TEXT NOT NULL,
    detail BYTEA,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL
);
CREATE INDEX audit_actor ON audit (actor_id, position) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_subject ON audit (subject_id, position) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_target ON audit (target_id, position) WHERE target_id IS NOT NULL;
CREATE INDEX audit_action ON audit (action, position);
CREATE INDEX audit_at ON audit (at);

-- The end of the chain. Whoever adds to it holds this row until the commit, so positions have no gaps.
CREATE TABLE audit_head (
    single SMALLINT NOT NULL PRIMARY KEY CHECK (single = 1),
    position BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO audit_head (single, position, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
