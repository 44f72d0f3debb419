-- What is part of every address of a file that somebody makes; another value ends all that were made before.
CREATE TABLE file_links (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    link_id uuid NOT NULL
);
