-- Pictures of people and things. Each is a file, which may be gone until a job has noticed that.
ALTER TABLE users ADD COLUMN avatar_id BLOB;
ALTER TABLE users ADD COLUMN cover_id BLOB;
ALTER TABLE groups ADD COLUMN avatar_id BLOB;
ALTER TABLE groups ADD COLUMN cover_id BLOB;
-- That of the chat of a group is the avatar of the group.
ALTER TABLE chats ADD COLUMN avatar_id BLOB;
ALTER TABLE pets ADD COLUMN avatar_id BLOB;
CREATE TABLE pet_photos (
    pet_id BLOB NOT NULL REFERENCES pets (id),
    place INTEGER NOT NULL,
    file_id BLOB NOT NULL,
    PRIMARY KEY (pet_id, place)
) STRICT, WITHOUT ROWID;

-- Who sees a file, and whether it is a picture of anything.
CREATE INDEX users_avatar ON users (avatar_id) WHERE avatar_id IS NOT NULL;
CREATE INDEX users_cover ON users (cover_id) WHERE cover_id IS NOT NULL;
CREATE INDEX groups_avatar ON groups (avatar_id) WHERE avatar_id IS NOT NULL;
CREATE INDEX groups_cover ON groups (cover_id) WHERE cover_id IS NOT NULL;
CREATE INDEX chats_avatar ON chats (avatar_id) WHERE avatar_id IS NOT NULL;
CREATE INDEX pets_avatar ON pets (avatar_id) WHERE avatar_id IS NOT NULL;
CREATE INDEX pet_photos_file ON pet_photos (file_id);
