-- The changes that say how something is: a later one supersedes the earlier ones, which then say `null`. Each edit
-- finds those that still say something, however many came before. Messages are not superseded: each would cost a row
-- here.
CREATE INDEX journal_states ON journal (subject_id, name)
    WHERE substr(name, -8) IN ('.created', '.updated') AND substr(name, 1, 8) <> 'message.' AND data <> 'null';
