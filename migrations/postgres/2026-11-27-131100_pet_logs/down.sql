DELETE FROM pet_log l WHERE NOT EXISTS (SELECT 1 FROM pets p WHERE p.id = l.pet_id);
ALTER TABLE pet_log ADD FOREIGN KEY (pet_id) REFERENCES pets (id);
