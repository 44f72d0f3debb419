-- The timeline of the server on which changes are appended, so that the first who appends on another one notices. Empty
-- until somebody looks, and where the role may not ask for it.
ALTER TABLE epoch ADD COLUMN timeline BIGINT;

-- The epochs that others have followed, and how far each came that the next one has all of.
CREATE TABLE former_epochs (
    epoch UUID NOT NULL PRIMARY KEY,
    successor UUID NOT NULL,
    heads TEXT NOT NULL
);
