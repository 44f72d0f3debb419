-- The bytes of files that are evidence of a report: they stay as long as it does, also when the file is deleted.
CREATE TABLE held_objects (
    report_id uuid NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    file_id uuid NOT NULL,
    object_id uuid NOT NULL REFERENCES file_objects (id),
    -- Whether the file could be read when it was reported.
    ready boolean NOT NULL,
    PRIMARY KEY (report_id, file_id)
);
CREATE INDEX held_objects_file ON held_objects (file_id);
CREATE INDEX held_objects_object ON held_objects (object_id);
