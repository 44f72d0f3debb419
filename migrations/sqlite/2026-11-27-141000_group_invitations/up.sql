-- Who invited somebody, and why somebody is banned. A node of the version before may leave the first with a member.
ALTER TABLE group_people ADD COLUMN invited_by BLOB REFERENCES users (id);
ALTER TABLE group_people ADD COLUMN reason TEXT;
CREATE INDEX group_people_inviter ON group_people (invited_by) WHERE invited_by IS NOT NULL;
CREATE INDEX group_people_open ON group_people (since) WHERE status IN ('pending', 'invited');

-- That somebody asked to join or was invited, for as long as it counts.
CREATE TABLE group_attempts (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('request', 'invitation')),
    group_id BLOB NOT NULL REFERENCES groups (id),
    -- Who would be in it.
    user_id BLOB NOT NULL REFERENCES users (id),
    -- Who asked or invited; nobody if it is not known any more.
    by_id BLOB REFERENCES users (id),
    made_at INTEGER NOT NULL,
    refused_at INTEGER
) STRICT;
CREATE INDEX group_attempts_group ON group_attempts (group_id, user_id);
CREATE INDEX group_attempts_user ON group_attempts (user_id);
CREATE INDEX group_attempts_by ON group_attempts (by_id, made_at);
CREATE INDEX group_attempts_made ON group_attempts (made_at);

-- How far deletions have come, for whoever deleted; the group may be gone.
CREATE TABLE group_deletions (
    group_id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    members INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX group_deletions_user ON group_deletions (user_id);
CREATE INDEX group_deletions_finished ON group_deletions (finished_at) WHERE finished_at IS NOT NULL;
