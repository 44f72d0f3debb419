-- Which version of what looks into files has seen it; 0 if none that says so has.
ALTER TABLE file_objects ADD COLUMN looked_by INTEGER NOT NULL DEFAULT 0;
CREATE INDEX file_objects_unseen ON file_objects (looked_by) WHERE status = 'ready' AND seen IS NULL;
-- When thumbnails and the copy without metadata were made.
ALTER TABLE file_objects ADD COLUMN made_at INTEGER;
-- Until when what was uploaded stays beside the copy without metadata.
ALTER TABLE file_objects ADD COLUMN original_until INTEGER;
CREATE INDEX file_objects_originals ON file_objects (original_until) WHERE original_until IS NOT NULL;
-- How often in a row looking at it has failed although whoever looks was there.
ALTER TABLE file_objects ADD COLUMN faults INTEGER NOT NULL DEFAULT 0;
-- The number in `signatures`; 0 if there is none.
ALTER TABLE file_objects ADD COLUMN signature_number INTEGER NOT NULL DEFAULT 0;
-- Its bytes may still appear in the store, so it never goes early.
ALTER TABLE file_objects ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
