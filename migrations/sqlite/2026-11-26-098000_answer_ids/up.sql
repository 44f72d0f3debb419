-- A stored answer is found by a keyed hash of its caller and their key. The row itself goes to the end of the table, so
-- that a send with a key writes few pages more than one without. Answers from before cannot be hashed here and are
-- forgotten.
DROP TABLE answers;
CREATE TABLE answers (
    id BLOB NOT NULL UNIQUE,
    fingerprint BLOB NOT NULL,
    answer BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- Whom it is about, for those that hold more than the id of a thing.
    subject_id BLOB
) STRICT;
CREATE INDEX answers_created ON answers (created_at);
CREATE INDEX answers_subject ON answers (subject_id) WHERE subject_id IS NOT NULL;
