-- Appeals that whoever decided first also answered, because nobody else could.
ALTER TABLE statements ADD COLUMN self_answered INTEGER NOT NULL DEFAULT 0;
-- Undecided appeals, for the list of moderators.
CREATE INDEX statements_appeals ON statements (appeal_status, report_id);
