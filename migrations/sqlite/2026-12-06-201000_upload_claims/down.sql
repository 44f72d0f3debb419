ALTER TABLE file_objects DROP COLUMN claim_id;
