CREATE TABLE pet_declines (
    pet_id BLOB NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    declined_at INTEGER NOT NULL,
    PRIMARY KEY (pet_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pet_declines_user ON pet_declines (user_id, pet_id);
CREATE INDEX pet_declines_at ON pet_declines (declined_at);
INSERT INTO pet_declines (pet_id, user_id, declined_at)
    SELECT pet_id, user_id, max(refused_at) FROM pet_attempts WHERE refused_at IS NOT NULL GROUP BY pet_id, user_id;
DROP TABLE pet_attempts;
