ALTER TABLE chats DROP CONSTRAINT chats_type_check;
ALTER TABLE chats ADD CONSTRAINT chats_type_check CHECK (type IN ('private', 'group', 'channel'));
ALTER TABLE chats
    ADD COLUMN visibility text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'public')),
    -- What people who come later see of what was said before.
    ADD COLUMN history text NOT NULL DEFAULT 'all' CHECK (history IN ('all', 'since_join')),
    -- What members may do, a bit for each right: by default they post and add others.
    ADD COLUMN rights bigint NOT NULL DEFAULT 17,
    -- The group whose chat it is: it decides about its people and its name.
    ADD COLUMN group_id uuid,
    -- How many of its messages the system wrote, deleted ones included.
    ADD COLUMN system_count bigint NOT NULL DEFAULT 0,
    -- Hidden from everybody; a job takes out what is left.
    ADD COLUMN deleted_at timestamptz;
UPDATE chats SET rights = 5 WHERE type = 'private';
UPDATE chats SET group_id = groups.id FROM groups WHERE groups.chat_id = chats.id;
CREATE INDEX chats_directory ON chats (id) WHERE visibility = 'public' AND deleted_at IS NULL;
CREATE INDEX chats_directory_type ON chats (type, id) WHERE visibility = 'public' AND deleted_at IS NULL;

-- The folded words of the titles, compared octet by octet.
CREATE TABLE chat_words (
    word text COLLATE "C" NOT NULL,
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    PRIMARY KEY (word, chat_id)
);
CREATE INDEX chat_words_chat ON chat_words (chat_id, word);

ALTER TABLE participants DROP CONSTRAINT participants_role_check;
ALTER TABLE participants
    ADD CONSTRAINT participants_role_check CHECK (role IN ('owner', 'admin', 'member', 'subscriber'));
ALTER TABLE participants
    -- They see the messages after this one.
    ADD COLUMN visible_from bigint NOT NULL DEFAULT 0,
    ADD COLUMN archived boolean NOT NULL DEFAULT false,
    ADD COLUMN pinned boolean NOT NULL DEFAULT false,
    ADD COLUMN muted_until timestamptz,
    ADD COLUMN notify text NOT NULL DEFAULT 'all' CHECK (notify IN ('all', 'mentions', 'none'));
CREATE INDEX participants_later ON participants (chat_id, visible_from) WHERE visible_from > 0;
CREATE INDEX participants_staff ON participants (chat_id, role, joined_at, user_id) WHERE role IN ('owner', 'admin');

-- What somebody writes for themselves about a chat: encrypted.
CREATE TABLE chat_notes (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    title bytea,
    draft bytea,
    drafted_at timestamptz,
    UNIQUE (user_id, chat_id)
);
CREATE INDEX chat_notes_chat ON chat_notes (chat_id);

ALTER TABLE messages DROP CONSTRAINT messages_type_check;
ALTER TABLE messages ADD CONSTRAINT messages_type_check CHECK (type IN ('text', 'system'));
-- What a message of the system says, for programs.
ALTER TABLE messages ADD COLUMN data text;
-- The few that a count of unread messages must leave out.
CREATE INDEX messages_system ON messages (chat_id, seq) WHERE type = 'system';

-- Who is not in a chat, but on the way into it.
CREATE TABLE chat_guests (
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status text NOT NULL CHECK (status IN ('invited', 'pending')),
    role text NOT NULL CHECK (role IN ('admin', 'member', 'subscriber')),
    invited_by uuid REFERENCES users (id),
    since timestamptz NOT NULL,
    PRIMARY KEY (chat_id, user_id)
);
CREATE INDEX chat_guests_user ON chat_guests (user_id, chat_id);
CREATE INDEX chat_guests_status ON chat_guests (chat_id, status, since, user_id);
CREATE INDEX chat_guests_inviter ON chat_guests (invited_by) WHERE invited_by IS NOT NULL;
CREATE INDEX chat_guests_since ON chat_guests (since);

-- That somebody asked to join or was invited, for as long as it counts.
CREATE TABLE chat_attempts (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('request', 'invitation')),
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    -- Who would be in it.
    user_id uuid NOT NULL REFERENCES users (id),
    -- Who asked or invited; nobody if it is not known any more.
    by_id uuid REFERENCES users (id),
    made_at timestamptz NOT NULL,
    refused_at timestamptz
);
CREATE INDEX chat_attempts_chat ON chat_attempts (chat_id, user_id);
CREATE INDEX chat_attempts_user ON chat_attempts (user_id);
CREATE INDEX chat_attempts_by ON chat_attempts (by_id, made_at);
CREATE INDEX chat_attempts_made ON chat_attempts (made_at);

CREATE TABLE chat_links (
    id uuid PRIMARY KEY,
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL UNIQUE,
    created_by uuid NOT NULL REFERENCES users (id),
    role text NOT NULL CHECK (role IN ('admin', 'member', 'subscriber')),
    -- Whoever comes by it has to be let in.
    approval boolean NOT NULL,
    max_uses integer,
    uses integer NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX chat_links_chat ON chat_links (chat_id, id);
CREATE INDEX chat_links_maker ON chat_links (created_by);

-- How far deletions have come, for whoever deleted; the chat may be gone.
CREATE TABLE chat_deletions (
    chat_id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    people bigint NOT NULL,
    finished_at timestamptz
);
CREATE INDEX chat_deletions_user ON chat_deletions (user_id);
CREATE INDEX chat_deletions_finished ON chat_deletions (finished_at) WHERE finished_at IS NOT NULL;
