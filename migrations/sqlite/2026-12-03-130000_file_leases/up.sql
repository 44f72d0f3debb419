-- Until when an upload counts as going on; its process renews it. NULL once it has ended.
ALTER TABLE file_objects ADD COLUMN arriving_until INTEGER;
UPDATE file_objects SET arriving_until = created_at WHERE status = 'uploading';
DROP INDEX file_objects_arriving;
CREATE INDEX file_objects_arriving ON file_objects (arriving_until) WHERE arriving_until IS NOT NULL;
CREATE INDEX file_objects_uploads ON file_objects (owner_id, arriving_until) WHERE arriving_until IS NOT NULL;

-- How often removing the bytes has failed.
ALTER TABLE file_objects ADD COLUMN purge_failures INTEGER NOT NULL DEFAULT 0;
CREATE INDEX file_objects_stuck ON file_objects (purge_at) WHERE purge_failures > 0;

-- What somebody has deleted, and what is still in the store.
ALTER TABLE file_usage ADD COLUMN trash_octets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file_usage ADD COLUMN trash_objects INTEGER NOT NULL DEFAULT 0;
UPDATE file_usage SET
    trash_octets = (SELECT coalesce(sum(o.size), 0) FROM file_objects o WHERE o.owner_id = file_usage.user_id AND o.refs = 0),
    trash_objects = (SELECT count(*) FROM file_objects o WHERE o.owner_id = file_usage.user_id AND o.refs = 0);
CREATE INDEX file_objects_trash ON file_objects (owner_id, purge_at) WHERE purge_at IS NOT NULL;
