CREATE TABLE groups (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    rules TEXT,
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'closed', 'secret')),
    -- Nobody, from the deletion on.
    owner_id BLOB REFERENCES users (id),
    member_count INTEGER NOT NULL,
    chat_id BLOB NOT NULL UNIQUE REFERENCES chats (id),
    created_at INTEGER NOT NULL,
    -- Hidden from everybody; a job takes out what is left.
    deleted_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX groups_owner ON groups (owner_id);
CREATE INDEX groups_directory ON groups (id) WHERE visibility <> 'secret' AND deleted_at IS NULL;

-- One row for everybody who has to do with a group, so that nobody stands to it in two ways.
CREATE TABLE group_people (
    group_id BLOB NOT NULL REFERENCES groups (id),
    user_id BLOB NOT NULL REFERENCES users (id),
    status TEXT NOT NULL CHECK (status IN ('member', 'pending', 'invited', 'banned')),
    role TEXT CHECK (role IN ('owner', 'admin', 'moderator', 'member')),
    since INTEGER NOT NULL,
    PRIMARY KEY (group_id, user_id),
    CHECK ((role IS NOT NULL) = (status = 'member'))
) STRICT, WITHOUT ROWID;
CREATE INDEX group_people_user ON group_people (user_id, group_id);
CREATE INDEX group_people_status ON group_people (group_id, status, since, user_id);
CREATE INDEX group_people_role ON group_people (group_id, role, since, user_id);
CREATE UNIQUE INDEX group_people_owner ON group_people (group_id) WHERE role = 'owner';

CREATE TABLE group_links (
    id BLOB PRIMARY KEY,
    group_id BLOB NOT NULL REFERENCES groups (id),
    code_hash BLOB NOT NULL UNIQUE,
    created_by BLOB NOT NULL REFERENCES users (id),
    max_uses INTEGER,
    uses INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX group_links_group ON group_links (group_id, id);
CREATE INDEX group_links_maker ON group_links (created_by);

-- The folded words of the names, compared octet by octet.
CREATE TABLE group_words (
    word TEXT NOT NULL,
    group_id BLOB NOT NULL REFERENCES groups (id),
    PRIMARY KEY (word, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_words_group ON group_words (group_id);
