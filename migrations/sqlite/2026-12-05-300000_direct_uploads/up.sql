-- How many octets of the room of a person and of the server an upload takes before it has ended.
ALTER TABLE file_objects ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;

-- Uploads that go to the store without the server.
CREATE TABLE direct_uploads (
    object_id BLOB NOT NULL PRIMARY KEY REFERENCES file_objects (id) ON DELETE CASCADE,
    -- What its uploader calls it, as far as that can contradict the content.
    claim TEXT NOT NULL,
    -- Of the content, if its uploader has announced it.
    sha256 BLOB,
    -- Until when the address is good.
    expires_at INTEGER NOT NULL,
    -- Which call is completing it; NULL if none is.
    completed_by BLOB
) STRICT;
