DROP INDEX refresh_tokens_expires;
ALTER TABLE sessions DROP COLUMN opened_from;
DROP TABLE throttles;
DROP TABLE mailed_tokens;
DROP TABLE sign_ups;
DROP TABLE invites;
