-- What people did: a row for each kind, thing and day.
CREATE TABLE activity (
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day integer NOT NULL,
    kind text NOT NULL,
    target_kind text NOT NULL,
    target_id uuid NOT NULL,
    at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    UNIQUE (user_id, day, kind, target_id)
);
-- The log of one person, all of it and of one kind.
CREATE INDEX activity_user ON activity (user_id, at, id);
CREATE INDEX activity_kind ON activity (user_id, kind, at, id);
-- What is old enough to go.
CREATE INDEX activity_at ON activity (at);

-- What was done before does not come back, even if it is read later.
CREATE TABLE activity_clearings (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    cleared_at timestamptz NOT NULL
);
