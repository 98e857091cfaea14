"""What features are asked: what is where, and where they are."""

from __future__ import annotations

import torch

from training import painter
from training.semantics import WAVES, Whereabouts


def test_features_that_tell_where_they_are_are_told_apart_from_those_that_do_not() -> None:
    torch.manual_seed(0)
    ask = Whereabouts(2 * WAVES, layers=1)
    torch.nn.init.dirac_(ask.asked[0].weight)
    torch.nn.init.zeros_(ask.asked[0].bias)

    def error(features: list[torch.Tensor]) -> float:
        return float(ask(features).detach())

    knowing = ask.codes[None].expand(3, -1, -1, -1)
    assert error([knowing]) < 1e-10
    assert error([knowing.flip(3)]) > 0.2, "columns are told apart"
    assert error([knowing.flip(2)]) > 0.2, "rows are told apart"
    assert error([torch.zeros_like(knowing)]) > 0.4
    assert error([]) == 0.0


def test_every_layer_of_attention_of_the_denoiser_is_asked_at_eight_by_eight() -> None:
    denoiser = painter.unet((16, 32), 32)
    inside = painter.Inside(denoiser)
    x, text = torch.randn(2, 32, 16, 16), torch.randn(2, 7, 32)
    painter.predict(denoiser, x, torch.tensor([5, 9]), text)
    attending = [*denoiser.down_blocks[-1].attentions, *denoiser.up_blocks[0].attentions]
    assert len(inside.before) == len(attending)
    assert all(features.shape == (2, 32, 8, 8) for features in inside.before.values())
    assert inside.middle.shape == (2, 64, 32)
    asked = Whereabouts(32, layers=len(attending))
    asked(list(inside.before.values())).backward()
    assert denoiser.conv_in.weight.grad.abs().sum() > 0
