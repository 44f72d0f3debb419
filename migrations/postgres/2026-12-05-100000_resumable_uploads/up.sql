-- Uploads that can be continued. The row goes when the upload has become a file, or with its bytes.
CREATE TABLE resumable_uploads (
    object_id uuid NOT NULL PRIMARY KEY REFERENCES file_objects (id) ON DELETE CASCADE,
    file_id uuid NOT NULL,
    -- How many octets are durable.
    arrived bigint NOT NULL,
    -- What the store needs to go on.
    state text NOT NULL,
    -- The type that the client has given to it.
    named text,
    -- Which call is writing to it; that counts as long as the lease of the object.
    writer uuid,
    expires_at timestamptz NOT NULL
);
CREATE INDEX resumable_uploads_expires ON resumable_uploads (expires_at);
