"""Prints a results file as a markdown table: medians, and ours against the others of the same run."""
import json
import statistics
import sys
from collections import defaultdict

# workload -> what is measured, the field of the row, its unit, whether more is better
CELLS = {
    "me": ("own profile", "ok_per_s", "/s", True),
    "w1": ("sign-in, bcrypt at cost 12", "ok_per_s", "/s", True),
    "w2": ("chat list", "ok_per_s", "/s", True),
    "w3": ("page of 50 of a long history", "ok_per_s", "/s", True),
    "w3-after-sends": ("the same, right after many sends", "ok_per_s", "/s", True),
    "friends": ("page of 50 of 1,000 friends", "ok_per_s", "/s", True),
    "relationships": ("what connects one with 100 people", "ok_per_s", "/s", True),
    "profile": ("somebody else's profile", "ok_per_s", "/s", True),
    "search": ("search for people", "ok_per_s", "/s", True),
    "search-p99": ("the same, p99", "p99", "ms", False),
    "w4": ("durable REST send, 64 connections", "ok_per_s", "/s", True),
    "w4-keyed": ("the same, each with an `Idempotency-Key`", "ok_per_s", "/s", True),
    "w4-small": ("the same, all to one chat of 10", "ok_per_s", "/s", True),
    "w4-channel": ("the same, all to one channel", "ok_per_s", "/s", True),
    "w4-unbatched": ("the same, group commit off", "ok_per_s", "/s", True),
    "w5": ("durable socket send, 64 online", "ok_per_s", "/s", True),
    "w5-delivery": ("its delivery, p99", "delivery_p99", "ms", False),
    "w7": ("memory of an idle socket", "rss_kb_per_conn", "KiB", False),
    "w8": ("REST send at a fixed rate, p50", "p50", "ms", False),
    "w8-p99": ("the same, p99", "p99", "ms", False),
}
SERVERS = {"postgres": "ours, PostgreSQL", "sqlite": "ours, SQLite", "asgi": "Django asgi", "split": "Django split", "bare": "bare"}


def read(path):
    rows = defaultdict(list)
    for line in open(path):
        row = json.loads(line)
        if "latency_ms" in row:
            row["p50"], row["p99"] = row["latency_ms"]["p50"], row["latency_ms"]["p99"]
        if "delivery_ms" in row:
            row["delivery_p99"] = row["delivery_ms"]["p99"]
        rows[row["peer"], row["workload"]].append(row)
        if row.get("err"):
            print(f"{row['peer']} {row['workload']}: {row['err']} errors: {row.get('first_error')}", file=sys.stderr)
    return rows


def medians(rows, workload, field):
    found = {}
    for server in SERVERS:
        values = [row[field] for row in rows[server, workload.split("-")[0] if field != "ok_per_s" else workload] if field in row]
        if values:
            found[server] = statistics.median(values)
    return found


def ratio(ours, theirs, more):
    if not ours or not theirs:
        return "–"
    return f"**{ours / theirs if more else theirs / ours:.2f}×**"


def beside_store(rows, server):
    """What group commit brings, over REST and in the bare store, and what of the store's rates REST keeps."""
    def rate(peer, workload):
        values = [row["ok_per_s"] for row in rows[peer, workload]]
        return statistics.median(values) if values else None

    what, store = SERVERS[server].split()[-1], f"store-{server}"
    print()
    for peer, where in ((server, "over REST"), (store, "in the store")):
        on, off = rate(peer, "w4"), rate(peer, "w4-unbatched")
        print(f"- {what}: sends {where} with group commit are {ratio(on, off, True)} those without")
    for peer, where in ((server, "over REST"), (store, "in the store")):
        print(f"- {what}: sends with an `Idempotency-Key` {where} are {ratio(rate(peer, 'w4-keyed'), rate(peer, 'w4'), True)} those without")
    for workload, thing in (("w4", "sends"), ("w3", "pages of 50")):
        print(f"- {what}: {thing} over REST are {ratio(rate(server, workload), rate(store, workload), True)} those of the store alone")


def beside_reads(rows, server):
    """What of the rates of the simplest reads is left to those about people, and of a small chat's to a large channel."""
    def rate(workload):
        values = [row["ok_per_s"] for row in rows[server, workload]]
        return statistics.median(values) if values else None

    for workload, things, base, others, aim in (
        ("friends", "pages of 50 friends", "w3", "pages of 50 messages", 0.3),
        ("relationships", "relationships with 100 people", "w3", "pages of 50 messages", 0.3),
        ("profile", "profiles of others", "me", "own profiles", 0.4),
        ("w4-channel", "sends into one channel with all people", "w4-small", "sends into one chat of 10", 0.8),
    ):
        print(f"- {SERVERS[server].split()[-1]}: {things} are {ratio(rate(workload), rate(base), True)} {others} (aim: {aim})")


def beside_sends(rows, server):
    """What shares commits with sends, what must not depend on sizes, and what happens at its time, all in the bare store."""
    def rate(workload):
        values = [row["ok_per_s"] for row in rows[f"store-{server}", workload]]
        return statistics.median(values) if values else None

    what = SERVERS[server].split()[-1]
    for workload, things, base, others, aim in (
        ("replies", "replies", "w4", "sends", 0.7),
        ("mentions", "sends with a mention", "w4", "sends", 0.7),
        ("answers", "messages in threads", "w4", "sends", 0.7),
        ("reactions", "reactions", "w4", "sends", 0.7),
        ("marks", "read marks", "w4", "sends", 0.7),
        ("deliveries", "marks of delivery", "w4", "sends", 0.7),
        ("sends-blocking", "sends of people with 1,000 blocks", "sends-free", "those of people without", 0.97),
        ("w4-hot", "sends of 64 people into one chat", "w4", "those into 64 chats", 0.8),
        ("w4-channel", "sends into a channel of 100,000 people", "w4-ten", "those into a group of 10", 0.8),
        ("page-last", "pages at message 1,000,000", "page-first", "the first pages", 0.83),
        ("list-500", "lists of somebody in 500 chats", "page-first", "pages of 50", 0.25),
        ("members-large", "pages of members of a group of 100,000 people", "members-ten", "those of a group of 10", 0.25),
        ("group-large", "details of a group of 100,000 people", "group-ten", "those of a group of 10", 0.8),
        ("join-leave-large", "people who join and leave a group of 100,000", "join-leave-ten", "those of a group of 10", 0.8),
    ):
        if rate(workload):
            print(f"- {what}: {things} are {ratio(rate(workload), rate(base), True)} {others} (aim: {aim})")
    for workload, things in (
        ("expiry", "messages in 64 chats whose time is over are deleted"),
        ("expiry-hot", "messages in one chat whose time is over are deleted"),
        ("scheduled", "scheduled messages are sent"),
    ):
        if rate(workload):
            print(f"- {what}: {things} at {rate(workload):,.0f} a second (aim: 1,000)")
    for workload, where in (
        ("search-two-words", "a million messages"),
        ("search-two-words-newest", "the same, the newest first"),
        ("search-two-words-in-chat", "one chat with half of them"),
    ):
        took = [row["p99"] for row in rows[f"store-{server}", workload]]
        if took:
            print(f"- {what}: searches for two words in {where} have a p99 of {statistics.median(took):.1f} ms (aim: {150 if server == 'postgres' else 250})")
    if rate("index"):
        print(f"- {what}: messages are indexed at {rate('index'):,.0f} a second")


def beside_hashing(rows, server):
    """What of the bare rate of hashing is left to sign in, and what signing in does to others."""
    what = SERVERS[server].split()[-1]

    def median(peer, workload, field):
        values = [row[field] for row in rows[peer, workload] if field in row]
        return statistics.median(values) if values else None

    signed_in, hashed = median(server, "w1", "ok_per_s"), median(f"store-{server}", "hash", "ok_per_s")
    print(f"- {what}: sign-ins are {ratio(signed_in, hashed, True)} of bare hashes")
    calls, checked = median(server, "pool-calls", "calls"), median(server, "me-quiet", "ok_per_s")
    if calls is not None and checked:
        checked *= median(server, "pool-calls", "secs")
        print(f"- {what}: {checked:,.0f} tokens were checked while the database was asked {calls:,.0f} times, by what goes on in the background")
    quiet, busy = median(server, "me-quiet", "p99"), median(server, "me-while-signing-in", "p99")
    if quiet and busy:
        print(f"- {what}: p99 of the own profile with 100 sign-ins in flight is {busy:.1f} ms, **{busy / quiet:.1f}** times the quiet {quiet:.1f} ms")


def beside_held(rows):
    """What a locked chat does to everybody else."""
    def p99(peer, workload):
        values = [row["p99"] for row in rows[peer, workload] if "p99" in row]
        return statistics.median(values) if values else None

    for peer, where, thing, quiet, held in (
        ("postgres", "over REST", "sends", "w8", "w8-beside-held"),
        ("postgres", "over REST", "lists of chats", "w2-quiet", "w2-beside-held"),
        ("store-postgres", "in the store", "sends", "send-quiet", "send-beside-held"),
        ("store-postgres", "in the store", "lists of chats", "list-quiet", "list-beside-held"),
    ):
        before, beside = p99(peer, quiet), p99(peer, held)
        if before and beside:
            print(f"- PostgreSQL: p99 of {thing} {where} is {beside:.1f} ms while one chat is locked for 5 s and sent to, {before:.1f} ms otherwise")


def beside_fan_out(rows):
    """One message to many sockets, beside servers that guarantee nothing."""
    def median(peer, field, workload="w6"):
        values = [row[field] for row in rows[peer, workload] if field in row]
        return statistics.median(values) if values else None

    for peer, name, aims in (("bare", "the bare server", (0.7, None)), ("socketio", "Socket.IO", (None, 2))):
        rate = ratio(median("ours", "deliveries_per_s"), median(peer, "deliveries_per_s"), True)
        p99 = ratio(median("ours", "delivery_p99"), median(peer, "delivery_p99"), False)
        told = [f" (aim: {aim})" if aim else "" for aim in aims]
        print(f"- one chat with thousands of sockets: deliveries a second are {rate} those of {name}{told[0]}, and their p99 {p99}{told[1]}")
    steady = median("ours", "delivery_p99", "w6-steady")
    if steady:
        print(f"- the same at about half of that rate: p99 is {steady:.1f} ms (aim: 50 ms)")


def beside_one_node(rows):
    """What a send costs with two nodes. The rows of two nodes count the whole CPU of the database twice."""
    def cost(row, share):
        return row["server_cpu_ms_per_ok"] + row["db_cpu_ms_per_ok"] / share

    one, two = rows["one node", "w4"], rows["node 1 of 2", "w4"] + rows["node 2 of 2", "w4"]
    if one and two:
        rate = statistics.mean(row["ok_per_s"] for row in two) * 2
        print(f"- two nodes: {rate:,.0f} sends a second, {ratio(rate, statistics.mean(row['ok_per_s'] for row in one), True)} those of one")
        costs = [statistics.mean(cost(row, share) for row in some) for some, share in ((one, 1), (two, 2))]
        print(f"- a send takes {costs[1]:.2f} ms of CPU with two nodes and {costs[0]:.2f} ms with one: {ratio(*costs, True)} (aim: 0.8)")
    for row in rows["back at the other node", "w9"]:
        print(f"- {row['back']} of {row['n']} clients of a node that was killed are back after {row['back_s']} s (aim: 10,000 in 20 s), {row['reset']} with a reset")


def beside_files(rows):
    """Uploads, downloads and thumbnails beside programs that do only a part of it."""
    def median(peer, workload, field="secs"):
        values = [row[field] for row in rows[peer, workload] if field in row]
        return statistics.median(values) if values else None

    for workload, peer, things, others, aim in (
        ("file-upload", "cat", "an upload", "`cat > file; sync file`", 0.6),
        ("file-download", "nginx", "a download", "nginx", 0.7),
        ("thumbnails", "vips", "all thumbnails of 12 megapixels", "libvips", 0.5),
    ):
        ours, theirs = median("files", workload), median(peer, workload)
        if ours and theirs:
            octets = median("files", workload, "octets")
            size = f" of {octets / 1e6:,.0f} MB" if octets else ""
            print(f"- files: {things}{size}: {ours:.3f} s, {ratio(ours, theirs, False)} as fast as {others} ({theirs:.3f} s; aim: {aim})")
    ours, theirs = median("files", "file-small", "ok_per_s"), median("nginx", "file-small", "ok_per_s")
    if ours:
        print(f"- files: {ours:,.0f} small downloads a second (aim: 1,000), {ratio(ours, theirs, True)} those of nginx (aim: 0.5)")
    quiet, busy = median("files", "me-without-uploads", "p99"), median("files", "me-beside-uploads", "p99")
    for row in rows["files", "uploads-at-once"]:
        many = f"{row['uploads']} uploads of {row['octets'] / 1e6:,.0f} MB at once"
        print(f"- files: the server has at most {row['peak_kb'] / 1024:.0f} MiB with {many} (aim: 256 MiB)")
        if quiet and busy:
            print(f"- files: p99 of the own profile beside {many} is {busy:.1f} ms, **{busy / quiet:.1f}** times the {quiet:.1f} ms without (aim: 5)")


def beside_push(rows):
    """What of the bare primitive's speed is left when a payload is encrypted for a browser."""
    ours, bare = ([row["ok_per_s"] for row in rows[peer, "push-encryption"]] for peer in ("push-ours", "push-bare"))
    if ours and bare:
        ours, bare = statistics.median(ours), statistics.median(bare)
        print(f"- push: {ours:,.0f} payloads a second are encrypted, {ratio(ours, bare, True)} the bare primitive (aim: 0.5)")


def main():
    rows = read(sys.argv[1])
    if sys.argv[2:] == ["files"]:
        return beside_files(rows)
    print(f"| workload | {' | '.join(SERVERS.values())} | PostgreSQL : Django | SQLite : Django | PostgreSQL : bare |")
    print("|---" * (len(SERVERS) + 4) + "|")
    for workload, (what, field, unit, more) in CELLS.items():
        found = medians(rows, workload, field)
        peers = [found[mode] for mode in ("asgi", "split") if mode in found]
        peer = (max if more else min)(peers) if peers else None
        cells = [f"{found[server]:,.1f} {unit}" if server in found else "–" for server in SERVERS]
        cells += [ratio(found.get(server), peer, more) for server in ("postgres", "sqlite")]
        cells.append(ratio(found.get("postgres"), found.get("bare"), more))
        print(f"| {workload} {what} | {' | '.join(cells)} |")
    for server in ("postgres", "sqlite"):
        beside_store(rows, server)
        beside_reads(rows, server)
        beside_sends(rows, server)
        beside_hashing(rows, server)
    beside_held(rows)
    beside_fan_out(rows)
    beside_one_node(rows)
    beside_files(rows)
    beside_push(rows)
    print("\nA ratio above 1 is in our favour; Django's is that of its better mode.")


main()
