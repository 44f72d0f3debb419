-- The log of a deleted pet is deleted after it, in pieces.
ALTER TABLE pet_log DROP CONSTRAINT pet_log_pet_id_fkey;
