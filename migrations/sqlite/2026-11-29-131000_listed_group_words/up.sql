-- Which words lead to groups that everybody finds: so a search passes over no secret ones.
ALTER TABLE group_words ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;
UPDATE group_words SET listed = 0
    WHERE group_id IN (SELECT id FROM groups WHERE visibility = 'secret');
CREATE INDEX group_words_listed ON group_words (listed, word, group_id);
