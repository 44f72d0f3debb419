-- Changes about a subject are read in pieces, in the order of their places.
DROP INDEX journal_subject;
CREATE INDEX journal_subject ON journal (subject_id, stream, position) WHERE subject_id IS NOT NULL;
