"""``danqing serve``: the studio behind HTTP."""

from __future__ import annotations

import contextlib

import click

from .door import Door, llm_options, models_option


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="Where to listen; for others than this machine only with keys, see `danqing keys`.",
)  # fmt: skip
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="A name that the server is asked for by, beside those of this machine.",
)  # fmt: skip
@click.option("--port", default=8766, show_default=True, type=click.IntRange(0, 65535))
@models_option
@click.option(
    "--at-once", default=2, show_default=True, type=click.IntRange(1, 64),
    help="Turns that are carried out at a time; what they wait to paint is painted in one batch.",
)  # fmt: skip
@click.option(
    "--keep-days", type=click.FloatRange(0, min_open=True), metavar="N",
    help="Delete every session of the home in which nothing has happened for N days, at the start"
    " and then every hour; 30 is usual where many come. All are kept if left out.",
)  # fmt: skip
@llm_options
@click.pass_context
def serve(
    ctx: click.Context, /, host: str, names: tuple[str, ...], port: int, profile: str | None,
    at_once: int, keep_days: float | None, llm: str | None, llm_sees: bool,
) -> None:  # fmt: skip
    """Serve the studio: OpenAI's image and chat API, and its own.

    Without keys it listens on this machine alone, and lets in who has the one key that is made,
    printed, and kept in the home, in a file that nobody else can read. With keys (`danqing keys
    add NAME`) those are let in, each to sessions of its own.
    """
    from .commands import read_options
    from .tools.errors import BadInput, Stopped

    door: Door = ctx.obj
    try:
        import uvicorn

        from .server import app as server
        from .server.desk import Desk
        from .server.faults import quiet_logs
        from .server.keeping import keeping
        from .server.listening import Server, settle, url_host
    except ImportError as error:
        raise Stopped(
            f"The server needs {error.name}, which is not here.",
            hint="pip install 'danqing[serve]'",
        ) from None
    if llm_sees:
        raise BadInput("--llm-sees is not for a server.")
    options = read_options(profile=profile, llm=llm)
    quiet_logs()
    with door.studio(options.models, options.llm, batching=True) as studio:
        guard = server.Door(studio.ledger)
        hosts = server.hosts_for(host, names, open_to_all=guard.key is not None)
        server.raise_file_limit()
        studio.warm_up()
        desk = Desk(studio, at_once=at_once)
        app = server.create_app(desk, guard, hosts)
        with_key = f"/#{guard.key}  key: {guard.key}" if guard.key else ""
        click.echo(f"http://{url_host(host)}:{port}{with_key}", err=True)
        config = uvicorn.Config(
            app, host=host, port=port, log_level="warning", log_config=None, access_log=False
        )
        settle()
        listening = Server(config, desk)
        with keeping(desk, keep_days), contextlib.suppress(KeyboardInterrupt):
            listening.run()
        if not listening.started:
            ctx.exit(1)
