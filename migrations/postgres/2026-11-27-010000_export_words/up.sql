-- Exports use the same words as every other job that clients watch.
ALTER TABLE exports DROP CONSTRAINT exports_status_check;
UPDATE exports SET status = 'queued' WHERE status = 'waiting';
ALTER TABLE exports ADD CONSTRAINT exports_status_check CHECK (status IN ('queued', 'running', 'ready', 'failed'));
