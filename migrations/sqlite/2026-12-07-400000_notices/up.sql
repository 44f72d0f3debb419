-- Emails about notifications. What they say is made when they are sent.
CREATE TABLE notice_mails (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    -- Of a digest.
    rhythm TEXT CHECK (rhythm IN ('daily', 'weekly')),
    period TEXT,
    since INTEGER,
    -- How many things belong to it of which nothing else is known.
    more INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    outcome TEXT CHECK (outcome IN ('sent', 'dropped', 'refused')),
    -- One digest of a period, whoever makes it.
    UNIQUE (user_id, period),
    CHECK ((rhythm IS NULL) = (period IS NULL) AND (rhythm IS NULL) = (since IS NULL)),
    CHECK ((settled_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_mails_recent ON notice_mails (user_id, created_at);
CREATE INDEX notice_mails_created ON notice_mails (created_at);

-- What is to be told by mail, without texts. Without an email, it waits.
CREATE TABLE notices (
    -- Follows from the person, the type, the source and the actor, so that nothing is told twice.
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    notification_id BLOB,
    source_id BLOB NOT NULL,
    actor_id BLOB REFERENCES users (id),
    target_type TEXT NOT NULL,
    target_id BLOB NOT NULL,
    chat_id BLOB,
    message_id BLOB,
    seq INTEGER,
    group_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    mail_id BLOB REFERENCES notice_mails (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_user ON notices (user_id, mail_id, at);
CREATE INDEX notices_mail ON notices (mail_id);
CREATE INDEX notices_actor ON notices (actor_id);
CREATE INDEX notices_at ON notices (at);

-- How much waits for somebody, and when to look at it.
CREATE TABLE notice_queues (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    next_at INTEGER,
    waiting INTEGER NOT NULL CHECK (waiting >= 0),
    more INTEGER NOT NULL CHECK (more >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_queues_next ON notice_queues (next_at);

-- Who wants a digest, and when the next one is due.
CREATE TABLE notice_digests (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    rhythm TEXT NOT NULL CHECK (rhythm IN ('daily', 'weekly')),
    since INTEGER NOT NULL,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_digests_next ON notice_digests (next_at);

-- Addresses from which emails come back. The address itself is a keyed hash.
CREATE TABLE notice_addresses (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    address BLOB NOT NULL,
    bounces INTEGER NOT NULL,
    mail_id BLOB NOT NULL,
    dead_at INTEGER
) STRICT, WITHOUT ROWID;
