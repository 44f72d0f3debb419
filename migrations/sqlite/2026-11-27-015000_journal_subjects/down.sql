DROP INDEX journal_subject;
CREATE INDEX journal_subject ON journal (subject_id) WHERE subject_id IS NOT NULL;
