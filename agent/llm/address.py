"""Which language model plans: what ``--llm`` may say, and the chat model behind it.

Nothing is imported and nobody is called before `connect`.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...tools.errors import BadInput
from .door import tame

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ...tools.engine import Engine

BUILTIN = "builtin"
OWN = "sketchbook"
"""The project's own small language model. It has learned to read requests, and nothing else."""
URL_KEY = "DANQING_LLM_KEY"
"""The variable with the key for a server by its URL. The key of a provider is never sent to it."""
LONGEST = 1024
"""Tokens of one reply of a model on this machine."""
PRICE = "DANQING_LLM_PRICE"
"""The variable with US dollars for a million tokens, asked and said: 0.25/2. Without it nothing is
known of money."""
READ = 120.0
"""Seconds without a byte after which a connection is given up."""
CONTEXT = 16_384
"""Tokens that an Ollama server makes room for: what it does by itself is less than the tools take,
and it cuts off the beginning and says nothing."""
SHORTEST_SECRET = 6
LONGEST_REASON = 300
"""Characters of what is told of an error."""
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


@dataclass(frozen=True)
class Provider:
    """What a provider takes: the package of its chat models, the variables with its key and with
    another server than its own, and its ``home``, which is none where that is this machine."""

    package: str
    extra: str
    keys: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    home: str | None = None

    @property
    def server(self) -> str | None:
        """The URL that the environment tells of."""
        return next(filter(None, map(os.environ.get, self.servers)), None)


PROVIDERS = {
    "openai": Provider(
        "langchain_openai", "openai", ("OPENAI_API_KEY",), ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        "https://api.openai.com/v1",
    ),
    "anthropic": Provider(
        "langchain_anthropic", "anthropic", ("ANTHROPIC_API_KEY",),
        ("ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL"), "https://api.anthropic.com",
    ),
    "google_genai": Provider(
        "langchain_google_genai", "google", ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        ("GOOGLE_GEMINI_BASE_URL",), "https://generativelanguage.googleapis.com",
    ),
    "ollama": Provider("langchain_ollama", "ollama", servers=("OLLAMA_HOST",)),
}  # fmt: skip
"""The providers whose packages the extras install; others that LangChain knows work, too."""


@dataclass(frozen=True)
class Address:
    """A language model: ``kind`` is builtin, url, hf, or a provider; ``model`` its name there, and
    ``where`` the server's URL or the model's folder or id."""

    kind: str
    model: str
    where: str = ""

    @classmethod
    def read(cls, text: str) -> Address:
        """Read ``builtin``, ``openai:gpt-5``, ``http://127.0.0.1:8000/v1#model`` or ``hf:FOLDER``.

        Nothing is looked for: whether there is such a model, `parse` finds out. Raises `BadInput`
        for anything else.
        """
        text = text.strip()
        if text in (BUILTIN, OWN):
            return cls(text, text)
        if re.match(r"https?://", text):
            return _url(text)
        kind, _, model = text.partition(":")
        if not (re.fullmatch(r"[a-z][a-z0-9_]*", kind) and model.strip()):
            raise BadInput(
                f"There is no planner {text!r}.",
                hint=f"Allowed are: {BUILTIN}, {OWN}, a provider with its model"
                f" ({', '.join(PROVIDERS)}: as in openai:gpt-5), a URL with a model"
                " (http://127.0.0.1:8000/v1#NAME), and hf: with a folder or an id.",
            )
        model = model.strip()
        if kind == "hf":
            name = model if _HUB_ID.fullmatch(model) else Path(model).expanduser().absolute().name
            return cls(kind, name, model)
        return cls(kind, model)

    @classmethod
    def parse(cls, text: str) -> Address:
        """The model that `read` reads of, found.

        Raises `BadInput` as `read` does, and for a provider whose package is not installed, one
        whose key is not in the environment, and a folder that holds no language model.
        """
        address = cls.read(text)
        if address.kind == OWN:
            return replace(address, where=str(_own()))
        if address.kind == "hf":
            return replace(address, where=str(_folder(address.where)))
        provider = PROVIDERS["openai"] if address.kind == "url" else PROVIDERS.get(address.kind)
        if provider is None:
            return address
        if find_spec(provider.package) is None:
            raise BadInput(
                f"The planner {text!r} needs the package {provider.package.replace('_', '-')}.",
                hint=f"Install it: pip install 'danqing[{provider.extra}]'",
            )
        keys = () if address.kind == "url" else provider.keys
        if keys and not any(os.environ.get(key) for key in keys):
            raise BadInput(
                f"The planner {text!r} needs a key, and there is none.",
                hint=f"Set {' or '.join(keys)} in the environment.",
            )
        return address

    @property
    def name(self) -> str:
        """As it is called where people read it; no key is ever in it."""
        return self.model if self.kind in (BUILTIN, OWN, "url") else f"{self.kind}:{self.model}"

    @property
    def local(self) -> bool:
        """Whether it is a model on this machine that runs in the worker."""
        return self.kind in ("hf", OWN)

    @property
    def sends_to(self) -> str | None:
        """Who is sent words, or None where they stay in this program."""
        if self.kind == BUILTIN or self.local:
            return None
        if self.kind == "url":
            return urlsplit(self.where).netloc
        provider = PROVIDERS.get(self.kind)
        if provider is None:
            return self.kind
        if (told := provider.server) is not None:
            return re.sub(r"(?<=//)[^/@]*@", "", told)  # there may be a password in it
        return "this machine" if provider.home is None else self.kind

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: of the environment, all that is called a key or the like, for
        every provider has names of its own."""
        told = {value.strip() for name, value in os.environ.items() if _SECRET.search(name)}
        return tuple(sorted((v for v in told if len(v) >= SHORTEST_SECRET), key=len, reverse=True))

    def clean(self, text: str) -> str:
        """``text`` without keys, on one line, and short."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return " ".join(tame(text).split())[:LONGEST_REASON]


def _own() -> Path:
    """Where the project's own language model is. Raises `BadInput` where it is not installed."""
    from ...tools.catalogue import language_model

    folder = Path(str(resources.files("danqing.tools"))) / "weights" / "sketchbook" / "planner"
    language_model(folder)
    return folder


def _folder(model: str) -> Path:
    """Where a local model is: a folder, or what was downloaded of a hub's before."""
    from ...tools.catalogue import language_model

    folder = Path(model).expanduser()
    if not folder.is_dir() and _HUB_ID.fullmatch(model):
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(model, local_files_only=True))
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
            raise BadInput(
                f"The model {model!r} is not on this machine.",
                hint=f"Download it first: hf download {model}; or give its folder: hf:./FOLDER",
            ) from None
    language_model(folder)
    return folder


def price() -> tuple[float, float]:
    """US dollars for a token asked and a token said; 0 where nobody told. Raises `BadInput`."""
    text = os.environ.get(PRICE, "0/0")
    try:
        asked, said = (float(part) / 1e6 for part in text.split("/"))
        if not (0 <= asked < math.inf and 0 <= said < math.inf):
            raise ValueError(text)
    except ValueError:
        raise BadInput(
            f"Cannot read {PRICE}={text!r}.",
            hint="Write dollars for a million tokens asked and said, as in 0.25/2.",
        ) from None
    return asked, said


def _url(text: str) -> Address:
    where, _, model = text.partition("#")
    try:
        parts = urlsplit(where)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput(f"Cannot read the address {where!r}: {error}.") from None
    if parts.username or parts.password or parts.query:
        raise BadInput(
            f"The address of {host!r} must not hold a key.",
            hint=f"Set {URL_KEY} in the environment.",
        )
    if not (host and model):
        raise BadInput(
            f"The address {text!r} does not tell which model.",
            hint="Write it as http://127.0.0.1:8000/v1#NAME.",
        )
    return Address("url", model, where)


def connect(address: Address, engine: Engine | None = None) -> BaseChatModel:
    """The chat model at an address that is not ``builtin``; one on this machine runs in the
    ``engine``, which was made with its folder. Trying again is left to the caller.

    Raises `BadInput` for a provider that LangChain does not know.
    """
    if address.local:
        from .local import ChatTransformers

        assert engine is not None
        return ChatTransformers(engine=engine, max_tokens=LONGEST)
    from langchain.chat_models import init_chat_model

    provider = PROVIDERS.get(address.kind)
    common: dict[str, Any] = {"max_retries": 0, "timeout": READ}
    if provider is not None and provider.home is not None:
        # Told, so that nothing that the environment inherits leads words or keys elsewhere.
        common["base_url"] = provider.server or provider.home
    match address.kind:
        case "url":
            key = os.environ.get(URL_KEY) or "none"
            common |= {"base_url": address.where, "api_key": key, "use_responses_api": False}
            common |= {"stream_usage": True, "temperature": 0}
        case "openai":
            common |= {"stream_usage": True, "store": False}
        case "google_genai":  # one try in all, not 0 more: some versions take 0 for their default
            common |= {"max_retries": 1, "vertexai": False, "temperature": None}
        case "ollama":
            common = {"client_kwargs": {"timeout": READ}, "temperature": 0, "num_ctx": CONTEXT}
    kind = "openai" if address.kind == "url" else address.kind
    try:
        model: BaseChatModel = init_chat_model(address.model, model_provider=kind, **common)
    except Exception as error:  # noqa: BLE001 - each client refuses in a way of its own
        why = address.clean(str(error))
        raise BadInput(
            f"The planner {address.kind}:{address.model} cannot be used: {why}",
            hint=f"Providers with packages of their own here are: {', '.join(PROVIDERS)}.",
        ) from None
    return model
