"""The planner: a small language model that reads a request and fills in the form of what it asks.

A stock `Qwen3ForCausalLM` of less than five million parameters. What it is told are the lines of
`training.requests.message`; its answer is one call of the tool ``understand``, as Hermes and Qwen
write calls. It learns from `training.requests` alone, packed into rows, with the loss on answers.

Its tokenizer is made so that copying is easy: every word is the same token in a request and within
quotes (a space is put before whatever follows a piece of structure, and taken out again when it is
decoded), every Chinese character stands alone, bytes stand for all that is rare. The structure of
an answer, ``"}, {"kind": "color", "subject": "``, is one token a piece.

``--check FOLDER`` tells how well finished weights do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import torch
from pydantic import ValidationError
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from danqing.agent.brief import KINDS, SCENE_KINDS, SCENE_OPS, Op, RelationValue
from danqing.agent.llm.forms import Understanding

from . import cards
from .requests import Sample, noted, samples
from .run import MuonAdamW, Run, arguments, half

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"rows": 8, "rate": 3e-3, "workers": 0, "layers": 4, "inner": 512},
    "full": {"rows": 192, "rate": 3e-3, "workers": 12, "layers": 5, "inner": 640},
}
ROW = 256  # tokens of a row, into which samples are packed
VOCABULARY = 4096
SIZE = {"width": 256, "heads": 4, "shared": 2, "head": 64}
POSITIONS = 2048
LEARNED_FROM = 40_000  # samples that the tokenizer sees
HELD_OUT = 500  # requests scored at the end
ANSWER = 384  # tokens at most
PAD, END = "<|endoftext|>", "<|im_end|>"
USER, ASSISTANT = "<|im_start|>user\n", "\n<|im_start|>assistant\n"

TEMPLATE = """\
{#- What the system says, and the tools, are left out: it knows its one tool by heart. -#}
{%- for message in messages if message.role != 'system' -%}
{{- ('' if loop.first else '\\n') + '<|im_start|>' + message.role + '\\n' -}}
{%- if message.content is string -%}
{{- message.content -}}
{%- elif message.content -%}
{%- for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor -%}
{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{%- set call = call.function if call.function else call -%}
{{- ('\\n' if message.content or not loop.first else '') + '<tool_call>\\n{"name": "' -}}
{{- call.name + '", "arguments": ' -}}
{{- call.arguments if call.arguments is string else call.arguments | tojson -}}
{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '\\n<|im_start|>assistant\\n' }}{% endif -%}
"""
"""ChatML, without what this model has no need to read."""


# -- the parts


def pieces() -> list[str]:
    """The structure of messages and answers, in pieces that are one token each."""
    start = '<tool_call>\n{"name": "understand", "arguments": {"intent": "'
    found = [start + intent for intent in ("make", "edit", "ask", "chat")]
    found += ['", "target": "last', '", "target": "', '"}}\n</tool_call>', "}}\n</tool_call>"]
    found += ["request: ", "\nrequest: ", "pictures: img-1", " img-", "\nopen: img-", "\nshows: "]
    found += ["\nbefore: "]
    for kind in KINDS:
        then = "value" if kind in SCENE_KINDS or kind == "text" else "subject"
        found += _items("claims", f'{{"kind": "{kind}", "{then}": "')
    for op in get_args(Op):
        for then in _FIRST.get(op, ("subject",)):
            mark = ":" if then == "count" else ': "'
            key = f'", "{then}"{mark}' if then else ""
            found += _items("changes", f'{{"op": "{op}{key}')
    found += [f'", "value": "{value}", "object": "' for value in get_args(RelationValue)]
    for key in ("value", "object", "object2", "color", "object_color", "place", "new_color"):
        found += [f'", "{key}": "', f', "{key}": "']
    found += ['", "value":', '", "count":', '"}]}}\n</tool_call>', "}]}}\n</tool_call>"]
    for end in ('", ', '"}], ', "}], "):
        found += [f'{end}"{key}": ["' for key in ("remarks", "lifted")]
        found += [f'{end}"standing": true}}}}\n</tool_call>', f'{end}"again":']
    found += ['", "', '"]}}\n</tool_call>', '"', '"}', '"}]', "}]"]
    return list(dict.fromkeys(found))


_FIRST: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(SCENE_OPS | {"extend", "crop", "flip"}, ("value",)),
    **dict.fromkeys(("scale", "rotate"), ("count",)),
    "style": ("value", "reference"), "tune": ("value", "subject"), "cut out": ("subject", ""),
}  # fmt: skip
"""The field that comes first after what a change does, where it is not the subject."""


def _items(name: str, item: str) -> list[str]:
    """An item of a list: the first, or after one that ends in a string or a number."""
    return [f'", "{name}": [{item}', f'"}}, {item}', f"}}, {item}"]


def tokenizer() -> Any:
    """Byte-level BPE, learned from samples of its own seed."""
    inner = Tokenizer(models.BPE())
    inner.normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Prepend(" "), normalizers.Replace(Regex("^  "), " "),
    ])  # fmt: skip
    inner.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r" ?[A-Za-z]+| ?[0-9]|[^A-Za-z]"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    inner.decoder = decoders.Sequence([
        decoders.ByteLevel(), decoders.Replace(Regex(r'(?<!\\)" '), '"'),
        decoders.Replace(":  ", ": "),
    ])  # fmt: skip
    special = [PAD, END, "<|im_start|>", USER, ASSISTANT]
    structure = [AddedToken(piece, normalized=False) for piece in pieces()]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(structure) - len(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    inner.train_from_iterator(_texts(), trainer)
    inner.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    inner.add_tokens(structure)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=inner, pad_token=PAD, eos_token=END, model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False, padding_side="left", chat_template=TEMPLATE,
    )  # fmt: skip


def _texts() -> Iterator[str]:
    """Requests, and the words of their answers."""
    for sample in islice(samples("tokenizer"), LEARNED_FROM):
        yield sample.request
        yield from _strings(sample.understanding.model_dump(exclude_defaults=True))


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _strings(inner)
        case list():
            for inner in value:
                yield from _strings(inner)


def build(words: Any, layers: int, inner: int) -> Qwen3ForCausalLM:
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(words), hidden_size=SIZE["width"], intermediate_size=inner,
            num_hidden_layers=layers, num_attention_heads=SIZE["heads"],
            num_key_value_heads=SIZE["shared"], head_dim=SIZE["head"],
            max_position_embeddings=POSITIONS, tie_word_embeddings=True,
            eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id, bos_token_id=None,
        )
    )  # fmt: skip
    model.generation_config.max_new_tokens = ANSWER
    model.generation_config.pad_token_id = words.pad_token_id
    return model


# -- the data, ready for training


def prompt(words: Any, message: str) -> list[int]:
    """The tokens of a message, to which the answer is what comes next."""
    text = f"{USER}{message}{END}{ASSISTANT}"
    return list(words(text, add_special_tokens=False).input_ids)


class Rows(IterableDataset):
    """Packed rows without end: tokens, labels (-100 where nothing is to be learned), the place of
    each token in its sample, and the number of its sample (-1 for padding), each int64 (`ROW`,).
    """

    def __init__(self, words: Any, seed: str) -> None:
        super().__init__()
        self.words, self.seed = words, seed

    def __iter__(self) -> Iterator[torch.Tensor]:
        worker = get_worker_info()
        seed = f"{self.seed} {worker.id if worker else 0}"
        pad = self.words.pad_token_id
        row: list[tuple[int, int, int, int]] = []
        number = 0
        for sample in samples(seed):
            asked = prompt(self.words, sample.message)
            told = self.words(sample.answer + END, add_special_tokens=False).input_ids
            ids = [*asked, *told]
            if len(ids) > ROW:
                continue
            if len(row) + len(ids) > ROW:
                row += [(pad, -100, 0, -1)] * (ROW - len(row))
                yield torch.tensor(row).T
                row, number = [], 0
            labels = [*[-100] * len(asked), *told]
            row += [(t, y, i, number) for i, (t, y) in enumerate(zip(ids, labels, strict=True))]
            number += 1


def loss_of(model: Qwen3ForCausalLM, rows: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the answers in ``rows`` (batch, 4, `ROW`)."""
    ids, labels, places, number = rows.unbind(1)
    causal = torch.ones(ROW, ROW, dtype=torch.bool, device=rows.device).tril()
    mask = (number[:, None, :, None] == number[:, None, None, :]) & causal
    seen = model.model(
        input_ids=ids, position_ids=places, attention_mask=mask, use_cache=False
    ).last_hidden_state
    asked = labels[:, 1:] >= 0
    logits = model.lm_head(seen[:, :-1][asked])
    return functional.cross_entropy(logits.float(), labels[:, 1:][asked])


# -- what it has learned


@torch.inference_mode()
def answers(
    model: Qwen3ForCausalLM, words: Any, messages: Sequence[str], batch: int = 64
) -> list[str]:
    """What the model answers, read greedily."""
    device = next(model.parameters()).device
    prompts = [prompt(words, message) for message in messages]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    said = [""] * len(prompts)
    for first in range(0, len(order), batch):
        chosen = order[first : first + batch]
        inputs = words.pad({"input_ids": [prompts[i] for i in chosen]}, return_tensors="pt")
        ids = model.generate(**inputs.to(device), do_sample=False)
        new = ids[:, inputs.input_ids.shape[1] :]
        for i, text in zip(chosen, words.batch_decode(new, skip_special_tokens=True), strict=True):
            said[i] = text
    return said


def parsed(text: str) -> Understanding | None:
    """The form that an answer fills in; None where it is none."""
    inner = text.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")
    try:
        return Understanding(**json.loads(inner)["arguments"])
    except (ValueError, KeyError, TypeError, ValidationError):
        return None


def same(a: Understanding | None, b: Understanding) -> bool:
    """Whether two forms say the same; the order of claims and of remarks says nothing."""
    return a is not None and _unordered(a) == _unordered(b)


def _unordered(told: Understanding) -> tuple[Any, ...]:
    rest = told.model_copy(update={"claims": [], "remarks": []})
    return rest.model_dump(), Counter(told.claims), Counter(told.remarks)


def scores(said: Sequence[str], asked: Sequence[Sample]) -> dict[str, Any]:
    """Shares of requests understood exactly, by language and kind, and of claims and changes."""
    exact: dict[str, dict[str, list[bool]]] = {"English": {}, "Chinese": {}}
    formed = right = told = wanted = 0
    for text, sample in zip(said, asked, strict=True):
        found = parsed(text)
        formed += found is not None
        kinds = exact["Chinese" if sample.chinese else "English"]
        for kind in ("all", sample.kind):
            kinds.setdefault(kind, []).append(same(found, sample.understanding))
        mine, theirs = _statements(found), _statements(sample.understanding)
        right += (mine & theirs).total()
        told, wanted = told + mine.total(), wanted + theirs.total()
    return {
        "n": len(asked),
        "in form": formed / len(asked),
        "exact": {
            language: {kind: sum(hits) / len(hits) for kind, hits in sorted(kinds.items())}
            for language, kinds in exact.items()
        },
        "claims and changes": {"precision": right / max(told, 1), "recall": right / max(wanted, 1)},
    }


def _statements(told: Understanding | None) -> Counter[Any]:
    return Counter([*told.claims, *told.changes]) if told else Counter()


def held_out(n: int) -> list[Sample]:
    return list(islice(samples("held out", held_out=True), n))


def measured(model: Any, words: Any) -> dict[str, Any]:
    """How a model does on what is held out, and on what the tests of the built-in reader expect."""
    asked = held_out(HELD_OUT)
    others = list(noted.cases())
    said = answers(model, words, [s.message for s in asked] + [case.message for case in others])
    agreed: dict[str, list[bool]] = {}
    for text, case in zip(said[len(asked) :], others, strict=True):
        agreed.setdefault(case.file.replace("_", " "), []).append(case.agrees(parsed(text)))
    return {
        **scores(said[: len(asked)], asked),
        "tests of the reader": {file: sum(hits) / len(hits) for file, hits in agreed.items()},
    }


def check(folder: Path, device: str) -> dict[str, Any]:
    """What finished weights have `measured`."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    model.to(device).eval()
    return measured(model, AutoTokenizer.from_pretrained(folder))


def main() -> None:
    parser = arguments("planner", __doc__)
    parser.add_argument("--fall", type=float, default=0.3, help="share in which the rate falls")
    parser.add_argument(
        "--compile", action="store_true", help="1.5 times as fast; needs a C++ compiler"
    )
    parser.add_argument("--check", type=Path, help="only tell how the weights of this folder do")
    args = parser.parse_args()
    if args.check:
        print(json.dumps(check(args.check, args.device), indent=1, ensure_ascii=False))
        return
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    words = _kept_tokenizer(args.work, args.start, args.fresh)
    model = build(words, s["layers"], s["inner"]).to(args.device)
    if args.start:
        model.load_state_dict(Qwen3ForCausalLM.from_pretrained(args.start).state_dict())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = MuonAdamW([model], s["rate"], outer=("embed_tokens", "lm_head"))
    run = Run(
        {"planner": model}, optimizer, args.work, args.minutes, fall=args.fall, decay=0.998,
        start=args.start, fresh=args.fresh,
    )  # fmt: skip
    rows = Rows(words, f"train {run.step}")
    loader = iter(
        DataLoader(rows, s["rows"], num_workers=s["workers"], pin_memory=s["workers"] > 0)
    )
    if args.compile:
        model.model.compile(dynamic=False)
    model.train()
    begin, seen = run.step, 0
    for _ in run.steps():
        batch = next(loader).to(args.device, non_blocking=True)
        seen += int(batch[:, 3].amax(1).sum()) + len(batch)
        with half(args.device):
            loss = loss_of(model, batch)
        run.learn(loss)
    best: Any = run.averages["planner"]
    found = measured(best, words)
    print(json.dumps(found, indent=1, ensure_ascii=False), flush=True)
    beside = SimpleNamespace(save_pretrained=partial(words.save_pretrained, save_jinja_files=False))
    run.finish(
        args, best, cards.PLANNER, found, beside, batch=round(seen / max(run.step - begin, 1))
    )


def _kept_tokenizer(work: Path, start: Path | None, fresh: bool) -> Any:
    """The tokenizer that a checkpoint or the weights to start from go with, or a new one."""
    kept = work / "tokenizer"
    if kept.exists() and not fresh:
        return AutoTokenizer.from_pretrained(kept)
    words = AutoTokenizer.from_pretrained(start) if start else tokenizer()
    words.save_pretrained(kept)
    return words


if __name__ == "__main__":
    main()
