-- Since when a file waits to be examined. NULL once that is done.
ALTER TABLE file_objects ADD COLUMN scanning_since INTEGER;
CREATE INDEX file_objects_scanning ON file_objects (scanning_since) WHERE scanning_since IS NOT NULL;
CREATE INDEX file_objects_scanned_of ON file_objects (owner_id, scanning_since) WHERE scanning_since IS NOT NULL;

-- What the virus scanner has said, with which signatures, what it found, and when.
ALTER TABLE file_objects ADD COLUMN scan TEXT NOT NULL DEFAULT 'none';
ALTER TABLE file_objects ADD COLUMN signatures TEXT;
ALTER TABLE file_objects ADD COLUMN virus TEXT;
ALTER TABLE file_objects ADD COLUMN scanned_at INTEGER NOT NULL DEFAULT 0;
-- Those that were scanned longest ago come first.
CREATE INDEX file_objects_scans ON file_objects (status, scanned_at);
-- The same content of anybody.
CREATE INDEX file_objects_sha256 ON file_objects (sha256);

-- What is in it, as JSON.
ALTER TABLE file_objects ADD COLUMN seen TEXT;
-- The picture without its metadata, which takes the place of what was uploaded.
ALTER TABLE file_objects ADD COLUMN clean_size INTEGER;
ALTER TABLE file_objects ADD COLUMN clean_sha256 BLOB;

-- It does not fit its purpose.
ALTER TABLE files ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;

-- Pictures and recordings that are there already are examined, too.
UPDATE file_objects SET status = 'scanning', scanning_since = created_at
WHERE status = 'ready' AND type IN (
    'image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/heic', 'image/avif',
    'video/mp4', 'video/quicktime', 'video/3gpp', 'video/webm', 'video/x-matroska',
    'audio/mp4', 'audio/webm', 'audio/x-matroska', 'audio/ogg', 'audio/mpeg', 'audio/flac', 'audio/wav', 'audio/aac');
