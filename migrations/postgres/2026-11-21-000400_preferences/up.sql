-- What people want; who has no row wants what most do.
CREATE TABLE preferences (
    user_id UUID NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    language TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    theme TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    messages_from TEXT NOT NULL,
    read_receipts BOOLEAN NOT NULL,
    notify_about TEXT NOT NULL,
    notify_by_push BOOLEAN NOT NULL,
    notify_by_mail BOOLEAN NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);
