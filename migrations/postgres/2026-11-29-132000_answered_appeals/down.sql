DROP INDEX statements_appeals;
ALTER TABLE statements DROP COLUMN self_answered;
