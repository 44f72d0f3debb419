ALTER TABLE preferences DROP COLUMN see_pets;
