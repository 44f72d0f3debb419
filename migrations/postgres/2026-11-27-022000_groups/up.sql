CREATE TABLE groups (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    description text,
    rules text,
    visibility text NOT NULL CHECK (visibility IN ('public', 'closed', 'secret')),
    -- Nobody, from the deletion on.
    owner_id uuid REFERENCES users (id),
    member_count bigint NOT NULL,
    chat_id uuid NOT NULL UNIQUE REFERENCES chats (id),
    created_at timestamptz NOT NULL,
    -- Hidden from everybody; a job takes out what is left.
    deleted_at timestamptz,
    version bigint NOT NULL
);
CREATE INDEX groups_owner ON groups (owner_id);
CREATE INDEX groups_directory ON groups (id) WHERE visibility <> 'secret' AND deleted_at IS NULL;

-- One row for everybody who has to do with a group, so that nobody stands to it in two ways.
CREATE TABLE group_people (
    group_id uuid NOT NULL REFERENCES groups (id),
    user_id uuid NOT NULL REFERENCES users (id),
    status text NOT NULL CHECK (status IN ('member', 'pending', 'invited', 'banned')),
    role text CHECK (role IN ('owner', 'admin', 'moderator', 'member')),
    since timestamptz NOT NULL,
    PRIMARY KEY (group_id, user_id),
    CHECK ((role IS NOT NULL) = (status = 'member'))
);
CREATE INDEX group_people_user ON group_people (user_id, group_id);
CREATE INDEX group_people_status ON group_people (group_id, status, since, user_id);
CREATE INDEX group_people_role ON group_people (group_id, role, since, user_id);
CREATE UNIQUE INDEX group_people_owner ON group_people (group_id) WHERE role = 'owner';

CREATE TABLE group_links (
    id uuid PRIMARY KEY,
    group_id uuid NOT NULL REFERENCES groups (id),
    code_hash bytea NOT NULL UNIQUE,
    created_by uuid NOT NULL REFERENCES users (id),
    max_uses integer,
    uses integer NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX group_links_group ON group_links (group_id, id);
CREATE INDEX group_links_maker ON group_links (created_by);

-- The folded words of the names, compared octet by octet.
CREATE TABLE group_words (
    word text COLLATE "C" NOT NULL,
    group_id uuid NOT NULL REFERENCES groups (id),
    PRIMARY KEY (word, group_id)
);
CREATE INDEX group_words_group ON group_words (group_id);
