-- All names are folded by one rule now. The words of groups and pets were folded by another one; the program adds them anew
-- when it opens the database.
DELETE FROM group_words;
DELETE FROM pet_words;
