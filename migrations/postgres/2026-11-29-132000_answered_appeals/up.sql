-- Appeals that whoever decided first also answered, because nobody else could.
ALTER TABLE statements ADD COLUMN self_answered boolean NOT NULL DEFAULT false;
-- Undecided appeals, for the list of moderators.
CREATE INDEX statements_appeals ON statements (appeal_status, report_id);
