-- What jobs have cleaned up among files since the audit log was last told.
CREATE TABLE file_cleaning (
    single smallint NOT NULL PRIMARY KEY CHECK (single = 1),
    since timestamptz NOT NULL,
    unattached bigint NOT NULL,
    unattached_octets bigint NOT NULL,
    unfinished bigint NOT NULL,
    deleted bigint NOT NULL,
    deleted_octets bigint NOT NULL
);
INSERT INTO file_cleaning (single, since, unattached, unattached_octets, unfinished, deleted, deleted_octets)
VALUES (1, 'epoch', 0, 0, 0, 0, 0);
