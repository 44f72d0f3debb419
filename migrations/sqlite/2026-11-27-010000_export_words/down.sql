ALTER TABLE exports ADD COLUMN words TEXT NOT NULL DEFAULT 'waiting' CHECK (words IN ('waiting', 'running', 'ready', 'failed'));
UPDATE exports SET words = CASE status WHEN 'queued' THEN 'waiting' ELSE status END;
ALTER TABLE exports DROP COLUMN status;
ALTER TABLE exports RENAME COLUMN words TO status;
