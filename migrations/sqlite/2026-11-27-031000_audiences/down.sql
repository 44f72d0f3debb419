ALTER TABLE preferences DROP COLUMN see_email;
ALTER TABLE preferences DROP COLUMN see_friends;
ALTER TABLE preferences DROP COLUMN see_details;
ALTER TABLE preferences DROP COLUMN see_bio;
