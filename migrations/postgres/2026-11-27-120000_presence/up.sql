-- What people say they are doing, and when they were last seen.
CREATE TABLE presence (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    status text NOT NULL DEFAULT 'online',
    until timestamptz,
    last_seen_at timestamptz
);
