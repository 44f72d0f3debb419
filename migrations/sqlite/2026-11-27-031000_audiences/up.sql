-- Who may see which fields of a profile, among those who may see the profile.
ALTER TABLE preferences ADD COLUMN see_bio TEXT NOT NULL DEFAULT 'everyone';
ALTER TABLE preferences ADD COLUMN see_details TEXT NOT NULL DEFAULT 'everyone';
ALTER TABLE preferences ADD COLUMN see_friends TEXT NOT NULL DEFAULT 'everyone';
ALTER TABLE preferences ADD COLUMN see_email TEXT NOT NULL DEFAULT 'nobody';
