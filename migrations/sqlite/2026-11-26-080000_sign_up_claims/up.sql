-- What the username of somebody who waits could be mistaken for, as in username_claims. It is free again when they no
-- longer wait. Those who wait already are still found by their username_key.
CREATE TABLE sign_up_claims (
    skeleton TEXT NOT NULL PRIMARY KEY,
    sign_up_id BLOB NOT NULL REFERENCES sign_ups (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_up_claims_sign_up ON sign_up_claims (sign_up_id);
