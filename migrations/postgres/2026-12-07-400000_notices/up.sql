-- Emails about notifications. What they say is made when they are sent.
CREATE TABLE notice_mails (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    -- Of a digest.
    rhythm text CHECK (rhythm IN ('daily', 'weekly')),
    period text,
    since timestamptz,
    -- How many things belong to it of which nothing else is known.
    more bigint NOT NULL,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    outcome text CHECK (outcome IN ('sent', 'dropped', 'refused')),
    -- One digest of a period, whoever makes it.
    CONSTRAINT notice_mails_period UNIQUE (user_id, period),
    CHECK ((rhythm IS NULL) = (period IS NULL) AND (rhythm IS NULL) = (since IS NULL)),
    CHECK ((settled_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX notice_mails_recent ON notice_mails (user_id, created_at);
CREATE INDEX notice_mails_created ON notice_mails (created_at);

-- What is to be told by mail, without texts. Without an email, it waits.
CREATE TABLE notices (
    -- Follows from the person, the type, the source and the actor, so that nothing is told twice.
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    kind text NOT NULL,
    notification_id uuid,
    source_id uuid NOT NULL,
    actor_id uuid REFERENCES users (id),
    target_type text NOT NULL,
    target_id uuid NOT NULL,
    chat_id uuid,
    message_id uuid,
    seq bigint,
    group_key text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    mail_id uuid REFERENCES notice_mails (id) ON DELETE CASCADE
);
CREATE INDEX notices_user ON notices (user_id, mail_id, at);
CREATE INDEX notices_mail ON notices (mail_id);
CREATE INDEX notices_actor ON notices (actor_id);
CREATE INDEX notices_at ON notices (at);

-- How much waits for somebody, and when to look at it.
CREATE TABLE notice_queues (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    next_at timestamptz,
    waiting bigint NOT NULL CHECK (waiting >= 0),
    more bigint NOT NULL CHECK (more >= 0)
);
CREATE INDEX notice_queues_next ON notice_queues (next_at);

-- Who wants a digest, and when the next one is due.
CREATE TABLE notice_digests (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    rhythm text NOT NULL CHECK (rhythm IN ('daily', 'weekly')),
    since timestamptz NOT NULL,
    next_at timestamptz NOT NULL
);
CREATE INDEX notice_digests_next ON notice_digests (next_at);

-- Addresses from which emails come back. The address itself is a keyed hash.
CREATE TABLE notice_addresses (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    address bytea NOT NULL,
    bounces smallint NOT NULL,
    mail_id uuid NOT NULL,
    dead_at timestamptz
);
