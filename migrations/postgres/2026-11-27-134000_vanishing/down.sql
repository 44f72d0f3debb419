ALTER TABLE presence DROP COLUMN vanished_at, DROP COLUMN vanished_as;
