-- Who reads the journal, to make something out of every change: in which journal, and which store works until when.
CREATE TABLE readers (
    name text NOT NULL PRIMARY KEY,
    epoch uuid NOT NULL,
    holder uuid,
    lease_until timestamptz,
    CHECK ((holder IS NULL) = (lease_until IS NULL))
);

-- How far it has come in each stream. Stream -1 is the audit log.
CREATE TABLE reader_positions (
    reader text NOT NULL REFERENCES readers (name) ON DELETE CASCADE,
    stream smallint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (reader, stream)
);
