-- The timeline of the server on which changes are appended, and the epochs that others have followed. Both stay empty here:
-- only servers of PostgreSQL have timelines.
ALTER TABLE epoch ADD COLUMN timeline INTEGER;

CREATE TABLE former_epochs (
    epoch BLOB NOT NULL PRIMARY KEY,
    successor BLOB NOT NULL,
    heads TEXT NOT NULL
) STRICT, WITHOUT ROWID;
