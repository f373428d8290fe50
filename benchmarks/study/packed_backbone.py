"""Pack a checkpoint whose weights came from 4 bits back into them, so that it travels, and unpack it.

    python -m benchmarks.study.packed_backbone pack models/backbone models/backbone-packed
    python -m benchmarks.study.packed_backbone unpack models/backbone-packed models/backbone

The small backbone of the benchmarks is stored as blocks of 32 weights with one scale: (h - 8) * scale with h from 0 to
15, where the weight that is largest in size has h = 0. From 32-bit floats the blocks are found again to the last bit; a
matrix that does not come from such blocks stays as it is. 42 million parameters fit in 25 MB instead of 170.
`benchmarks.study` takes a packed folder for `--backbone` and `--wide`.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from weam.storage import file_fingerprint

BLOCK = 32
WEIGHTS_FILE, PACKED_FILE = "model.safetensors", "packed.safetensors"
HALVES, SCALES = ".halves", ".scales"


def pack_tensor(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the halves of a tensor, two in a byte, and the scale of each block; None if it is not made of such blocks.

    Args:
        values: any shape, float32.

    Returns:
        (n / 2,) uint8, the low half first, and (n / 32,) float16.
    """
    if values.dtype != torch.float32 or values.numel() % BLOCK or not values.numel():
        return None
    blocks = values.reshape(-1, BLOCK)
    extremes = blocks.gather(1, blocks.abs().argmax(dim=1, keepdim=True))  # (blocks, 1)
    scales = torch.where(extremes == 0, extremes, extremes / -8)  # the scale gives zeros their sign
    halves = torch.where(scales == 0, 8, (blocks / scales).round() + 8).clamp(0, 15).to(torch.uint8)
    packed = (halves[:, ::2] | halves[:, 1::2] << 4).flatten()
    unpacked_again = unpack_tensor(packed, scales.flatten().half())
    if not torch.equal(unpacked_again.view(torch.int32), values.flatten().view(torch.int32)):  # -0.0 is not 0.0
        return None
    return packed, scales.flatten().half()


def unpack_tensor(packed: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Return (n,) float32 from what `pack_tensor` made.

    >>> unpack_tensor(torch.tensor([0x80] * 16, dtype=torch.uint8), torch.tensor([0.5], dtype=torch.float16))[:4]
    tensor([-4.,  0., -4.,  0.])
    """
    halves = torch.stack([packed & 15, packed >> 4], dim=1).flatten().float()
    return ((halves - 8).reshape(-1, BLOCK) * scales.float()[:, None]).flatten()


def pack(checkpoint: Path, output: Path) -> None:
    """Copy a checkpoint's folder with its weights packed.

    Raises:
        FileExistsError: the output folder exists.
    """
    tensors: dict[str, torch.Tensor] = {}
    shapes: dict[str, str] = {}
    for name, values in load_file(checkpoint / WEIGHTS_FILE).items():
        packed = pack_tensor(values)
        if packed is None:
            tensors[name] = values
        else:
            tensors[name + HALVES], tensors[name + SCALES] = packed
            shapes[name] = " ".join(map(str, values.shape))
    shutil.copytree(checkpoint, output, ignore=shutil.ignore_patterns(WEIGHTS_FILE))
    save_file(tensors, output / PACKED_FILE, metadata=shapes)


def unpack(packed: Path, output: Path) -> None:
    """Copy a packed folder with its weights as 32-bit floats.

    Raises:
        FileExistsError: the output folder exists.
    """
    weights = load_file(packed / PACKED_FILE)
    with safe_open(packed / PACKED_FILE, "pt") as file:
        shapes = dict(file.metadata() or {})
    for name, shape in shapes.items():
        values = unpack_tensor(weights.pop(name + HALVES), weights.pop(name + SCALES))
        weights[name] = values.reshape([int(size) for size in shape.split()])
    shutil.copytree(packed, output, ignore=shutil.ignore_patterns(PACKED_FILE))
    save_file(weights, output / WEIGHTS_FILE, metadata={"format": "pt"})


def unpacked(folder: Path, into: Path) -> Path:
    """Return a folder that transformers reads: this one, or what it unpacks to below `into`, once."""
    if not (folder / PACKED_FILE).exists():
        return folder
    plain = into / f"{folder.name}-{file_fingerprint(folder / PACKED_FILE)[:8]}"  # others may have the same name
    if not plain.exists():
        unfinished = plain.with_name(f".{plain.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unpack(folder, unfinished)
        unfinished.rename(plain)
    return plain


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.study.packed_backbone", description=__doc__.splitlines()[0]
    )
    parser.add_argument("command", choices=["pack", "unpack"])
    parser.add_argument("checkpoint", type=Path, help="The folder to read.")
    parser.add_argument("output", type=Path, help="The folder to write; it must not exist.")
    arguments = parser.parse_args()
    (pack if arguments.command == "pack" else unpack)(arguments.checkpoint, arguments.output)


if __name__ == "__main__":
    main()
