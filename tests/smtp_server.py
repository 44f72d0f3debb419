"""A real SMTP server for the tests: `python smtp_server.py FOLDER [options]`.

Each letter it takes goes into FOLDER as a file, once it is whole. It prints `listening on PORT` when it is ready,
and serves until it is ended.
"""

import argparse
import asyncio
import email
import email.policy
import itertools
import json
import os
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


def parsed(content):
    """What another program makes of a letter: its headers, decoded, its parts, and what is wrong with it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
    return {
        "headers": [[name, str(value)] for name, value in message.items()],
        "parts": [part.get_content_type() for part in message.walk()],
        "defects": [str(defect) for part in message.walk() for defect in part.defects],
        **{kind: part.get_content() if part else None for kind, part in body.items()},
    }


class Handler:
    """Keeps what it is given, unless it was told to say something else."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.count = itertools.count()

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if self.options.refuse and self.options.refuse in address:
            return "550 5.1.1 There is nobody of this name"
        if self.options.defer and self.options.defer in address:
            return "451 4.7.1 Come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(self.options.slow)
        name = f"{os.getpid()}-{next(self.count)}"
        how = ["tls" if session.ssl or self.options.tls == "implicit" else "plain"]
        if session.authenticated:
            how.append("authenticated")
        head = f"X-Arrived: {' '.join(how)}\r\nX-Rcpt: {' '.join(envelope.rcpt_tos)}\r\n"
        draft = self.folder / f".{name}"
        draft.write_bytes(head.encode() + envelope.original_content)
        (self.folder / f"{name}.json").write_text(json.dumps(parsed(envelope.original_content)))
        draft.rename(self.folder / f"{name}.eml")
        return "250 OK"


def authenticator(expected):
    user, password = expected.encode().split(b":")

    def check(server, session, envelope, mechanism, data):
        right = data.login == user and data.password == password
        return AuthResult(success=right, handled=right)

    return check


async def serve(options):
    context = None
    if options.tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate / "cert.pem", options.certificate / "key.pem")
    handler = Handler(options.folder, options)

    def connection():
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=context if options.tls == "starttls" else None,
            require_starttls=options.tls == "starttls",
            auth_required=bool(options.login),
            auth_require_tls=options.tls == "starttls",
            authenticator=authenticator(options.login) if options.login else None,
            enable_SMTPUTF8=True,
        )

    loop = asyncio.get_running_loop()
    implicit = context if options.tls == "implicit" else None
    server = await loop.create_server(connection, "127.0.0.1", options.port, ssl=implicit)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--certificate", type=pathlib.Path, help="the folder with cert.pem and key.pem")
    parser.add_argument("--login", help="user:password that must be given")
    parser.add_argument("--refuse", help="recipients with this in their address are refused for good")
    parser.add_argument("--defer", help="recipients with this in their address are told to come back later")
    parser.add_argument("--slow", type=float, default=0, help="seconds that each letter takes")
    asyncio.run(serve(parser.parse_args()))


main()
