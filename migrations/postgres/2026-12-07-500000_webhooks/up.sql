-- Places to which events are posted.
CREATE TABLE webhooks (
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    url text NOT NULL,
    -- What it wants, separated by spaces.
    event_types text NOT NULL,
    hears_server boolean NOT NULL,
    description text,
    -- Encrypted under the key ring; NULL once it is deleted.
    keys bytea,
    public_key text,
    former_keys_until timestamptz,
    disabled_reason text CHECK (disabled_reason IN ('owner', 'gone', 'failing')),
    -- How far the journal had come when it was made: it hears of what came later.
    epoch uuid NOT NULL,
    heads text NOT NULL,
    created_at timestamptz NOT NULL,
    -- Its deliveries are deleted later, in pieces.
    deleted_at timestamptz,
    version bigint NOT NULL
);
CREATE INDEX webhooks_user ON webhooks (user_id, id);
CREATE INDEX webhooks_server ON webhooks (hears_server, id);
CREATE INDEX webhooks_deleted ON webhooks (deleted_at) WHERE deleted_at IS NOT NULL;

-- The queue of each endpoint, which is also its lock: nothing else of it changes with each delivery.
CREATE TABLE webhook_queues (
    webhook_id uuid NOT NULL PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    -- When it gets its next call; NULL if nothing waits.
    due_at timestamptz,
    holder uuid,
    lease_until timestamptz,
    -- How many deliveries wait, and how many others are kept.
    waiting integer NOT NULL,
    kept integer NOT NULL,
    failures integer NOT NULL,
    failing_since timestamptz,
    paused_until timestamptz
);
CREATE INDEX webhook_queues_due ON webhook_queues (due_at);

-- An event for an endpoint. Its body stays in the journal. No foreign key: an endpoint goes after its deliveries.
CREATE TABLE webhook_deliveries (
    webhook_id uuid NOT NULL,
    id uuid NOT NULL,
    -- Where the event is in the journal; NULL for a test.
    stream smallint,
    position bigint,
    event_type text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    -- A JSON array of the last attempts.
    attempts text NOT NULL,
    -- How many attempts of the present schedule were made.
    tries integer NOT NULL,
    next_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (webhook_id, id)
);
CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (webhook_id, stream, position, event_type);
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (webhook_id, next_at);

-- What the owners of endpoints follow, as of the place in the journal up to which deliveries were noted.
CREATE TABLE webhook_topics (
    topic_kind text NOT NULL,
    topic_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    after_seq bigint NOT NULL,
    PRIMARY KEY (topic_id, user_id)
);
CREATE INDEX webhook_topics_user ON webhook_topics (user_id);
