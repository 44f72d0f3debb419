-- Where devices are reached that are not connected. A subscription ends with the session in which it was made.
CREATE TABLE push_subscriptions (
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('web', 'fcm', 'apns')),
    -- A keyed hash of the endpoint or token: the same device has one subscription, whoever is signed in there.
    device bytea NOT NULL UNIQUE,
    target bytea NOT NULL,
    -- How much in a row the service has refused, and since when it does not answer.
    refusals smallint NOT NULL,
    failing_since timestamptz,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id, id);
CREATE INDEX push_subscriptions_session ON push_subscriptions (session_id);

-- What waits to be told to a device, without texts: these are made when it is sent.
CREATE TABLE pushes (
    id uuid NOT NULL PRIMARY KEY,
    subscription_id uuid NOT NULL REFERENCES push_subscriptions (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id),
    kind text NOT NULL,
    source_id uuid NOT NULL,
    -- Nobody: the nil id.
    actor_id uuid NOT NULL,
    target_type text NOT NULL,
    target_id uuid NOT NULL,
    chat_id uuid,
    message_id uuid,
    seq bigint,
    notification_id uuid,
    group_key text NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    -- How many things of the group it stands for.
    count bigint NOT NULL CHECK (count > 0),
    until timestamptz NOT NULL,
    tries smallint NOT NULL,
    -- Another one when something later has taken its place.
    revision uuid NOT NULL,
    -- Something later takes the place of what waits.
    UNIQUE (subscription_id, group_key)
);
CREATE INDEX pushes_user ON pushes (user_id);
CREATE INDEX pushes_actor ON pushes (actor_id, id);
CREATE INDEX pushes_until ON pushes (until);

-- The key of this server for the push services of browsers: one row, made once.
CREATE TABLE push_keys (
    id uuid NOT NULL PRIMARY KEY,
    secret bytea NOT NULL,
    public bytea NOT NULL,
    created_at timestamptz NOT NULL
);
