-- Entries that are committed and not chained yet. Writers add to it and wait for nobody; whoever holds the head of the
-- chain moves them to `audit` in the order of `seq`, in one transaction.
CREATE TABLE audit_pending (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
    detail BYTEA,
    request BYTEA
);

-- Where the chain begins since older entries were dropped: the last of them, signed with a key of the server.
CREATE TABLE audit_checkpoint (
    single SMALLINT NOT NULL PRIMARY KEY CHECK (single = 1),
    position BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    signature BYTEA NOT NULL
);

-- Refused attempts at one account, or from one place: the first in a window has an entry of its own, and what followed
-- is counted here until the window closes.
CREATE TABLE refusal_windows (
    key BYTEA NOT NULL PRIMARY KEY,
    subject_id UUID,
    action TEXT NOT NULL,
    count BIGINT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    entry_id UUID NOT NULL
);
CREATE INDEX refusal_windows_opened ON refusal_windows (opened_at);
CREATE INDEX refusal_windows_subject ON refusal_windows (subject_id) WHERE subject_id IS NOT NULL;

CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM audit_checkpoint WHERE position >= OLD.position) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE FUNCTION refuse_audit_pending_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM audit WHERE id = OLD.id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_pending_append_only BEFORE UPDATE OR DELETE ON audit_pending
FOR EACH ROW EXECUTE FUNCTION refuse_audit_pending_change();
CREATE TRIGGER audit_pending_no_truncate BEFORE TRUNCATE ON audit_pending
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_pending_change();
