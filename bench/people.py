#!/usr/bin/env python3
"""Fills a migrated database with people and friendships, and measures how fast people are found.

  bench/people.py fill DATABASE_URL [COUNT]       people with random names (1,000,000)
  bench/people.py names FILE [COUNT]              the same people's usernames and names, a line each, for another server
  bench/people.py subscribe DATABASE_URL          makes the people with random names subscribers of the channel
  bench/people.py befriend DATABASE_URL           makes bench0 to bench63 friends of all users named bench and a number
  bench/people.py seek WORLD [COUNT]              adds 1,000 parts of the same people's names to a world file of loadgen
  bench/people.py search SERVER_URL TOKEN [N]     N searches (300) for each length of text, over HTTP

Fill before the server starts, and befriend and subscribe while it is stopped. Names are ASCII, so that folding them needs no tables: the grams are those of
crates/accounts/src/profiles/names.rs.
"""

import http.client
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.parse
import uuid

FIRST = "ada anna anton bela bruno carla cem clara david dora elena emil erik eva fatima felix frida grace hanna hugo ida ines ivan jan jonas julia karl lara lena leo lina luca maria marta max mia nina noah olga omar otto paul pia rosa samir sara sofia tim tom vera viktor yara zoe".split()
LAST = "abel adler bach becker berg braun busch dietz engel ernst fink frank fuchs gross haas hahn hansen heinz huber jung kaiser keller koch kraus kuhn lang lovelace maier marx meyer moser nagel otto peters pohl richter roth sauer schmidt schulz seidel simon sommer stein thomas vogel wagner weber wolf ziegler".split()
PIECE = 20_000
# Both directions of each friendship; {since} is a minute earlier for each of the two numbers.
BEFRIEND = """
WITH bench AS (
    SELECT id, CAST(substr(username, 6) AS integer) AS n FROM users WHERE username {named}
)
INSERT INTO friendships (user_id, friend_id, since)
    SELECT one.id, other.id, {since} FROM bench AS one, bench AS other WHERE one.id <> other.id AND (one.n < 64 OR other.n < 64);
INSERT INTO friend_lists (user_id, friends, version)
    SELECT user_id, count(*), 1 FROM friendships GROUP BY user_id;
"""


# Everybody who cannot sign in is one of the people with random names.
SUBSCRIBE = """
INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read)
    SELECT c.id, u.id, 'subscriber', c.created_at, 0, 0 FROM chats c, users u WHERE c.type = 'channel' AND u.password = '!';
UPDATE chats SET lowest_reader_id = NULL, lowest_read_seq = NULL, second_lowest_read_seq = NULL,
    participant_count = (SELECT count(*) FROM participants p WHERE p.chat_id = chats.id) WHERE type = 'channel';
"""


def grams(*names):
    found = set()
    for name in names:
        padded = f" {name} "
        found.update(padded[at : at + 3] for at in range(len(padded) - 2))
        for word in name.split(" "):
            found.add(" " + word[0])
            found.add("=" + word)
            if len(word) <= 5:
                found.add("~" + word)
                found.update(form for form in ("~" + word[:at] + word[at + 1 :] for at in range(len(word))) if form != "~")
    return found


def people(count, dice):
    start = int(time.time() * 1000) - count
    for n in range(count):
        first, last = dice.choice(FIRST), dice.choice(LAST)
        tail = "".join(dice.choice("bcdfghklmnprstvz") + dice.choice("aeiou") for _ in range(2))
        name = f"{first}{tail}{n}"
        at = start + n
        octets = at.to_bytes(6, "big") + bytes([0x70 | dice.getrandbits(4), dice.getrandbits(8), 0x80 | dice.getrandbits(6)]) + dice.randbytes(7)
        yield uuid.UUID(bytes=octets), name, f"{first.title()} {last.title()}{tail}", at * 1000


def pieces(count):
    dice, piece = random.Random(11), []
    for person in people(count, dice):
        piece.append(person)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def fill_sqlite(path, count):
    base = sqlite3.connect(path)
    base.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-1000000;")
    for piece in pieces(count):
        users = [
            (id.bytes, name, name, f"{name}@x.org", f"{name}@x.org", shown, at) for id, name, shown, at in piece
        ]
        base.executemany(
            "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,"
            " created_at, version) VALUES (?, ?, ?, ?, ?, '!', ?, 'public', 'user', ?, 1)",
            users,
        )
        base.executemany(
            "INSERT INTO username_claims (skeleton, user_id, version) VALUES (?, ?, 2)",
            [(name, id.bytes) for id, name, *_ in piece],
        )
        base.executemany(
            "INSERT INTO name_index VALUES (?, ?, ?, ?)",
            [(id.bytes, name, shown.lower(), shown) for id, name, shown, _ in piece],
        )
        rows = [(gram, id.bytes) for id, name, shown, _ in piece for gram in grams(name, shown.lower())]
        base.executemany("INSERT INTO name_grams VALUES (?, ?)", sorted(rows))
        base.commit()
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def fill_postgres(url, count):
    def copy(table, columns, rows):
        text = "".join("\t".join(row) + "\n" for row in rows)
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", f"COPY {table} ({columns}) FROM STDIN"]
        subprocess.run(command, input=text.encode(), check=True)

    columns = "id, username, username_key, email, email_key, password, display_name, visibility, role, created_at, version"
    for piece in pieces(count):
        stamp = lambda at: time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(at / 1e6))
        copy("users", columns, (
            (str(id), name, name, f"{name}@x.org", f"{name}@x.org", "!", shown, "public", "user", stamp(at), "1")
            for id, name, shown, at in piece
        ))
        copy("username_claims", "skeleton, user_id, version", ((name, str(id), "2") for id, name, *_ in piece))
        copy("name_index", "user_id, username, display_name, written", (
            (str(id), name, shown.lower(), shown) for id, name, shown, _ in piece
        ))
        copy("name_grams", "gram, user_id", sorted(
            (gram, str(id)) for id, name, shown, _ in piece for gram in grams(name, shown.lower())
        ))
    subprocess.run(["psql", "-q", url, "-c", "VACUUM ANALYZE"], check=True)


def run(where, sqlite, postgres):
    """One transaction, and statistics for what it has filled."""
    if where.startswith("postgres"):
        command = ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", where, "-c", "BEGIN;" + postgres + "COMMIT;", "-c", "VACUUM ANALYZE"]
        subprocess.run(command, check=True)
    else:
        base = sqlite3.connect(where.removeprefix("sqlite:"))
        base.executescript("BEGIN;" + sqlite + "COMMIT; ANALYZE;")
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def befriend(where):
    since = f"{int(time.time() * 1e6)} - (one.n + other.n) * 60000000"
    sqlite = BEFRIEND.format(named="GLOB 'bench[0-9]*'", since=since)
    run(where, sqlite, BEFRIEND.format(named="~ '^bench[0-9]+$'", since="now() - (one.n + other.n) * interval '1 minute'"))


def names(path, count):
    with open(path, "w") as file:
        file.writelines(f"{name}\t{shown}\n" for _, name, shown, _ in people(count, random.Random(11)))


def seek(path, count):
    """Each text is of another person: three to eight letters, from within the first or the last name."""
    with open(path) as file:
        world = json.load(file)
    dice, sought = random.Random(7), []
    for piece in pieces(count):
        for _, _, shown, _ in dice.sample(piece, min(len(piece), 1000 * PIECE // count + 1)):
            name, length = dice.choice([word for word in shown.lower().split() if len(word) >= 3]), dice.choice((3, 3, 4, 5, 8))
            at = dice.randrange(max(1, len(name) - length + 1))
            sought.append(name[at : at + length])
    dice.shuffle(sought)
    world["sought"] = sought[:1000]
    with open(path, "w") as file:
        json.dump(world, file)


def search(server, token, times):
    place = urllib.parse.urlsplit(server)
    connection = http.client.HTTPConnection(place.hostname, place.port or 80)
    dice = random.Random(7)
    headers = {"Authorization": f"Bearer {token}"}
    for length in (1, 2, 3, 5, 8):
        took, found = [], 0
        for _ in range(times):
            name = (dice.choice(FIRST) + dice.choice(LAST)) if dice.random() < 0.5 else dice.choice(LAST)
            at = dice.randrange(max(1, len(name) - length))
            query = urllib.parse.quote(name[at : at + length])
            began = time.perf_counter()
            connection.request("GET", f"/api/users/search?q={query}&limit=20", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            took.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                sys.exit(f"{answer.status}: {body[:200]!r}")
            found += body.count(b'"score"')
        took.sort()
        middle, worst = statistics.median(took), took[int(len(took) * 0.99) - 1]
        print(f"{length} letters: median {middle:.1f} ms, p99 {worst:.1f} ms, {found / times:.1f} people a page")


def main(what=None, where=None, *rest):
    if what == "fill" and where:
        count = int(rest[0]) if rest else 1_000_000
        if where.startswith("postgres"):
            fill_postgres(where, count)
        else:
            fill_sqlite(where.removeprefix("sqlite:"), count)
    elif what == "befriend" and where:
        befriend(where)
    elif what == "subscribe" and where:
        run(where, SUBSCRIBE, SUBSCRIBE)
    elif what == "names" and where:
        names(where, int(rest[0]) if rest else 1_000_000)
    elif what == "seek" and where:
        seek(where, int(rest[0]) if rest else 1_000_000)
    elif what == "search" and where and rest:
        search(where, rest[0], int(rest[1]) if len(rest) > 1 else 300)
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
