-- When somebody's username was last changed, and the badges of a profile: a JSON array.
ALTER TABLE users ADD COLUMN renamed_at TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN badges TEXT;
-- Until when somebody keeps a name that they had before. Claims without this are of present names.
ALTER TABLE username_claims ADD COLUMN until TIMESTAMPTZ;
CREATE INDEX username_claims_until ON username_claims (until) WHERE until IS NOT NULL;
