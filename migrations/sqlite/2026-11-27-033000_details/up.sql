-- What people tell of themselves: links are a JSON array. A status text ends by itself.
ALTER TABLE users ADD COLUMN pronouns TEXT;
ALTER TABLE users ADD COLUMN location TEXT;
ALTER TABLE users ADD COLUMN links TEXT;
ALTER TABLE users ADD COLUMN status_until INTEGER;
