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
@click.option("--host", metavar="HOST", help=f"Where to listen for HTTP on this machine [{HOST}].")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help=f"The port [{PORT}].")
@models_option
@llm_options
@click.pass_obj
def mcp(
    door: Door, http: bool, host: str | None, port: int | None, profile: str | None,
    llm: str | None, llm_sees: bool,
) -> None:  # fmt: skip
    """Serve the studio to other programs, as an MCP server.

    The client starts it, and it ends with that; with --http it serves any number of clients on this
    machine until Ctrl-C. The models are loaded when the first picture is asked for.
    """
    if not http and (host is not None or port is not None):
        raise click.UsageError("--host and --port are for --http.")
    check_sdk()
    import anyio

    from .commands import read_options
    from .mcp_server import over_http, over_stdio, server
    from .server.listening import url_host

    options = read_options(profile=profile, llm=llm, llm_sees=llm_sees)
    listening = listen(host or HOST, PORT if port is None else port) if http else None
    with door.studio(options.models, options.llm) as studio:
        if listening is None:
            with door.interruption.leaving():
                anyio.run(over_stdio, server(studio, options))
            return
        with listening:
            at, number = listening.getsockname()[:2]
            click.echo(f"http://{url_host(at)}:{number}/mcp; Ctrl-C ends it", err=True)
            anyio.run(over_http, server(studio, options), listening)


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
    """A socket at a port of this machine; `BadInput` for another host or a port that is taken."""
    import ipaddress
    import socket

    from .tools.errors import BadInput

    try:
        address = ipaddress.ip_address(HOST if host == "localhost" else host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise BadInput(
            f"The host {host!r} is not this machine alone, and the server asks for no key yet.",
            hint="Name 127.0.0.1, ::1 or localhost.",
        )
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(address), port), family=family)
    except OSError as error:
        raise BadInput(
            f"Nothing can listen at port {port} of {address}: {error.strerror}.",
            hint="Name another with --port.",
        ) from None
