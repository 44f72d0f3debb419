-- In chats of more than 256 people nobody is shown who has read what, so their lowest marks are not kept.
UPDATE chats SET lowest_reader_id = NULL, lowest_read_seq = NULL, second_lowest_read_seq = NULL
WHERE participant_count > 256;
