-- The bytes of files. A row is there before the first byte, and goes after the last one.
CREATE TABLE file_objects (
    id uuid NOT NULL PRIMARY KEY,
    -- NULL after the erasure of the owner.
    owner_id uuid REFERENCES users (id) ON DELETE SET NULL,
    status text NOT NULL,
    size bigint NOT NULL,
    -- NULL while it arrives.
    sha256 bytea,
    type text NOT NULL,
    -- How many files have this content.
    refs bigint NOT NULL,
    created_at timestamptz NOT NULL,
    -- When the bytes go, if no file has this content any more.
    purge_at timestamptz
);
-- The same content again, of the same owner.
CREATE INDEX file_objects_owner ON file_objects (owner_id, sha256);
CREATE INDEX file_objects_purge ON file_objects (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX file_objects_arriving ON file_objects (created_at) WHERE status = 'uploading';

CREATE TABLE files (
    id uuid NOT NULL PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    object_id uuid NOT NULL REFERENCES file_objects (id),
    name text NOT NULL,
    purpose text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX files_owner ON files (owner_id, id);
CREATE INDEX files_purpose ON files (owner_id, purpose, id);
CREATE INDEX files_object ON files (object_id);

-- How much somebody has.
CREATE TABLE file_usage (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    octets bigint NOT NULL,
    files bigint NOT NULL
);

-- What is stored for all people together, and what waits to be purged.
CREATE TABLE file_totals (
    single smallint NOT NULL PRIMARY KEY CHECK (single = 1),
    octets bigint NOT NULL,
    objects bigint NOT NULL
);
INSERT INTO file_totals (single, octets, objects) VALUES (1, 0, 0);
