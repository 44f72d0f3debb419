-- The journal of PostgreSQL as one table, with eight partitions, and how a day of it goes. On a migrated, empty database:
--
--     clowder migrate && psql -qX "$DATABASE_URL" -f bench/journal-partitions.sql
--
-- It makes a copy of the journal as one table, writes the same million changes into both, and asks both the same.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
\timing off
SET client_min_messages = warning;
CREATE TABLE single (LIKE journal, PRIMARY KEY (stream, position));
CREATE INDEX ON single (topic_id, stream, position);
CREATE INDEX ON single (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX ON single (follower_id, stream, position) WHERE follower_id IS NOT NULL;
DO $$
BEGIN
    FOR n IN 2..9 LOOP
        EXECUTE format('CREATE TABLE journal_%s (LIKE journal INCLUDING INDEXES, PRIMARY KEY (stream, position), CHECK (segment = %s))', n, n);
        EXECUTE format('ALTER TABLE journal ATTACH PARTITION journal_%s FOR VALUES IN (%s)', n, n);
    END LOOP;
END $$;
-- Sixteen streams, eight days of 125,000 changes each, 1,000 chats; the ninth partition is the one ahead.
CREATE TEMP TABLE wanted AS
SELECT (n % 16)::smallint AS stream, n / 16 + 1 AS position, 'message.sent' AS name,
    ('00000000-0000-7000-8000-' || lpad((n % 100)::text, 12, '0'))::uuid AS actor_id, gen_random_uuid() AS subject_id,
    now() AS at, repeat('an ordinary chat message with its card ', 11) AS data, 'chat' AS topic_kind,
    ('00000000-0000-7000-8000-' || lpad((n % 1000)::text, 12, '0'))::uuid AS topic_id, NULL::text AS follow,
    NULL::uuid AS follower_id, NULL::text AS followed_kind, NULL::uuid AS followed_id, (1 + n / 125000)::int AS segment
FROM generate_series(0, 999999) n;
INSERT INTO single SELECT * FROM wanted;
INSERT INTO journal SELECT * FROM wanted;
DROP TABLE wanted;
VACUUM ANALYZE single;
VACUUM ANALYZE journal;
CHECKPOINT;

-- Microseconds per call of a statement that is prepared once, turn by turn. The partitions may need several statements:
-- a resume asks one after the other. Each names its partition, as those of the server do.
CREATE FUNCTION pg_temp.compare(what text, one text, many text[], arguments text, rounds int, calls int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    spent float8[] := ARRAY[0, 0];
    began timestamptz;
    statements int := cardinality(many);
BEGIN
    EXECUTE 'PREPARE bench_0 AS ' || one;
    FOR n IN 1..statements LOOP
        EXECUTE format('PREPARE bench_%s AS %s', n, many[n]);
    END LOOP;
    FOR round IN 0..rounds LOOP
        began := clock_timestamp();
        FOR n IN 1..calls LOOP
            EXECUTE format('EXECUTE bench_0 (%s)', arguments);
        END LOOP;
        -- The first round warms up.
        IF round > 0 THEN
            spent[1] := spent[1] + extract(epoch FROM clock_timestamp() - began) * 1e6 / (rounds * calls);
        END IF;
        began := clock_timestamp();
        FOR n IN 1..calls LOOP
            FOR which IN 1..statements LOOP
                EXECUTE format('EXECUTE bench_%s (%s)', which, arguments);
            END LOOP;
        END LOOP;
        IF round > 0 THEN
            spent[2] := spent[2] + extract(epoch FROM clock_timestamp() - began) * 1e6 / (rounds * calls);
        END IF;
    END LOOP;
    DEALLOCATE ALL;
    RETURN format('%s: one table %s µs, partitions %s µs, ratio %s', what, round(spent[1]::numeric, 1),
        round(spent[2]::numeric, 1), round((spent[2] / spent[1])::numeric, 2));
END $$;
\set topics '(SELECT array_agg((''00000000-0000-7000-8000-'' || lpad((n * 16 + 3)::text, 12, ''0''))::uuid) FROM generate_series(0, 59) n)'
\set sizes 'SELECT j.position, octet_length(j.data) FROM %s WHERE j.stream = 3 AND j.position > $1 ORDER BY j.position LIMIT 500'
\set rows 'SELECT * FROM %s WHERE j.stream = 3 AND j.position > $1 AND j.position <= $2 ORDER BY j.position'
\set places 'SELECT j.* FROM unnest($1::uuid[]) AS w(topic_id) CROSS JOIN LATERAL (SELECT j.position, octet_length(j.data) FROM %s j WHERE j.topic_id = w.topic_id AND j.stream = %s AND j.position BETWEEN $2 AND $3 ORDER BY j.position LIMIT 8) j'
\set steps 'SELECT j.stream, j.position, j.follow FROM %s WHERE j.follower_id = $1 AND j.position > ($2::bigint[])[j.stream + 1] AND j.position <= ($3::bigint[])[j.stream + 1] ORDER BY j.stream, j.position'
\echo a follower at the head: the sizes first and then the rows
SELECT pg_temp.compare('sizes', format(:'sizes', 'single j'), ARRAY[format(:'sizes', 'journal_8 j')], '62495::bigint', 20, 300);
SELECT pg_temp.compare('rows', format(:'rows', 'single j'), ARRAY[format(:'rows', 'journal_8 j')], '62495::bigint, 62500::bigint', 20, 300);
\echo the same where the segment is not known: one of the last two
SELECT pg_temp.compare('sizes', format(:'sizes', 'single j'), ARRAY[format(:'sizes', '(SELECT * FROM journal j WHERE j.segment BETWEEN 8 AND 2147483647) j')], '62495::bigint', 20, 300);
\echo a resume of sixty chats
SELECT pg_temp.compare('what they entered and left', format(:'steps', 'single j'), ARRAY[format(:'steps', 'journal_8 j')],
    format('%L::uuid, %L::bigint[], %L::bigint[]', gen_random_uuid(), array_fill(62400::bigint, ARRAY[16]), array_fill(62500::bigint, ARRAY[16])), 10, 100);
SELECT pg_temp.compare('after a short absence', format(:'places', 'single', 3), ARRAY[format(:'places', 'journal_8', 3)],
    format('%L::uuid[], 62400::bigint, 62500::bigint', :topics), 10, 50);
SELECT pg_temp.compare('through eight days in which nothing was said', format(:'places', 'single', 4),
    (SELECT array_agg(format(:'places', 'journal_' || n, 4)) FROM generate_series(1, 8) n),
    format('%L::uuid[], 0::bigint, 62500::bigint', :topics), 10, 20);
SELECT pg_temp.compare('through eight days in which much was said', format(replace(:'places', 'LIMIT 8', 'LIMIT 800'), 'single', 3),
    (SELECT array_agg(format(replace(:'places', 'LIMIT 8', 'LIMIT 800'), 'journal_' || n, 3)) FROM generate_series(1, 8) n),
    format('%L::uuid[], 0::bigint, 62500::bigint', :topics), 5, 4);
\echo what a send appends: twenty changes, with no index to compare but its own
CREATE TEMP SEQUENCE appended START 1000000;
\set append 'INSERT INTO %s SELECT 5::smallint, nextval(''appended''), ''message.sent'', $1::uuid, $1::uuid, now(), repeat(''an ordinary chat message with its card '', 11), ''chat'', $1::uuid, NULL, NULL, NULL, NULL, 9 FROM generate_series(1, 20)'
SELECT pg_temp.compare('twenty changes', format(:'append', 'single'), ARRAY[format(:'append', 'journal_9')],
    format('%L::uuid', gen_random_uuid()), 10, 100);
SELECT pg_temp.compare('the same through the journal', format(:'append', 'single'), ARRAY[format(:'append', 'journal')],
    format('%L::uuid', gen_random_uuid()), 10, 100);
\echo what a deletion rewrites, by the id of the message, wherever it is
SELECT pg_temp.compare('a rewrite', 'UPDATE single SET data = data WHERE subject_id = $1', ARRAY['UPDATE journal SET data = data WHERE subject_id = $1'],
    format('%L::uuid', gen_random_uuid()), 20, 100);
-- A day of a million changes: as it was deleted, 2,000 of a stream at a time, and as it is dropped.
CREATE FUNCTION pg_temp.lsn() RETURNS numeric LANGUAGE sql AS 'SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), ''0/0'')';
CREATE PROCEDURE pg_temp.delete_all() LANGUAGE plpgsql AS $$
DECLARE
    until bigint;
BEGIN
    FOR stream_of IN 0..15 LOOP
        LOOP
            SELECT max(position) INTO until FROM
                (SELECT position FROM single WHERE stream = stream_of ORDER BY position LIMIT 2000) s;
            EXIT WHEN until IS NULL;
            DELETE FROM single WHERE stream = stream_of AND position <= until;
            UPDATE streams SET floor = until WHERE stream = stream_of;
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
-- All of the million in one partition.
CREATE TABLE journal_10 (LIKE journal INCLUDING INDEXES, PRIMARY KEY (stream, position), CHECK (segment = 10));
INSERT INTO journal_10 SELECT stream, position, name, actor_id, subject_id, at, data, topic_kind, topic_id, follow,
    follower_id, followed_kind, followed_id, 10 FROM single;
ALTER TABLE journal ATTACH PARTITION journal_10 FOR VALUES IN (10);
VACUUM ANALYZE journal_10;
CHECKPOINT;
SELECT pg_temp.lsn() AS lsn, clock_timestamp() AS began \gset
CALL pg_temp.delete_all();
SELECT format('deleted row by row: %s ms, %s MiB of WAL', round(extract(epoch FROM clock_timestamp() - :'began') * 1000), round((pg_temp.lsn() - :lsn) / 1048576, 2));
SELECT pg_temp.lsn() AS lsn, clock_timestamp() AS began \gset
VACUUM single;
SELECT format('and the vacuum after it: %s ms, %s MiB of WAL', round(extract(epoch FROM clock_timestamp() - :'began') * 1000), round((pg_temp.lsn() - :lsn) / 1048576, 2));
CHECKPOINT;
SELECT pg_temp.lsn() AS lsn, clock_timestamp() AS began \gset
BEGIN;
SET LOCAL lock_timeout = '100ms';
DROP TABLE journal_10;
COMMIT;
SELECT format('dropped: %s ms, %s MiB of WAL', round(extract(epoch FROM clock_timestamp() - :'began') * 1000, 1), round((pg_temp.lsn() - :lsn) / 1048576, 3));
