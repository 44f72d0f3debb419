DROP INDEX pet_keepers_since;
DROP TABLE pet_declines;
