-- Without their end, names that somebody had before would be kept for ever.
DELETE FROM username_claims WHERE until IS NOT NULL;
DROP INDEX username_claims_until;
ALTER TABLE username_claims DROP COLUMN until;
ALTER TABLE users DROP COLUMN badges;
ALTER TABLE users DROP COLUMN renamed_at;
