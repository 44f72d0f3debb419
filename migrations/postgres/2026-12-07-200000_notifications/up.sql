-- What people are told. Without texts: these are read when it is shown.
CREATE TABLE notifications (
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    kind text NOT NULL,
    source_id uuid NOT NULL,
    -- Nobody: the nil id, which the unique key compares.
    actor_id uuid NOT NULL,
    target_type text NOT NULL,
    target_id uuid NOT NULL,
    chat_id uuid,
    message_id uuid,
    seq bigint,
    detail text,
    group_id uuid NOT NULL,
    group_key text NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz,
    read_at timestamptz,
    -- It stays for a while, so that nothing is told again.
    removed_at timestamptz,
    -- Nothing is told twice, even if it is read twice.
    UNIQUE (user_id, source_id, kind, actor_id)
);
-- The list of one person, all of it and of one type.
CREATE INDEX notifications_user ON notifications (user_id, id);
CREATE INDEX notifications_kind ON notifications (user_id, kind, id);
CREATE INDEX notifications_group ON notifications (group_id);
-- What ends with a chat, or is read with it.
CREATE INDEX notifications_chat ON notifications (user_id, chat_id, seq);
CREATE INDEX notifications_message ON notifications (message_id);
-- What an erasure or a block ends.
CREATE INDEX notifications_actor ON notifications (actor_id, id);
-- What is old enough to go.
CREATE INDEX notifications_created ON notifications (created_at);

CREATE TABLE notification_groups (
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    key text NOT NULL,
    kind text NOT NULL,
    latest_id uuid NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    unread bigint NOT NULL CHECK (unread BETWEEN 0 AND count)
);
CREATE INDEX notification_groups_user ON notification_groups (user_id, latest_id);
CREATE INDEX notification_groups_kind ON notification_groups (user_id, kind, latest_id);
CREATE INDEX notification_groups_key ON notification_groups (user_id, key, id);

-- How many are not read; also the lock of somebody's notifications.
CREATE TABLE notification_inboxes (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id),
    unread bigint NOT NULL CHECK (unread >= 0)
);

CREATE TABLE notification_preferences (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id),
    channels text NOT NULL,
    quiet_from text,
    quiet_to text,
    time_zone text,
    digest text NOT NULL CHECK (digest IN ('off', 'daily', 'weekly')),
    push_privacy text NOT NULL CHECK (push_privacy IN ('full', 'sender', 'nothing')),
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL,
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL) AND (quiet_from IS NULL) = (time_zone IS NULL))
);
