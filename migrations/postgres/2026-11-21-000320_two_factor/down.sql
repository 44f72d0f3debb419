DROP TABLE recovery_codes;
DROP TABLE two_factor;
ALTER TABLE sessions DROP COLUMN authenticated_at;
ALTER TABLE users DROP COLUMN two_factor_at;
