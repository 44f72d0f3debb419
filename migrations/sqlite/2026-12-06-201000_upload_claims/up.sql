-- The Idempotency-Key of an upload, as a keyed hash, while it arrives: no second upload with it begins.
ALTER TABLE file_objects ADD COLUMN claim_id BLOB;
