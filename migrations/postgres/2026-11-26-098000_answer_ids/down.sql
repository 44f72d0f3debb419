DROP TABLE answers;
CREATE TABLE answers (
    caller_id UUID NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    subject_id UUID,
    PRIMARY KEY (caller_id, key)
);
CREATE INDEX answers_created ON answers (created_at);
CREATE INDEX answers_subject ON answers (subject_id) WHERE subject_id IS NOT NULL;
