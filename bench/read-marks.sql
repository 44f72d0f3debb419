-- What a read mark in the middle of a chat of a million messages costs on PostgreSQL, before and since. On an empty database:
--
--     clowder migrate && psql "$DATABASE_URL" -f bench/read-marks.sql
--
-- Before, the messages of one's own after the mark were counted while the chat was locked, without an index for it. Now
-- the shorter side is counted by `messages_sender` before anything is locked, and the lock is held for a subtraction.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role, created_at, version)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, n, n, n, n, '', n, 'public', 'user', now(), 1 FROM generate_series(1, 2) n;
INSERT INTO chats (id, type, participant_count, last_seq, revision, deleted_count, created_at, active_at, version)
VALUES ('00000000-0000-7000-8000-00000000000c', 'group', 2, 1000000, 0, 0, now(), now(), 1);
INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
SELECT '00000000-0000-7000-8000-00000000000c', id, 'member', now(), 0, 500000 FROM users;
INSERT INTO messages (id, chat_id, seq, type, sender_id, content, created_at, version)
SELECT gen_random_uuid(), '00000000-0000-7000-8000-00000000000c', n, 'text',
       ('00000000-0000-7000-8000-00000000000' || n % 2 + 1)::uuid, 'an ordinary chat message of about one hundred bytes', now(), 1
FROM generate_series(1, 1000000) n;
VACUUM ANALYZE;
\timing on
\echo before, with the chat locked: all own messages after the mark, without the index
BEGIN;
DROP INDEX messages_sender;
\set counted 'SELECT count(*) FROM messages WHERE chat_id = ''00000000-0000-7000-8000-00000000000c'' AND seq > 10 AND sender_id = ''00000000-0000-7000-8000-000000000001'';'
:counted
:counted
:counted
ROLLBACK;
\echo since, with nothing locked: from the old mark to the new one (ten on, then to the middle)
SELECT count(*) FROM messages WHERE chat_id = '00000000-0000-7000-8000-00000000000c' AND sender_id = '00000000-0000-7000-8000-000000000001' AND seq > 0 AND seq <= 10;
SELECT count(*) FROM messages WHERE chat_id = '00000000-0000-7000-8000-00000000000c' AND sender_id = '00000000-0000-7000-8000-000000000001' AND seq > 0 AND seq <= 10;
SELECT count(*) FROM messages WHERE chat_id = '00000000-0000-7000-8000-00000000000c' AND sender_id = '00000000-0000-7000-8000-000000000001' AND seq > 0 AND seq <= 500000;
SELECT count(*) FROM messages WHERE chat_id = '00000000-0000-7000-8000-00000000000c' AND sender_id = '00000000-0000-7000-8000-000000000001' AND seq > 0 AND seq <= 500000;
\echo since, with the locks held
BEGIN;
SELECT 1 FROM chats WHERE id = '00000000-0000-7000-8000-00000000000c' FOR NO KEY UPDATE;
SELECT 1 FROM participants WHERE chat_id = '00000000-0000-7000-8000-00000000000c' AND user_id = '00000000-0000-7000-8000-000000000001' FOR NO KEY UPDATE;
UPDATE participants SET read_seq = 500000, own_after_read = own_after_read - 250000 WHERE chat_id = '00000000-0000-7000-8000-00000000000c' AND user_id = '00000000-0000-7000-8000-000000000001';
SELECT user_id, read_seq FROM participants WHERE chat_id = '00000000-0000-7000-8000-00000000000c' ORDER BY read_seq, user_id LIMIT 2;
ROLLBACK;
