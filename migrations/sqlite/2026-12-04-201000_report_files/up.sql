-- The files that somebody attaches to a report, in their order. They go with the report, and with the file.
CREATE TABLE report_files (
    report_id BLOB NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    file_id BLOB NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    PRIMARY KEY (report_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_files_file ON report_files (file_id);
