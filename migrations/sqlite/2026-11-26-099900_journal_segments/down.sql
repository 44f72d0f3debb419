ALTER TABLE journal DROP COLUMN segment;
ALTER TABLE streams DROP COLUMN segment;
