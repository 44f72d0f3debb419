ALTER TABLE file_objects DROP COLUMN late;
ALTER TABLE file_objects DROP COLUMN signature_number;
ALTER TABLE file_objects DROP COLUMN faults;
DROP INDEX file_objects_originals;
ALTER TABLE file_objects DROP COLUMN original_until;
ALTER TABLE file_objects DROP COLUMN made_at;
DROP INDEX file_objects_unseen;
ALTER TABLE file_objects DROP COLUMN looked_by;
