-- When somebody became invisible, and what others could see of them until then.
ALTER TABLE presence ADD COLUMN vanished_at timestamptz, ADD COLUMN vanished_as text;
