DROP INDEX file_objects_trash;
ALTER TABLE file_usage DROP COLUMN trash_objects;
ALTER TABLE file_usage DROP COLUMN trash_octets;
DROP INDEX file_objects_stuck;
ALTER TABLE file_objects DROP COLUMN purge_failures;
DROP INDEX file_objects_uploads;
DROP INDEX file_objects_arriving;
ALTER TABLE file_objects DROP COLUMN arriving_until;
CREATE INDEX file_objects_arriving ON file_objects (created_at) WHERE status = 'uploading';
