"""``danqing models``: which there are, what they take, and taking them from a hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from .door import Door, complain, print_json

if TYPE_CHECKING:
    from .machine import Device
    from .tools.catalogue import Entry, Profile, Source
    from .tools.hub import Order
    from .tools.registry import Role


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """List the models: what each is for, its licence, what it takes, and whether it is here."""
    if ctx.invoked_subcommand is not None:
        return
    from .machine import device
    from .tools import catalogue

    door: Door = ctx.obj
    profiles = catalogue.profiles(door.place)
    here = device()
    if as_json:
        print_json(_document(profiles.values(), here))
        return
    listed: list[Entry] = []
    for name, profile in profiles.items():
        default = name == catalogue.DEFAULT_PROFILE
        click.echo(f"{name}: {profile.summary}{' It is the default.' if default else ''}")
        _list(profile, here, listed)
    click.echo(
        f"On this machine they run on {here.in_words}.\n"
        "To use a profile: --models NAME, after `danqing models pull NAME`; nothing is downloaded"
        " otherwise.\n"
        f"Your own: --models FOLDER, or profiles in {door.place / catalogue.OWN}."
    )


@models.command()
@click.argument("name")
@click.argument("roles", nargs=-1)
@click.option("--yes", is_flag=True, help="Take models that are not for commercial use, too.")
@click.option("--configuration", is_flag=True, help="Only the configuration, without the weights.")
@click.pass_context
def pull(
    ctx: click.Context, name: str, roles: tuple[str, ...], yes: bool, configuration: bool
) -> None:
    """Download the models of the profile NAME, all of them or those for ROLES.

    \b
    danqing models pull sd15
    danqing models pull sdxl text-to-image controlnet

    They come from the Hugging Face hub, or from the mirror that HF_ENDPOINT names, with the token
    in HF_TOKEN if it is set. A download that was cut goes on where it was. What a hub refuses is
    told, and the rest is taken; the exit code is 1 then.
    """
    from .agent.home import Home
    from .tools import catalogue, hub

    door: Door = ctx.obj
    home = Home.open(door.home)
    profile = catalogue.profile(name, home.root)
    entries = _chosen(profile, roles)
    for role, entry in entries.items():
        use = "commercial use allowed" if entry.commercial else "NOT known to allow commercial use"
        needs = f"; needs `pip install 'danqing[{entry.extra}]'`" if entry.extra else ""
        click.echo(f"{role}: {', '.join(entry.repositories)}; {entry.license}; {use}{needs}")
    _check_licenses(entries, yes)
    orders, refused = [], 0
    for source in _sources(entries):
        try:
            orders.append(hub.order(source, configuration=configuration))
        except hub.Refused as error:
            complain(error)
            refused = 1
    left = sum(order.bytes_left for order in orders)
    if not any(order.missing for order in orders):
        if orders:
            click.echo("All of it is here already.")
        ctx.exit(refused)
    hub.check_room(orders)
    click.echo(f"To download: {hub.in_words(left)}, into {home.root / catalogue.FOLDER}")
    for order in orders:
        _take(order)
    if not (configuration or refused):
        click.echo(f'It is here. Use it with --models, as in: danqing draw "…" --models {name}')
    ctx.exit(refused)


def _chosen(profile: Profile, roles: Sequence[str]) -> dict[Role, Entry]:
    """The models to take; `BadInput` where there is nothing to take, or no such role."""
    from .tools.errors import BadInput

    if not profile.own:
        raise BadInput(f"Nothing is to be downloaded for {profile.name!r}: it is all here.")
    unknown = [role for role in roles if role not in profile.own]
    if unknown:
        raise BadInput(
            f"The profile {profile.name!r} has no {unknown[0]!r} from a hub.",
            hint=f"It has: {', '.join(profile.own)}.",
        )
    return {role: entry for role, entry in profile.own.items() if not roles or role in roles}


def _check_licenses(entries: dict[Role, Entry], yes: bool) -> None:
    from .tools.errors import BadInput

    closed = [role for role, entry in entries.items() if not entry.commercial]
    if closed and not yes:
        raise BadInput(
            f"Not known to allow commercial use: {', '.join(closed)}.",
            hint="Add --yes if that is all right for what you do; nothing was downloaded.",
        )


def _sources(entries: dict[Role, Entry]) -> list[Source]:
    """What the models are made of, each once."""
    found: list[Source] = []
    places: list[tuple[Any, ...]] = []
    for entry in entries.values():
        for source in entry.sources:
            place = (source.repository, source.revision, source.variant, source.files)
            if source.repository and place not in places:
                places.append(place)
                found.append(source)
    return found


def _take(order: Order) -> None:
    """Take a repository, with a bar on a terminal for each file."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from .tools import hub

    name, license_ = order.repository, f"; the hub says {order.license}" if order.license else ""
    click.echo(f"{name} at {order.revision[:12]}{license_}")
    console = Console(stderr=True)
    with Progress(
        TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        console=console, disable=not console.is_terminal,
    ) as bars:  # fmt: skip
        tasks: dict[str, Any] = {}

        def progress(path: str, done: int, total: int) -> None:
            if path not in tasks:
                tasks[path] = bars.add_task(path, total=total)
            bars.update(tasks[path], completed=done)

        hub.take(order, progress)


def _list(profile: Profile, here: Device, listed: list[Entry]) -> None:
    """Its models, those that no profile before it had; ``listed`` is added to."""
    from .display import columns

    rows: list[tuple[str, ...]] = []
    again: list[str] = []
    for role, entry in profile.models.items():
        if entry in listed:
            again += [role] if entry.repositories else []
            continue
        listed.append(entry)
        use = "commercial use allowed" if entry.commercial else "commercial use not known"
        where = str(entry.folder) if entry.ready else _absent(entry)
        mark = "✓" if entry.ready else "–" if entry.repositories else "✗"
        rows.append(
            (mark, role, f"{entry.size_mb} MB", _memory(entry, here), entry.license, use, where)
        )
    columns(rows, (None, "cyan", None, None, None, None, "bright_black"))
    if again:
        click.echo(f"  and as above: {', '.join(again)}")


def _absent(entry: Entry) -> str:
    if entry.extra and all(source.here for source in entry.sources):
        return f"{entry.folder} needs `pip install 'danqing[{entry.extra}]'`"
    return f"not here: {', '.join(entry.repositories)}" if entry.repositories else (
        f"missing: {entry.folder}"
    )  # fmt: skip


def _memory(entry: Entry, here: Device) -> str:
    """What a model takes in memory on this device, and whether that is more than there is: then a
    GPU gets the networks of a pipeline one by one, and slower."""
    needed = entry.memory_on(here.name)
    apart = here.name == "cuda" and entry.loader == "diffusers"
    more = "" if needed <= here.memory_mb else ", part by part" if apart else ", more than there is"
    return f"{needed:.0f} MB in memory{more}"


def _document(profiles: Any, here: Device) -> dict[str, Any]:
    from .tools.catalogue import DEFAULT_PROFILE

    return {
        "version": 1,
        "device": {"name": here.name, "memory_mb": here.memory_mb},
        "profiles": [
            {
                "name": profile.name,
                "summary": profile.summary,
                "default": profile.name == DEFAULT_PROFILE,
                "models": [_told(role, entry, here) for role, entry in profile.models.items()],
            }
            for profile in profiles
        ],
    }


def _told(role: str, entry: Entry, here: Device) -> dict[str, Any]:
    return {
        "role": role,
        "sources": list(_described(entry)),
        "license": entry.license,
        "commercial": entry.commercial,
        "size_mb": entry.size_mb,
        "memory_mb": {"float32": entry.memory_mb, "half": entry.memory_mb / 2},
        "here": entry.ready,
        "fits": entry.memory_on(here.name) <= here.memory_mb,
    }


def _described(entry: Entry) -> Iterator[dict[str, Any]]:
    for source in entry.sources:
        if source.repository:
            yield {"repository": source.repository, "revision": source.revision}
        else:
            yield {"path": str(source.folder)}
