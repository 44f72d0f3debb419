ALTER TABLE exports DROP CONSTRAINT exports_status_check;
UPDATE exports SET status = 'waiting' WHERE status = 'queued';
ALTER TABLE exports ADD CONSTRAINT exports_status_check CHECK (status IN ('waiting', 'running', 'ready', 'failed'));
