DROP INDEX journal_states;
