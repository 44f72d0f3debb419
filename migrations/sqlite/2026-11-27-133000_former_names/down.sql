DROP INDEX users_imported_as;
ALTER TABLE users DROP COLUMN imported_as;
ALTER TABLE username_claims DROP COLUMN former;
