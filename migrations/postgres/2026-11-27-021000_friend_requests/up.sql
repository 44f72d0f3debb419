-- A list of friends, the latest first.
CREATE INDEX friendships_since ON friendships (user_id, since, friend_id);

-- How many friends somebody has, and how often that list has changed: what is cached of it is found under this version.
CREATE TABLE friend_lists (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    friends bigint NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE friend_requests (
    id uuid NOT NULL PRIMARY KEY,
    from_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    to_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    message text,
    status text NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected', 'cancelled', 'expired')),
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    CHECK (from_id <> to_id)
);
CREATE UNIQUE INDEX friend_requests_open ON friend_requests (from_id, to_id) WHERE status = 'pending';
CREATE INDEX friend_requests_from ON friend_requests (from_id, created_at, id);
CREATE INDEX friend_requests_to ON friend_requests (to_id, created_at, id);
CREATE INDEX friend_requests_pending ON friend_requests (created_at) WHERE status = 'pending';
CREATE INDEX friend_requests_decided ON friend_requests (decided_at) WHERE decided_at IS NOT NULL;

CREATE TABLE dismissed_suggestions (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    dismissed_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    dismissed_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, dismissed_id),
    CHECK (user_id <> dismissed_id)
);
CREATE INDEX dismissed_suggestions_dismissed ON dismissed_suggestions (dismissed_id);
