-- The segment of the journal in which a stream is, and in which a change stands. On SQLite all is in one, and old changes
-- are deleted row by row.
ALTER TABLE streams ADD COLUMN segment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal ADD COLUMN segment INTEGER NOT NULL DEFAULT 0;
