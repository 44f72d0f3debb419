ALTER TABLE users DROP COLUMN status_until;
ALTER TABLE users DROP COLUMN links;
ALTER TABLE users DROP COLUMN location;
ALTER TABLE users DROP COLUMN pronouns;
