ALTER TABLE group_people DROP COLUMN role_since;
