-- What people are told. Without texts: these are read when it is shown.
CREATE TABLE notifications (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    source_id BLOB NOT NULL,
    -- Nobody: the nil id, which the unique key compares.
    actor_id BLOB NOT NULL,
    target_type TEXT NOT NULL,
    target_id BLOB NOT NULL,
    chat_id BLOB,
    message_id BLOB,
    seq INTEGER,
    detail TEXT,
    group_id BLOB NOT NULL,
    group_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER,
    read_at INTEGER,
    -- It stays for a while, so that nothing is told again.
    removed_at INTEGER,
    -- Nothing is told twice, even if it is read twice.
    UNIQUE (user_id, source_id, kind, actor_id)
) STRICT;
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
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    latest_id BLOB NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    unread INTEGER NOT NULL CHECK (unread BETWEEN 0 AND count)
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_groups_user ON notification_groups (user_id, latest_id);
CREATE INDEX notification_groups_kind ON notification_groups (user_id, kind, latest_id);
CREATE INDEX notification_groups_key ON notification_groups (user_id, key, id);

-- How many are not read; also the lock of somebody's notifications.
CREATE TABLE notification_inboxes (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    unread INTEGER NOT NULL CHECK (unread >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE notification_preferences (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    channels TEXT NOT NULL,
    quiet_from TEXT,
    quiet_to TEXT,
    time_zone TEXT,
    digest TEXT NOT NULL CHECK (digest IN ('off', 'daily', 'weekly')),
    push_privacy TEXT NOT NULL CHECK (push_privacy IN ('full', 'sender', 'nothing')),
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL) AND (quiet_from IS NULL) = (time_zone IS NULL))
) STRICT, WITHOUT ROWID;
