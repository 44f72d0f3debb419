-- Since when somebody has their role in a group, if not since they came.
ALTER TABLE group_people ADD COLUMN role_since timestamptz;
