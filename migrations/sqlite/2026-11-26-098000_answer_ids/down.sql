DROP TABLE answers;
CREATE TABLE answers (
    caller_id BLOB NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    answer BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    subject_id BLOB,
    PRIMARY KEY (caller_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_created ON answers (created_at);
CREATE INDEX answers_subject ON answers (subject_id) WHERE subject_id IS NOT NULL;
