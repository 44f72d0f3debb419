DROP INDEX group_words_listed;
ALTER TABLE group_words DROP COLUMN listed;
