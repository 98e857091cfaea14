"""Change an image as a sentence says, with a model that was trained to do what it is told."""

from __future__ import annotations

from typing import Annotated

from PIL import Image
from pydantic import Field, StringConstraints

from .errors import ToolError
from .options import Guidance, Seeds, Steps
from .registry import Context, tool
from .upscale import brought_to


@tool("editor", optional=("upscaler",))
def edit_by_instruction(
    context: Context,
    image: Image.Image,
    *,
    instruction: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
        Field(description="what to change, such as 'give the man a red hat'"),
    ],
    seeds: Seeds,
    steps: Steps = None,
    guidance_scale: Guidance = None,
) -> list[Image.Image]:
    """Change an image as an instruction says, in one picture per seed: for photographs, and for
    what no other tool does, such as poses, faces, materials and things of any kind. All else is
    kept as far as the model keeps it, and not to the pixel; where that matters, work within a mask.

    The model is shown the image as it is beside the instruction, as InstructPix2Pix is (Brooks et
    al. 2023): in its own proportions, at about the model's own size. The results have the size and
    the transparency of the image; they are in color, for that may be what is asked for.

    Raises `ToolError` where the profile's editor is a model that is not told what to change, for an
    instruction longer than it reads, and for pictures that come out blank.
    """
    from .painting import at_its_size, kind_of, paint

    editor = context.models.get("editor")
    if not kind_of(editor).edits:
        raise ToolError(
            f"edit_by_instruction: the editor of this profile is a {type(editor.model).__name__},"
            " which paints what a prompt shows and is not told what to change; use style_transfer"
            " or edge_guided."
        )
    pictures = paint(
        context, "edit_by_instruction", prompt=instruction, seeds=seeds, steps=steps,
        guidance_scale=guidance_scale, start=at_its_size(editor, image), role="editor",
    )  # fmt: skip
    edited = [brought_to(context, picture, image.size) for picture in pictures]
    if "A" in image.getbands():
        for picture in edited:
            picture.putalpha(image.getchannel("A"))
    return edited
