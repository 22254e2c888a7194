"""Dropout that is cheap on a processor, where torch's own takes a fifth of a training step (10 of 12 ns an element).

torch draws a double for each element; here one draw of 64 bits serves four of them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 2**16  # a share is rounded to a multiple of 1 / LEVELS, and the scale is that of the rounded one


def cheap(device: str) -> AbstractContextManager[Any]:
    """In the block, and in this thread alone, calls of `torch.nn.functional.dropout` on a processor go to `dropout`.

    Nothing of torch is replaced, and on another device nothing is done.
    """
    return _mode()() if device == "cpu" else nullcontext()


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`torch.nn.functional.dropout`: each element 0 with the share `p`, else divided by 1 - `p`; a new tensor always.

    >>> import torch
    >>> sorted(set(dropout(torch.ones(1000), 0.5).tolist()))
    [0.0, 2.0]
    """
    import torch

    dropped, n = round(p * LEVELS), input.numel()
    if not training or dropped == 0 or n == 0:
        return input
    if dropped >= LEVELS:
        return torch.zeros_like(input) * input
    draws = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None)
    sixteen = draws.view(torch.int16)[:n].view(input.shape)
    noise = torch.empty(input.shape, dtype=input.dtype)
    torch.ge(sixteen, dropped - LEVELS // 2, out=noise)
    return input * noise.mul_(LEVELS / (LEVELS - dropped))


@cache
def _mode() -> Any:
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    class Cheap(TorchFunctionMode):
        """Hands calls of dropout on, and leaves all others."""

        def __torch_function__(
            self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            called = dropout if function is functional.dropout else function
            return called(*args, **(kwargs or {}))

    return Cheap
