-- Who reads the journal, to make something out of every change: in which journal, and which store works until when.
CREATE TABLE readers (
    name TEXT NOT NULL PRIMARY KEY,
    epoch BLOB NOT NULL,
    holder BLOB,
    lease_until INTEGER,
    CHECK ((holder IS NULL) = (lease_until IS NULL))
) STRICT, WITHOUT ROWID;

-- How far it has come in each stream. Stream -1 is the audit log.
CREATE TABLE reader_positions (
    reader TEXT NOT NULL REFERENCES readers (name) ON DELETE CASCADE,
    stream INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (reader, stream)
) STRICT, WITHOUT ROWID;
