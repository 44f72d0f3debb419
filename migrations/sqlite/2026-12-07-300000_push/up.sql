-- Where devices are reached that are not connected. A subscription ends with the session in which it was made.
CREATE TABLE push_subscriptions (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('web', 'fcm', 'apns')),
    -- A keyed hash of the endpoint or token: the same device has one subscription, whoever is signed in there.
    device BLOB NOT NULL UNIQUE,
    target BLOB NOT NULL,
    -- How much in a row the service has refused, and since when it does not answer.
    refusals INTEGER NOT NULL,
    failing_since INTEGER,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id, id);
CREATE INDEX push_subscriptions_session ON push_subscriptions (session_id);

-- What waits to be told to a device, without texts: these are made when it is sent.
CREATE TABLE pushes (
    id BLOB NOT NULL PRIMARY KEY,
    subscription_id BLOB NOT NULL REFERENCES push_subscriptions (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    source_id BLOB NOT NULL,
    -- Nobody: the nil id.
    actor_id BLOB NOT NULL,
    target_type TEXT NOT NULL,
    target_id BLOB NOT NULL,
    chat_id BLOB,
    message_id BLOB,
    seq INTEGER,
    notification_id BLOB,
    group_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- How many things of the group it stands for.
    count INTEGER NOT NULL CHECK (count > 0),
    until INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    -- Another one when something later has taken its place.
    revision BLOB NOT NULL,
    -- Something later takes the place of what waits.
    UNIQUE (subscription_id, group_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX pushes_user ON pushes (user_id);
CREATE INDEX pushes_actor ON pushes (actor_id, id);
CREATE INDEX pushes_until ON pushes (until);

-- The key of this server for the push services of browsers: one row, made once.
CREATE TABLE push_keys (
    id BLOB NOT NULL PRIMARY KEY,
    secret BLOB NOT NULL,
    public BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
