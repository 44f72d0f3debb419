-- What each username could be mistaken for: a look-alike of any of these is taken. The skeletons are made by the
-- program (Unicode UTS 39), which claims those of the accounts that are here already when it opens the database.
CREATE TABLE username_claims (
    skeleton TEXT NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX username_claims_user ON username_claims (user_id);
