"""The command ``danqing mcp``: the studio for whoever speaks the Model Context Protocol."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

from .door import Door, llm_options, models_option

if TYPE_CHECKING:
    import socket

HOST, PORT = "127.0.0.1", 8765
SDK = "2"
"""The generation of the SDK that is needed."""


@click.command()
@click.option("--http", is_flag=True, help="Serve HTTP, and not standard input and output.")
@click.option(
    "--host", metavar="HOST",
    help=f"Where to listen for HTTP [{HOST}]; for others than this machine only with keys.",
)  # fmt: skip
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="A name that the server is asked for by, beside those of this machine.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help=f"The port [{PORT}].")
@models_option
@llm_options
@click.pass_obj
def mcp(
    door: Door, http: bool, host: str | None, names: tuple[str, ...], port: int | None,
    profile: str | None, llm: str | None, llm_sees: bool,
) -> None:  # fmt: skip
    """Serve the studio to other programs, as an MCP server.

    The client starts it, and it ends with that; with --http it serves any number of clients until
    Ctrl-C, who send a key (Authorization: Bearer KEY): without keys on this machine alone, and with
    the one that is printed; with keys (`danqing keys add NAME`) each to sessions of its own. The
    models are loaded when the first picture is asked for.
    """
    if not http and (host is not None or port is not None or names):
        raise click.UsageError("--host, --name and --port are for --http.")
    check_sdk()
    import anyio

    from .commands import read_options
    from .mcp_server import Clients, over_stdio, server
    from .server.faults import quiet_logs

    options = read_options(profile=profile, llm=llm, llm_sees=llm_sees)
    quiet_logs()
    with door.studio(options.models, options.llm) as studio:
        if not http:
            with door.interruption.leaving():
                anyio.run(over_stdio, server(studio, options))
            return
        from .mcp_http import over_http
        from .server.guests import Door as Guard
        from .server.listening import hosts_for, url_host

        guard = Guard(studio.ledger)
        hosts_for(host or HOST, names, open_to_all=guard.key is not None)
        with listen(host or HOST, PORT if port is None else port) as listening:
            at, number = listening.getsockname()[:2]
            with_key = f"  key: {guard.key}" if guard.key else ""
            click.echo(f"http://{url_host(at)}:{number}/mcp{with_key}; Ctrl-C ends it", err=True)
            clients = Clients(studio, options)
            whole = server(studio, options, clients)
            anyio.run(over_http, whole, clients, guard, listening, names)


def check_sdk() -> None:
    """Raise `Stopped` unless the SDK is there, of the right generation."""
    from .tools.errors import Stopped

    try:
        there = version("mcp")
    except PackageNotFoundError:
        there = ""
    if there.split(".")[0] != SDK:
        lacking = f"is version {there}, not {SDK}" if there else "is not installed"
        raise Stopped(
            f"The MCP server needs the package mcp, which {lacking}.",
            hint="`pip install 'danqing[mcp]'` installs it.",
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket at a port of an address; `BadInput` for another host or a port that is taken."""
    import ipaddress
    import socket

    from .tools.errors import BadInput

    try:
        address = ipaddress.ip_address(HOST if host == "localhost" else host.strip("[]"))
    except ValueError:
        raise BadInput(
            f"{host!r} is no address to listen at.", hint="Name one, or localhost."
        ) from None
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(address), port), family=family)
    except OSError as error:
        raise BadInput(
            f"Nothing can listen at port {port} of {address}: {error.strerror}.",
            hint="Name another with --port.",
        ) from None
