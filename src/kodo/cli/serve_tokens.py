"""`kodo serve token`: make, list and revoke the tokens by which others reach the server."""

import argparse

import msgspec

from kodo.base.clock import utc_now
from kodo.base.text import printable
from kodo.cli.options import add_common, add_json, load
from kodo.cli.output import print_json, print_table
from kodo.server.access.tokens import SCOPES, TokenFile, TokenRecord, new_token


class Added(msgspec.Struct, frozen=True):
    """`kodo serve token add --json`: the only time that a token is shown."""

    token: str
    id: str
    name: str
    expires_at: str


class Listed(msgspec.Struct, frozen=True):
    """A token in `kodo serve token list --json`."""

    id: str
    name: str
    state: str
    scopes: tuple[str, ...]
    models: tuple[str, ...]
    created_at: str
    expires_at: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare add, list and revoke."""
    actions = parser.add_subparsers(dest="token_action", metavar="add|list|revoke", required=True)
    add = actions.add_parser("add", help="make a token and show it this once")
    add.add_argument("name", help="whose it is, for the list")
    add.add_argument("--days", type=float, metavar="N", help="it ends after N days")
    add.add_argument(
        "--scope", action="append", choices=SCOPES, help="what it opens (default: infer)"
    )
    add.add_argument("--only", action="append", metavar="MODEL", help="only this model")
    add.add_argument("--per-minute", type=int, metavar="N", help="at most N requests a minute")
    add.add_argument("--budget-tokens", type=int, metavar="N", help="at most N tokens in all")
    add.add_argument("--budget-usd", type=float, metavar="USD", help="at most so much in all")
    listing = actions.add_parser("list", help="all tokens, without what opens")
    revoke = actions.add_parser("revoke", help="end a token now; a running server sees it")
    revoke.add_argument("id", help="its id or name")
    for one in (add, listing, revoke):
        add_json(one)
        add_common(one)


def run(arguments: argparse.Namespace) -> int:
    """Carry out one of the three. Raises ConfigError."""
    file = TokenFile(load(arguments).paths.tokens_file)
    if arguments.token_action == "add":
        _add(file, arguments)
    elif arguments.token_action == "list":
        _list(file.read(), arguments)
    else:
        record = file.revoke(arguments.id, utc_now())
        if arguments.json:
            print_json(listed(record))
        else:
            print(f"{record.id} ({printable(record.name)}) is revoked")
    return 0


def _add(file: TokenFile, arguments: argparse.Namespace) -> None:
    token, record = new_token(
        arguments.name,
        utc_now(),
        days=arguments.days,
        scopes=tuple(arguments.scope or ("infer",)),
        models=tuple(arguments.only or ()),
        requests_per_minute=arguments.per_minute,
        budget_tokens=arguments.budget_tokens,
        budget_usd=arguments.budget_usd,
    )
    file.add(record)
    if arguments.json:
        print_json(Added(token, record.id, record.name, listed(record).expires_at))
    else:
        print(token)


def _list(records: list[TokenRecord], arguments: argparse.Namespace) -> None:
    found = [listed(record) for record in records]
    if arguments.json:
        print_json(found)
        return
    print_table(
        ("id", "name", "state", "scopes", "expires"),
        [
            (one.id, printable(one.name), one.state, ",".join(one.scopes), one.expires_at)
            for one in found
        ],
    )


def listed(record: TokenRecord) -> Listed:
    """Return what is told of a token."""
    state = "works"
    if record.revoked_at is not None:
        state = "revoked"
    elif record.expires_at is not None and record.expires_at <= utc_now():
        state = "ended"
    return Listed(
        record.id,
        record.name,
        state,
        record.scopes,
        record.models,
        record.created_at.isoformat(timespec="seconds"),
        record.expires_at.isoformat(timespec="seconds") if record.expires_at else "never",
    )
