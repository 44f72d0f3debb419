DROP TABLE group_words;
DROP TABLE group_links;
DROP TABLE group_people;
DROP TABLE groups;
