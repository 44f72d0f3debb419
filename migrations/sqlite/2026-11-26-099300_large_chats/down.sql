UPDATE chats SET
    lowest_reader_id = (SELECT p.user_id FROM participants p WHERE p.chat_id = chats.id
        ORDER BY p.read_seq, p.user_id LIMIT 1),
    lowest_read_seq = (SELECT p.read_seq FROM participants p WHERE p.chat_id = chats.id
        ORDER BY p.read_seq, p.user_id LIMIT 1),
    second_lowest_read_seq = (SELECT p.read_seq FROM participants p WHERE p.chat_id = chats.id
        ORDER BY p.read_seq, p.user_id LIMIT 1 OFFSET 1)
WHERE participant_count > 256;
