ALTER TABLE chat_imports DROP COLUMN left_out;
