-- The names of people as they are searched for: in small letters and without accents, which only the program can do. It
-- adds those of the accounts that are here already when it opens the database. A change of the rule for folding or for
-- grams comes with a migration that empties both tables.
CREATE TABLE name_index (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    username TEXT NOT NULL,
    display_name TEXT NOT NULL,
    -- The display name as it was written: if it is another one now, the row is out of date.
    written TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX name_index_username ON name_index (username, user_id);
CREATE INDEX name_index_display_name ON name_index (display_name, user_id);

-- Parts of names. Those of one person follow from the row above, so no index by person is needed.
CREATE TABLE name_grams (
    gram TEXT NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (gram, user_id)
) STRICT, WITHOUT ROWID;
