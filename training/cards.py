"""Model cards: what a built-in model is, what it learned from, how well it does, where it ends.

A recipe calls `write` when it is done. The command writes a card anew, from a file of scores:
``python -m training.cards FOLDER captioner --minutes 32 --samples 30000 --scores scores.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

MACHINES = {"small": "2 CPU cores, no GPU", "full": "one GPU"}


@dataclass(frozen=True)
class Card:
    """What a card says that no run changes. ``command`` makes the weights again."""

    title: str
    library: str
    task: str
    tags: tuple[str, ...]
    about: str
    learned_from: str
    use: str
    limits: tuple[str, ...]
    command: str


_RENDERS = (
    "Only pictures that `training/scenes` draws: flat-illustration scenes of 28 kinds of objects in"
    " 11 colors, 6 settings, 4 seasons, 4 times of day, 5 weathers and 6 styles, with exact ground"
    " truth. No photograph, no collected picture, no pretrained weight."
)

PAINTER = Card(
    title="Danqing sketchbook: text to image",
    library="diffusers",
    task="text-to-image",
    tags=("danqing", "illustration", "stable-diffusion", "chinese", "english"),
    about="A small latent diffusion model that paints 128×128 illustrations from English or Chinese"
    " sentences: a CLIP text encoder and a UNet trained together from nothing, over the latents of"
    " a small autoencoder. A sentence may say where each thing stands and how large it is, in 32nds"
    " of the picture: `<x9>` the middle, `<y26>` the foot, `<h14>` the height, and `<horizon16>`.",
    learned_from=_RENDERS + " Sentences come from the same scenes, in both languages: six in seven"
    " in the fixed form of `tools/painter_words.py`, most of those with the spot of every thing;"
    " the others freely worded. The small setting learns plain scenes (`training.data.plain`): five"
    " things at most, of three kinds, large, each where it is at home; and after 163 minutes"
    " crowds of two to six of a kind. For the last 104 minutes, and on the GPU, its second half"
    " learned beside the ControlNet; three in four samples then showed it a part of the picture.",
    use="from diffusers import DiffusionPipeline\n\n"
    'painter = DiffusionPipeline.from_pretrained("FOLDER")\n'
    'picture = painter("watercolor. meadow, autumn, sunset, clear, <horizon16>."\n'
    '                  " a red house <x9> <y26> <h14>.",\n'
    "                  width=128, height=128).images[0]",
    limits=(
        "Its world is the one above; any other word is ignored or misread.",
        "Of scenes that are not plain, with more than five things or with things far from home, it"
        " has seen hardly anything in the small setting.",
        "It has light, ground, colors, places and styles, and most things as long as they are large"
        " (trees, houses, castles, tents, people, balloons); things of less than a seventh of the"
        " picture, and animals, are rough.",
        "It draws 128×128 pixels. Small or many things come out soft or melt together.",
        "Check what it counts: of 60 pictures of two to six things of a kind the panoptic network"
        " counts 33 in 100 as asked from the words alone, 67 where they have their spots, and 92"
        " along a sketch (of true pictures 98).",
    ),
    command="python -m training.painter --autoencoder build/autoencoder/finished",
)
CAPTIONER = Card(
    title="Danqing sketchbook: captioner",
    library="transformers",
    task="image-to-text",
    tags=("danqing", "illustration", "image-captioning", "segformer", "gpt2"),
    about="Says what an illustration shows in one fixed sentence form (`tools/painter_words.py`):"
    " style, setting, season, time, weather, then every group of like things with count, color and"
    " place. A SegFormer encoder (128×128 pixels to 8×8 tokens) and a 3-layer GPT-2 decoder over a"
    " closed vocabulary of words. Word probabilities serve as confidences.",
    learned_from=_RENDERS + " Half of the samples went through the painter's autoencoder with noise"
    " on the latents; blur, noise, JPEG and shifts of brightness were added. Pictures that a model"
    " painted were never labeled with their prompts.",
    use="from transformers import AutoImageProcessor, AutoModelForImageTextToText\n"
    "from transformers import AutoTokenizer\n\n"
    'model = AutoModelForImageTextToText.from_pretrained("FOLDER")\n'
    'processor = AutoImageProcessor.from_pretrained("FOLDER")\n'
    'words = AutoTokenizer.from_pretrained("FOLDER")\n'
    'pixels = processor(picture.convert("RGB"), return_tensors="pt").pixel_values\n'
    "print(words.decode(model.generate(pixels)[0], skip_special_tokens=True))",
    limits=(
        "It tells every picture in the words of its world, photographs too, and is wrong there.",
        "It confuses colors at night, natural with named colors, and animals in coarse pixels.",
        "It was trained briefly: scene and style are dependable, things less so. Of 741 kinds of"
        " things in 400 held-out renders it names nine in ten; of one thing it then says one in 94"
        " of 100, of two two in 69, of three three in 59, of four four in 34, mostly off by one.",
        "It shares its world with the painter, so both can be blind to the same thing.",
    ),
    command="python -m training.captioner --autoencoder build/autoencoder/finished",
)
UPSCALER = Card(
    title="Danqing sketchbook: upscaler",
    library="transformers",
    task="image-to-image",
    tags=("danqing", "illustration", "super-resolution", "swin2sr"),
    about="Enlarges illustrations four times and sharpens what the painter leaves soft: Swin2SR"
    " with one-step pixel shuffle, started as exact bilinear enlargement.",
    learned_from="Scenes that `training/scenes` draws, each at 128 and at 512 pixels; a quarter of"
    " the small pictures went through the painter's autoencoder, some were blurred or squeezed, a"
    " quarter were the large ones made small. Another quarter were dead leaves"
    " (`training/leaves.py`), pictures of chance with the statistics of photographs. No photograph,"
    " no pretrained weight.",
    use="from transformers import AutoModelForImageToImage, Swin2SRImageProcessor\n\n"
    'model = AutoModelForImageToImage.from_pretrained("FOLDER")\n'
    'pixels = Swin2SRImageProcessor.from_pretrained("FOLDER")(picture, return_tensors="pt")\n'
    "large = model(**pixels).reconstruction  # RGB in [0, 1], four times wider and higher",
    limits=(
        "Made for flat illustration. On five photographs that scikit-image ships, reduced and"
        " enlarged four times, the network alone has 27.2 dB, Lanczos interpolation 27.3 and"
        " bicubic 27.1; twice, 30.8, 31.4 and 31.1: fur and foliage come out too smooth. The tool"
        " `upscale` adds what the result lacks of the picture, and then has 27.9 and 32.2.",
        "What has melted together stays so, and of pictures drawn small it knows only about 1 dB"
        " more than bicubic interpolation.",
        "Fine grain (paper, hatching) is smoothed: the small picture does not tell it.",
    ),
    command="python -m training.upscaler --autoencoder build/autoencoder/finished",
)
GRADER = Card(
    title="Danqing benchmarks: grader",
    library="pytorch",
    task="image-classification",
    tags=("danqing", "illustration", "benchmark"),
    about="A plain convolutional network with a head a question, for benchmarks only: it shares no"
    " part and no round-trip training with the captioner, so that their agreement means something.",
    learned_from=_RENDERS + " Renders only, of the whole world, of plain scenes and of crowds,"
    " slightly blurred, noisy or brighter.",
    use="from pathlib import Path\n\nfrom training import grader\n\n"
    'looks = grader.look(grader.load(Path("FOLDER")), pictures)  # uint8, (n, 128, 128, 3)',
    limits=("It names kinds, colors and where they stand; it knows no relations.",),
    command="python -m training.grader",
)
CONTROLNET = Card(
    title="Danqing sketchbook: ControlNet",
    library="diffusers",
    task="image-to-image",
    tags=("danqing", "illustration", "controlnet", "canny", "inpainting"),
    about="Makes the painter follow outlines or a sketch in color, and fill holes in a picture. It"
    " is shown latents of the shared autoencoder, 66 channels of 16×16: those of the picture where"
    " it is kept (or of a sketch), those of the outlines where they are known, and a mask for each"
    " (`tools/controls.py`).",
    learned_from=_RENDERS + " Plain scenes and crowds in the small setting: outlines as `cv2.Canny`"
    " finds them, some of them lost, or those of a sketch of the things; that sketch, flat and in"
    " plain light; holes around things, rectangles and sides. In the last 104 minutes, and on the"
    " GPU, the painter's second half learned with it.",
    use="import torch\nfrom diffusers import ControlNetModel\n\n"
    "from danqing.tools.controls import shown\n\n"
    'network = ControlNetModel.from_pretrained("FOLDER")\n'
    "# noisy latents, what the words say, the picture and its outlines, and where each is known\n"
    "noisy, words = torch.randn(1, 32, 16, 16), torch.randn(1, 77, 128)\n"
    "picture, lines = torch.randn(2, 1, 32, 16, 16)\n"
    "kept, lined = torch.ones(2, 1, 16, 16)\n"
    "down, middle = network(\n"
    "    noisy, 500, words, shown(picture, kept, lines, lined), return_dict=False\n"
    ")  # residuals for the UNet",
    limits=("It has learned outlines of the pictures above, not of photographs.",),
    command="python -m training.controlnet --painter PAINTER --unlock PAINTER",
)
PANOPTIC = Card(
    title="Danqing sketchbook: panoptic segmentation",
    library="transformers",
    task="image-segmentation",
    tags=("danqing", "illustration", "panoptic-segmentation", "upernet", "resnet"),
    about="Sees what an illustration shows, thing by thing: UperNet on a ResNet, whose channels say"
    " for every pixel what it shows and of which color, where the centers of things are, and what"
    " the whole picture is. `danqing.tools.panoptic` reads them.",
    learned_from=_RENDERS + " A quarter to a half of the samples went through the painter's"
    " autoencoder with noise on the latents; blur, noise, JPEG and shifts of brightness were added."
    " At last a third were scenes as the studio paints them, along a sketch and thing by thing"
    " (`training.painted`), and those and some renders were seen from nearer, too.",
    use="from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation\n\n"
    "from danqing.tools.panoptic import Channels, read\n\n"
    'model = AutoModelForSemanticSegmentation.from_pretrained("FOLDER")\n'
    'processor = AutoImageProcessor.from_pretrained("FOLDER")\n'
    'inputs = processor(picture.convert("RGB"), return_tensors="pt")\n'
    "logits = model(**inputs).logits[0].detach().numpy()\n"
    "things = read(logits, Channels.of(model.config.id2label), fine=1).things",
    limits=("Its world is the one above; it calls everything by a word of it.",),
    command="python -m training.painted build/painted && python -m training.panoptic"
    " --autoencoder build/autoencoder/finished --painted build/painted",
)
GAN = Card(
    title="Danqing sketchbook: generator",
    library="pytorch",
    task="text-to-image",
    tags=("danqing", "illustration", "stylegan2"),
    about="A StyleGAN2-style generator (`tools/generator.py`) that makes the latents of a picture"
    " in one pass from the semantic vector of a sentence and from its words. `meaning.safetensors`"
    " leads to that vector from the one that the built-in language model has of a sentence"
    " (`python -m training.meaning`).",
    learned_from=_RENDERS + " Latents of plain scenes and crowds.",
    use="import torch\n\nfrom danqing.tools.generator import Generator\n\n"
    'generator = Generator.from_pretrained("FOLDER")\n'
    "# what `read` makes of a sentence with the painter's text encoder\n"
    "words, inside = torch.randn(1, 7, 128), torch.ones(1, 7, dtype=torch.bool)\n"
    "latents = generator(torch.randn(1, 64), words, inside, truncation=0.7)",
    limits=(
        "It has learned plain scenes only.",
        "The semantic vector does little, the words do the rest: of style, setting, season, time"
        " and weather 0.956 are seen as asked by the language model's, 0.955 by the text encoder's"
        " and 0.954 by another sentence's, which only costs 4 of 100 styles (300 held-out scenes,"
        " `python -m benchmarks.tools --only meaning`, 2 CPU cores, no GPU).",
        "Light, setting and season are right (the season in 31 of 32 drafts), and things have their"
        " places and colors where the sentence tells their spots; of their shapes only the largest"
        " and simplest (trees, houses) can be made out.",
    ),
    command="python -m training.gan --painter PAINTER",
)
STYLIZER = Card(
    title="Danqing sketchbook: stylizer",
    library="diffusers",
    task="image-to-image",
    tags=("danqing", "illustration", "style-transfer", "adain"),
    about="Brings a picture of any size into the manner of another in one pass: adaptive instance"
    " normalization (Huang & Belongie 2017) between the encoder and the decoder of an"
    " `AutoencoderTiny` (`tools/style_network.py`).",
    learned_from=_RENDERS + " Pairs of them, in part with the answer that the renderer gives when"
    " it draws one scene in the style and the light of another; in part with colors exchanged at"
    " random, judged by the features of the panoptic network.",
    use="import torch\nfrom diffusers import AutoencoderTiny\n\n"
    "from danqing.tools.style_network import moments, moved\n\n"
    'model = AutoencoderTiny.from_pretrained("FOLDER")\n'
    "x, reference = 2 * torch.rand(2, 1, 3, 128, 128) - 1  # pictures, RGB in [-1, 1]\n"
    "z, wanted = (model.encode(part).latents for part in (x, reference))\n"
    "result = model.decode(moved(z, moments(z), moments(wanted))).sample",
    limits=(
        "It has learned from illustrations of 128×128 pixels in six styles; of any other manner it"
        " takes little more than the colors and the grain.",
        "The manner is two numbers for each of 64 features of the whole picture: it knows nothing"
        " of where in the reference what is.",
    ),
    command="python -m training.stylizer --autoencoder build/autoencoder/finished"
    " --panoptic build/panoptic/finished",
)
PLANNER = Card(
    title="Danqing sketchbook: planner",
    library="transformers",
    task="text-generation",
    tags=("danqing", "tool-calling", "qwen3", "chinese", "english"),
    about="Reads a request for a picture, or for a change to one, in English or Chinese, and fills"
    " in the form of what it asks (`agent/llm/forms.py`) as one call of the tool `understand`: a"
    " small Qwen3 whose tokenizer has every piece of the form as one token. The mean of its last"
    " hidden states is what a sentence means to it (`danqing.semantic_vector`), and drives"
    " `gan_image`.",
    learned_from="Only requests that `training/requests` makes up, each with what is to be"
    " understood by it: new pictures, every kind of change, questions, talk, standing rules, half"
    " of them English and half Chinese, with slips, fillers and emoji. Words come from the reader's"
    " lexicon and from the word lists of lemminflect and CC-CEDICT. No collected text, no"
    " pretrained weight. How many samples they were is estimated: steps times what a step holds on"
    " average.",
    use="from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
    'model = AutoModelForCausalLM.from_pretrained("FOLDER")\n'
    'words = AutoTokenizer.from_pretrained("FOLDER")\n'
    'told = [{"role": "user", "content": "request: a red house and two trees in winter"}]\n'
    "inputs = words.apply_chat_template(\n"
    '    told, add_generation_prompt=True, return_tensors="pt", return_dict=True\n'
    ")\n"
    "answer = model.generate(**inputs)[0, inputs.input_ids.shape[1] :]\n"
    "print(words.decode(answer, skip_special_tokens=True))",
    limits=(
        "It answers with that one call and nothing else: it neither talks nor follows other tools.",
        "Words that it has not met it copies; Chinese ones stay Chinese in its answer.",
        "What a request means that nobody thought of making up, it guesses.",
        "Its vectors know one meaning in two languages, though not well: of 200 sentences on"
        " things, their color and a season, English ones were nearer to their own Chinese than to"
        " 95 in 100 of the others, and nearest to it for 22 in 100.",
    ),
    command="python -m training.planner",
)
CARDS = {
    "planner": PLANNER,
    "stylizer": STYLIZER,
    "gan": GAN,
    "panoptic": PANOPTIC,
    "controlnet": CONTROLNET,
    "painter": PAINTER,
    "captioner": CAPTIONER,
    "upscaler": UPSCALER,
    "grader": GRADER,
}

_PAGE = Template(
    """---
license: apache-2.0
library_name: $library
pipeline_tag: $task
tags:
$tags
---

# $title

$about

## What it learned from

$learned_from

$samples samples in $minutes minutes on $machine; the weights are kept in float16.

## Use

```python
$use
```

## Measured

On what is held out: no recipe trains on it.

$scores
$pictures
## Limits

$limits

## Make it again

```sh
$command --minutes $minutes
```

## Files

$files
"""
)


def trained(folder: Path | None) -> tuple[float, int]:
    """The minutes and samples that the card of ``folder`` tells; none for no folder.

    Raises ValueError where the card tells nothing.
    """
    if folder is None:
        return 0.0, 0
    page = (folder / "README.md").read_text("utf-8")
    found = re.search(r"^([\d,]+) samples in (\d+) minutes", page, re.MULTILINE)
    if found is None:
        raise ValueError(f"{folder}/README.md does not say how long the model was trained")
    return float(found[2]), int(found[1].replace(",", ""))


def write(
    folder: Path,
    card: Card,
    *,
    minutes: float,
    samples: int,
    scores: Mapping[str, Any],
    setting: str = "small",
    machine: str = "",
) -> Path:
    """Write ``folder``'s README.md; the weight files must be there already. It shows every JPEG
    that lies beside it.

    ``minutes`` of training and ``samples`` (pictures or crops seen) are over all runs. ``machine``
    is what they ran on, where that is not the usual one of the setting.

    Raises FileNotFoundError where the folder holds no weights.
    """
    files = _files(folder)
    page = folder / "README.md"
    page.write_text(
        _PAGE.substitute(
            title=card.title, library=card.library, task=card.task,
            tags="\n".join(f"- {tag}" for tag in card.tags),
            about=card.about, learned_from=card.learned_from, use=card.use,
            samples=f"{samples:,}", minutes=f"{minutes:.0f}", machine=machine or MACHINES[setting],
            scores="\n".join(["| score | value |", "|---|---|", *_rows(scores)]),
            pictures="".join(
                f"\n![{picture.stem.replace('-', ' ')}]({picture.name})\n"
                for picture in sorted(folder.glob("*.jpg"))
            ),
            limits="\n".join(f"- {limit}" for limit in card.limits),
            command=card.command if setting == "small" else f"{card.command} --setting full",
            files=files,
        ),
        "utf-8",
    )  # fmt: skip
    return page


def amend(folder: Path, scores: Mapping[str, Any]) -> None:
    """Add ``scores`` to the card of ``folder``, in place of those of the same names, and name anew
    the files that lie there."""
    page = folder / "README.md"
    text = page.read_text("utf-8")
    head, rule, rest = text.partition("| score | value |\n|---|---|\n")
    table, end, rest = rest.partition("\n\n")
    if not (rule and end):
        raise ValueError(f"{page} has no table of scores")
    rows = dict.fromkeys(table.split("\n"))
    for row in _rows(scores):
        name = row.rpartition(" | ")[0] + " | "
        rows = {old: None for old in rows if not old.startswith(name)} | {row: None}
    before, title, _ = rest.partition("## Files\n\n")
    text = head + rule + "\n".join(rows) + end + before + title + _files(folder) + "\n"
    page.write_text(text, "utf-8")


def _files(folder: Path) -> str:
    """A table of the weights in ``folder``. Raises FileNotFoundError where there are none."""
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise FileNotFoundError(f"no .safetensors file in {folder}")
    lines = ["| file | bytes | sha256 |", "|---|---|---|"]
    for file in weights:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f"| {file.relative_to(folder)} | {file.stat().st_size:,} | `{digest}` |")
    return "\n".join(lines)


def _rows(scores: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in scores.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{path}{name}: ")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            yield f"| {path}{name} | {shown} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.cards", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("card", choices=tuple(CARDS))
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--scores", type=Path, required=True, help="a JSON object, may be nested")
    parser.add_argument("--setting", choices=tuple(MACHINES), default="small")
    args = parser.parse_args()
    scores = json.loads(args.scores.read_text("utf-8"))
    print(
        write(
            args.folder, CARDS[args.card], minutes=args.minutes, samples=args.samples,
            scores=scores, setting=args.setting,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
