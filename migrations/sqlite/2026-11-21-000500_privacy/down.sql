DROP TABLE erasures;
DROP TABLE export_chunks;
DROP TABLE exports;
ALTER TABLE users DROP COLUMN deleted_at;
ALTER TABLE users DROP COLUMN erase_at;
