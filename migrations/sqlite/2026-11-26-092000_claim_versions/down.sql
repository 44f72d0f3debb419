ALTER TABLE sign_up_claims DROP COLUMN version;
ALTER TABLE username_claims DROP COLUMN version;
