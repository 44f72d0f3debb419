-- The name itself that somebody had before, with the claim by which they are found: not its look-alikes.
ALTER TABLE username_claims ADD COLUMN former text;
-- A keyed hash of the username and the address by which somebody was imported: whatever becomes of these, a second import of
-- the same file finds them.
ALTER TABLE users ADD COLUMN imported_as bytea;
CREATE INDEX users_imported_as ON users (imported_as) WHERE imported_as IS NOT NULL;
