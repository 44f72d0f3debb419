-- Places to which events are posted.
CREATE TABLE webhooks (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    url TEXT NOT NULL,
    -- What it wants, separated by spaces.
    event_types TEXT NOT NULL,
    hears_server INTEGER NOT NULL,
    description TEXT,
    -- Encrypted under the key ring; NULL once it is deleted.
    keys BLOB,
    public_key TEXT,
    former_keys_until INTEGER,
    disabled_reason TEXT CHECK (disabled_reason IN ('owner', 'gone', 'failing')),
    -- How far the journal had come when it was made: it hears of what came later.
    epoch BLOB NOT NULL,
    heads TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Its deliveries are deleted later, in pieces.
    deleted_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_user ON webhooks (user_id, id);
CREATE INDEX webhooks_server ON webhooks (hears_server, id);
CREATE INDEX webhooks_deleted ON webhooks (deleted_at) WHERE deleted_at IS NOT NULL;

-- The queue of each endpoint, which is also its lock: nothing else of it changes with each delivery.
CREATE TABLE webhook_queues (
    webhook_id BLOB NOT NULL PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    -- When it gets its next call; NULL if nothing waits.
    due_at INTEGER,
    holder BLOB,
    lease_until INTEGER,
    -- How many deliveries wait, and how many others are kept.
    waiting INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    failing_since INTEGER,
    paused_until INTEGER
) STRICT;
CREATE INDEX webhook_queues_due ON webhook_queues (due_at);

-- An event for an endpoint. Its body stays in the journal. No foreign key: an endpoint goes after its deliveries.
CREATE TABLE webhook_deliveries (
    webhook_id BLOB NOT NULL,
    id BLOB NOT NULL,
    -- Where the event is in the journal; NULL for a test.
    stream INTEGER,
    position INTEGER,
    event_type TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    -- A JSON array of the last attempts.
    attempts TEXT NOT NULL,
    -- How many attempts of the present schedule were made.
    tries INTEGER NOT NULL,
    next_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (webhook_id, stream, position, event_type);
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (webhook_id, next_at);

-- What the owners of endpoints follow, as of the place in the journal up to which deliveries were noted.
CREATE TABLE webhook_topics (
    topic_kind TEXT NOT NULL,
    topic_id BLOB NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    after_seq INTEGER NOT NULL,
    PRIMARY KEY (topic_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_topics_user ON webhook_topics (user_id);
