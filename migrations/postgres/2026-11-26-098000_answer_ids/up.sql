-- A stored answer is found by a keyed hash of its caller and their key. Answers from before cannot be hashed here and
-- are forgotten.
DROP TABLE answers;
CREATE TABLE answers (
    id UUID NOT NULL PRIMARY KEY,
    fingerprint BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    -- Whom it is about, for those that hold more than the id of a thing.
    subject_id UUID
);
CREATE INDEX answers_created ON answers (created_at);
CREATE INDEX answers_subject ON answers (subject_id) WHERE subject_id IS NOT NULL;
