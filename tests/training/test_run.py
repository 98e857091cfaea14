"""What every recipe shares: the optimizer, checkpoints, half precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from training import cards
from training.run import MuonAdamW, Run, half, save_half


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def network() -> nn.Sequential:
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.Flatten(), nn.Linear(48, 16)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def loss_of(model: nn.Module) -> torch.Tensor:
    x = torch.randn(16, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    return (model(x) - x.mean((1, 2, 3))[:, None]).pow(2).mean()


def test_what_multiplies_is_moved_in_every_direction_alike_and_the_rest_by_adamw() -> None:
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = MuonAdamW([model], 0.01, outer=["0."])
    loss_of(model).backward()
    optimizer.step()
    moved = [a - b.detach() for a, b in zip(before, model.parameters(), strict=True)]
    for k in (2, 4):  # the middle convolution and the linear layer
        sizes = torch.linalg.svdvals(moved[k].flatten(1))
        assert sizes.min() > 0.4 * sizes.max(), "an orthogonal step has no preferred direction"
    for k in (0, 1, 3):  # the outer convolution, biases
        assert moved[k].abs().max() == pytest.approx(0.01, rel=0.05)


def test_a_convolution_that_could_not_be_updated_in_place_is_refused() -> None:
    with pytest.raises(ValueError, match="channels-last"):
        MuonAdamW([nn.Sequential(nn.Conv2d(3, 8, 3))], 0.01)


def test_it_learns_and_its_state_can_be_kept() -> None:
    model = network()
    optimizer = MuonAdamW([model], 0.01, outer=["0."])

    def learn(steps: int) -> float:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    assert learn(30) < 0.5 * float(loss_of(network()).detach())
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    state = {
        name: {**part, "state": {i: {k: v.clone() if torch.is_tensor(v) else v
                                     for k, v in s.items()} for i, s in part["state"].items()}}
        for name, part in optimizer.state_dict().items()
    }  # fmt: skip
    expected = learn(3)
    model.load_state_dict(weights)
    optimizer = MuonAdamW([model], 0.01, outer=["0."])
    assert learn(3) != expected, "without its momentum it goes elsewhere"
    model.load_state_dict(weights)
    optimizer.load_state_dict(state)
    assert learn(3) == expected


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    def run() -> Run:
        model = network()
        return Run({"model": model}, MuonAdamW([model], 0.01), tmp_path, minutes=0.002)

    first = run()
    for _ in first.steps():
        first.learn(loss_of(first.models["model"]))
    assert first.step > 2
    second = run()
    assert 0 < second.step <= first.step
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for name, value in second.models["model"].state_dict().items():
        assert torch.equal(value, kept["models"]["model"][name])


def test_half_precision_only_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.ones(4, 4)
    for able, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda able=able: able)
        with half("cpu"):
            assert (x @ x).dtype == dtype


def test_weights_kept_in_half_precision_are_loaded_in_single(tmp_path: Path) -> None:
    model = CLIPTextModel(CLIPTextConfig(vocab_size=9, hidden_size=8, intermediate_size=8,
                                         num_hidden_layers=1, num_attention_heads=1))  # fmt: skip
    save_half(model, tmp_path)
    assert {w.dtype for w in load_file(tmp_path / "model.safetensors").values()} == {torch.float16}
    loaded = CLIPTextModel.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    assert loaded(torch.tensor([[0, 1]])).pooler_output.dtype == torch.float32


def test_a_card_tells_all_that_the_weights_learned_from_also_after_a_resumption(
    tmp_path: Path,
) -> None:
    start, work, out = (tmp_path / name for name in ("start", "work", "out"))
    for folder in (start, out):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
    cards.write(start, cards.UPSCALER, minutes=14, samples=1000, scores={"a": 1})

    def run(begin: Path | None) -> Run:
        model = network()
        made = Run(
            {"x": model}, torch.optim.AdamW(model.parameters()), work, 0.01, start=begin, fall=0.5
        )
        for _ in made.steps():
            made.learn(loss_of(model))
        return made

    first = run(start)
    kept = torch.load(work / "checkpoint.pt", weights_only=True)
    second = run(None)  # goes on from the checkpoint
    second.write_card(out, cards.UPSCALER, {"a": 1}, batch=10, setting="small")
    assert second.step > kept["step"] > 0
    assert first.before == second.before == (14.0, 1000)
    assert cards.trained(out)[1] == 1000 + 10 * second.step
