DROP TABLE pet_words;
DROP TABLE pet_log;
DROP TABLE pet_keepers;
DROP TABLE pets;
