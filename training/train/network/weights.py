"""Load a local state dict, a .pth or .safetensors file, into a network."""

from pathlib import Path
from typing import Any

import torch
from fastcore.script import CliError
from torch import nn


def load_weights(model: nn.Module, path: Path, name: str) -> None:
    """Load the state dict of a whole network; its classifier may have any number of classes."""
    state = _read_state_dict(path)
    expected = model.state_dict()
    classifier = list(expected)[-1].rpartition(".")[0] + "."
    wrong = [
        key
        for key in expected
        if not key.startswith(classifier) and (key not in state or state[key].shape != expected[key].shape)
    ]
    if wrong:
        raise CliError(
            f"{path} does not fit {name}: {len(wrong)} of {len(expected)} weights are missing "
            f"or of another shape, {wrong[0]} first. Name the architecture it was saved from."
        )
    fitting = {key: value for key, value in state.items() if key in expected and value.shape == expected[key].shape}
    model.load_state_dict(fitting, strict=False)


def _read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors in a .pth or .safetensors file, by name; no code in the file is executed."""
    if not path.is_file():
        raise CliError(f"There is no weights file {path}.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickles, zips and safetensors each fail in their own ways
        reason = (str(error).splitlines() or ["it is empty"])[0]
        raise CliError(
            f"{path} could not be opened as weights ({reason}). "
            "A state dict is expected: torch.save(model.state_dict(), FILE)."
        ) from error
    for wrapper in ("state_dict", "model"):
        state = state.get(wrapper, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CliError(f"{path} holds no state dict. Save one: torch.save(model.state_dict(), FILE).")
    return {key.removeprefix("module."): value for key, value in state.items()}
