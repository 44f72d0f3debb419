-- Invitations to make an account; the code itself is known to whoever was given it.
CREATE TABLE invites (
    id BLOB NOT NULL PRIMARY KEY,
    code_hash BLOB NOT NULL UNIQUE,
    note TEXT,
    created_by BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    max_uses INTEGER,
    uses INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_creator ON invites (created_by);

-- People who registered and whose account has to wait for something.
CREATE TABLE sign_ups (
    id BLOB NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    password TEXT NOT NULL,
    display_name TEXT NOT NULL,
    -- Whether the address had an account: nothing will come of it.
    pretended INTEGER NOT NULL,
    -- The invitation they came with, which is used when the account is made.
    invite_id BLOB REFERENCES invites (id) ON DELETE SET NULL,
    needs_approval INTEGER NOT NULL,
    -- Null while the address has to be confirmed first.
    confirmed_at INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ups_email ON sign_ups (email_key);
CREATE INDEX sign_ups_expires ON sign_ups (expires_at);
CREATE INDEX sign_ups_invite ON sign_ups (invite_id) WHERE invite_id IS NOT NULL;

-- What letters hold: good for one use, stored as a hash.
CREATE TABLE mailed_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('verify', 'reset', 'handed', 'notice')),
    user_id BLOB REFERENCES users (id) ON DELETE CASCADE,
    sign_up_id BLOB REFERENCES sign_ups (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    -- The address without what stands between + and @: letters to all of those arrive in one place.
    mailbox TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX mailed_tokens_mailbox ON mailed_tokens (mailbox, created_at);
CREATE INDEX mailed_tokens_user ON mailed_tokens (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mailed_tokens_sign_up ON mailed_tokens (sign_up_id) WHERE sign_up_id IS NOT NULL;
CREATE INDEX mailed_tokens_expires ON mailed_tokens (expires_at);

-- How often signing in failed lately; keyed by a hash of the account, the address, or both.
CREATE TABLE throttles (
    key BLOB NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttles_last ON throttles (last_at);

-- From where somebody signed in: an address, or the /64 network of one. Who comes from there again is no stranger.
ALTER TABLE sessions ADD COLUMN opened_from TEXT;

CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);
