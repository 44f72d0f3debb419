DROP TABLE former_epochs;
ALTER TABLE epoch DROP COLUMN timeline;
