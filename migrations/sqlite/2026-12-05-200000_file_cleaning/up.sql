-- What jobs have cleaned up among files since the audit log was last told.
CREATE TABLE file_cleaning (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    since INTEGER NOT NULL,
    unattached INTEGER NOT NULL,
    unattached_octets INTEGER NOT NULL,
    unfinished INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    deleted_octets INTEGER NOT NULL
) STRICT;
INSERT INTO file_cleaning (single, since, unattached, unattached_octets, unfinished, deleted, deleted_octets)
VALUES (1, 0, 0, 0, 0, 0, 0);
