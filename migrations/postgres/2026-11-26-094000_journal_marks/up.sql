-- How far the journal reached when it was swept. What stands before a mark is as old as the mark, whatever the clock of its
-- writer said; and how old a mark is, is measured from sweep to sweep.
CREATE TABLE journal_marks (
    measured BIGINT NOT NULL PRIMARY KEY,
    marked_at TIMESTAMPTZ NOT NULL,
    heads TEXT NOT NULL
);
