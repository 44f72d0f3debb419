ALTER TABLE presence DROP COLUMN vanished_at;
ALTER TABLE presence DROP COLUMN vanished_as;
