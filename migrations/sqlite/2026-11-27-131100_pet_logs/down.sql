CREATE TABLE pet_log_anew (
    id BLOB PRIMARY KEY,
    pet_id BLOB NOT NULL REFERENCES pets (id),
    -- Nobody, if their account has been erased.
    author_id BLOB REFERENCES users (id),
    kind TEXT NOT NULL CHECK (kind IN ('weight', 'note')),
    grams INTEGER,
    text TEXT,
    at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CHECK ((grams IS NOT NULL) = (kind = 'weight'))
) STRICT;
INSERT INTO pet_log_anew (id, pet_id, author_id, kind, grams, text, at, created_at)
    SELECT id, pet_id, author_id, kind, grams, text, at, created_at FROM pet_log WHERE pet_id IN (SELECT id FROM pets);
DROP TABLE pet_log;
ALTER TABLE pet_log_anew RENAME TO pet_log;
CREATE INDEX pet_log_pet ON pet_log (pet_id, at, id);
CREATE INDEX pet_log_author ON pet_log (author_id, id);
