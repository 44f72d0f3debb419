DROP TABLE group_deletions;
DROP TABLE group_attempts;
DROP INDEX group_people_open;
DROP INDEX group_people_inviter;
ALTER TABLE group_people DROP COLUMN reason;
ALTER TABLE group_people DROP COLUMN invited_by;
