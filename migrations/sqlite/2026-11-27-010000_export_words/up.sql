-- Exports use the same words as every other job that clients watch. A check cannot be changed, so its column is replaced.
ALTER TABLE exports ADD COLUMN words TEXT NOT NULL DEFAULT 'queued' CHECK (words IN ('queued', 'running', 'ready', 'failed'));
UPDATE exports SET words = CASE status WHEN 'waiting' THEN 'queued' ELSE status END;
ALTER TABLE exports DROP COLUMN status;
ALTER TABLE exports RENAME COLUMN words TO status;
