-- Who may do nothing just now, and why: suspended is whoever has a reason, until the time if there is one.
ALTER TABLE users ADD COLUMN suspended_until INTEGER;
ALTER TABLE users ADD COLUMN suspension_reason TEXT;
-- The few that a starting node has to know.
CREATE INDEX users_staff ON users (role) WHERE role <> 'user';
CREATE INDEX users_suspended ON users (id) WHERE suspension_reason IS NOT NULL;
