-- Which words lead to groups that everybody finds: so a search passes over no secret ones.
ALTER TABLE group_words ADD COLUMN listed boolean NOT NULL DEFAULT true;
UPDATE group_words SET listed = false
    WHERE group_id IN (SELECT id FROM groups WHERE visibility = 'secret');
CREATE INDEX group_words_listed ON group_words (listed, word, group_id);
