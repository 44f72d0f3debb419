-- The pieces of exports that are read from the store of files when somebody downloads them: the content of a file, from
-- its first piece on. Nothing of it is stored twice.
CREATE TABLE export_files (
    export_id uuid NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
    first integer NOT NULL,
    -- It may be gone.
    object_id uuid NOT NULL,
    -- Whether it is the picture without its metadata.
    clean boolean NOT NULL,
    size bigint NOT NULL,
    PRIMARY KEY (export_id, first)
);
