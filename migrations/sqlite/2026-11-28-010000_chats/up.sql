ALTER TABLE chats ADD COLUMN visibility TEXT NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'public'));
-- What people who come later see of what was said before.
ALTER TABLE chats ADD COLUMN history TEXT NOT NULL DEFAULT 'all' CHECK (history IN ('all', 'since_join'));
-- What members may do, a bit for each right: by default they post and add others.
ALTER TABLE chats ADD COLUMN rights INTEGER NOT NULL DEFAULT 17;
-- The group whose chat it is: it decides about its people and its name.
ALTER TABLE chats ADD COLUMN group_id BLOB;
-- How many of its messages the system wrote, deleted ones included.
ALTER TABLE chats ADD COLUMN system_count INTEGER NOT NULL DEFAULT 0;
-- Hidden from everybody; a job takes out what is left.
ALTER TABLE chats ADD COLUMN deleted_at INTEGER;
UPDATE chats SET rights = 5 WHERE type = 'private';
UPDATE chats SET group_id = groups.id FROM groups WHERE groups.chat_id = chats.id;
CREATE INDEX chats_directory ON chats (id) WHERE visibility = 'public' AND deleted_at IS NULL;
CREATE INDEX chats_directory_type ON chats (type, id) WHERE visibility = 'public' AND deleted_at IS NULL;

-- The folded words of the titles, compared octet by octet.
CREATE TABLE chat_words (
    word TEXT NOT NULL,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    PRIMARY KEY (word, chat_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_words_chat ON chat_words (chat_id, word);

-- They see the messages after this one.
ALTER TABLE participants ADD COLUMN visible_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE participants ADD COLUMN archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1));
ALTER TABLE participants ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1));
ALTER TABLE participants ADD COLUMN muted_until INTEGER;
ALTER TABLE participants ADD COLUMN notify TEXT NOT NULL DEFAULT 'all' CHECK (notify IN ('all', 'mentions', 'none'));
CREATE INDEX participants_later ON participants (chat_id, visible_from) WHERE visible_from > 0;
CREATE INDEX participants_staff ON participants (chat_id, role, joined_at, user_id) WHERE role IN ('owner', 'admin');

-- What somebody writes for themselves about a chat: encrypted.
CREATE TABLE chat_notes (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    title BLOB,
    draft BLOB,
    drafted_at INTEGER,
    UNIQUE (user_id, chat_id)
) STRICT;
CREATE INDEX chat_notes_chat ON chat_notes (chat_id);

-- What a message of the system says, for programs.
ALTER TABLE messages ADD COLUMN data TEXT;
-- The few that a count of unread messages must leave out.
CREATE INDEX messages_system ON messages (chat_id, seq) WHERE type = 'system';

-- Who is not in a chat, but on the way into it.
CREATE TABLE chat_guests (
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('invited', 'pending')),
    role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'subscriber')),
    invited_by BLOB REFERENCES users (id),
    since INTEGER NOT NULL,
    PRIMARY KEY (chat_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_guests_user ON chat_guests (user_id, chat_id);
CREATE INDEX chat_guests_status ON chat_guests (chat_id, status, since, user_id);
CREATE INDEX chat_guests_inviter ON chat_guests (invited_by) WHERE invited_by IS NOT NULL;
CREATE INDEX chat_guests_since ON chat_guests (since);

-- That somebody asked to join or was invited, for as long as it counts.
CREATE TABLE chat_attempts (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('request', 'invitation')),
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    -- Who would be in it.
    user_id BLOB NOT NULL REFERENCES users (id),
    -- Who asked or invited; nobody if it is not known any more.
    by_id BLOB REFERENCES users (id),
    made_at INTEGER NOT NULL,
    refused_at INTEGER
) STRICT;
CREATE INDEX chat_attempts_chat ON chat_attempts (chat_id, user_id);
CREATE INDEX chat_attempts_user ON chat_attempts (user_id);
CREATE INDEX chat_attempts_by ON chat_attempts (by_id, made_at);
CREATE INDEX chat_attempts_made ON chat_attempts (made_at);

CREATE TABLE chat_links (
    id BLOB PRIMARY KEY,
    chat_id BLOB NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL UNIQUE,
    created_by BLOB NOT NULL REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'subscriber')),
    -- Whoever comes by it has to be let in.
    approval INTEGER NOT NULL CHECK (approval IN (0, 1)),
    max_uses INTEGER,
    uses INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX chat_links_chat ON chat_links (chat_id, id);
CREATE INDEX chat_links_maker ON chat_links (created_by);

-- How far deletions have come, for whoever deleted; the chat may be gone.
CREATE TABLE chat_deletions (
    chat_id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    people INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX chat_deletions_user ON chat_deletions (user_id);
CREATE INDEX chat_deletions_finished ON chat_deletions (finished_at) WHERE finished_at IS NOT NULL;

-- Only what the columns may contain changes, and no row, so no table is copied (https://www.sqlite.org/lang_altertable.html,
-- "Making Other Kinds Of Table Schema Changes").
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (type IN (''private'', ''group''))',
    'CHECK (type IN (''private'', ''group'', ''channel''))') WHERE type = 'table' AND name = 'chats';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (role IN (''owner'', ''admin'', ''member''))',
    'CHECK (role IN (''owner'', ''admin'', ''member'', ''subscriber''))') WHERE type = 'table' AND name = 'participants';
UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (type IN (''text''))', 'CHECK (type IN (''text'', ''system''))')
    WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;
