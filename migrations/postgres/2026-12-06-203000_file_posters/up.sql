-- The picture whose thumbnails a video has. It may be gone until a job has noticed that.
CREATE TABLE file_posters (
    file_id uuid NOT NULL PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    poster_id uuid NOT NULL
);
CREATE INDEX file_posters_poster ON file_posters (poster_id);
