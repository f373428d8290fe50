"""Weights that came from 4 bits travel in 4 bits and come back to the last bit; all else stays as it is."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, BertModel

from benchmarks.study import packed_backbone
from benchmarks.study.packed_backbone import main, pack, pack_tensor, unpack, unpack_tensor, unpacked
from tests.conftest import small_config, small_tokenizer

BLOCKS = {  # the first of 32 weights -> the scale: (h - 8) * scale with h = 0
    "positive scale": (-4.0, 0.5),
    "negative scale": (4.0, -0.5),
    "zeros": (0.0, 0.0),
    "negative zeros": (-0.0, -0.0),
}


def four_bit_tensor(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return what 4 bits a weight stood for: of every four blocks one has a negative scale, one is zero."""
    generator = torch.Generator().manual_seed(seed)
    count = torch.Size(shape).numel() // 32
    halves = torch.randint(1, 16, (count, 32), generator=generator)
    halves[torch.arange(count), torch.randint(0, 32, (count,), generator=generator)] = 0
    scales = torch.rand(count, generator=generator).half().float() + 0.001
    scales[::4] *= -1
    values = (halves - 8) * scales.half().float()[:, None]
    values[1::4] = 0
    return values.reshape(shape)


def bits(values: torch.Tensor) -> torch.Tensor:
    return values.view(torch.int32)


def saved_bits(folder: Path) -> dict[str, list[int]]:
    return {name: bits(values).flatten().tolist() for name, values in load_file(folder / "model.safetensors").items()}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT whose matrices came from 4 bits, except its embeddings, and its tokenizer."""
    torch.manual_seed(0)
    model = BertModel(small_config())
    with torch.no_grad():
        for number, weights in enumerate(model.encoder.parameters()):
            if weights.dim() == 2:
                weights.copy_(four_bit_tensor(*weights.shape, seed=number))
    folder = tmp_path_factory.mktemp("packed") / "backbone"
    model.save_pretrained(folder)
    small_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def packed(checkpoint: Path) -> Path:
    output = checkpoint.with_name("travels")
    pack(checkpoint, output)
    return output


# Tensors


@pytest.mark.parametrize("name", list(BLOCKS))
def test_a_block_is_its_halves_and_a_scale(name: str) -> None:
    first, scale = BLOCKS[name]
    block = torch.cat([torch.tensor([first]), torch.zeros(31) * scale])  # zeros have the sign of the scale
    halves, scales = pack_tensor(block)
    assert halves.tolist() == ([0x80] + [0x88] * 15 if first else [0x88] * 16)  # two in a byte, the low one first
    assert bits(scales.float()).tolist() == bits(torch.tensor([scale])).tolist()
    assert bits(unpack_tensor(halves, scales)).tolist() == bits(block).tolist()


@pytest.mark.parametrize("shape", [(32,), (64, 32), (2, 16, 48)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_tensor_of_blocks_comes_back_bit_for_bit(shape: tuple[int, ...], seed: int) -> None:
    values = four_bit_tensor(*shape, seed=seed)
    found = unpack_tensor(*pack_tensor(values))
    assert torch.equal(bits(found), bits(values.flatten()))


def test_every_half_comes_back() -> None:
    values = (torch.arange(32) % 16 - 8) * 0.25
    halves, scales = pack_tensor(values)
    assert halves.tolist() == [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE] * 2
    assert scales.tolist() == [0.25]


@pytest.mark.parametrize(
    "values",
    [
        torch.randn(64, generator=torch.Generator().manual_seed(0)),
        torch.full((33,), -4.0),
        torch.zeros(0),
        four_bit_tensor(64).half(),
        torch.full((32,), -8.0 * 2.0**17),
        torch.tensor([4.0] + [0.0] * 31),
        torch.tensor([0.0, -0.0] * 16),
    ],
    ids=["other floats", "no whole blocks", "empty", "half precision", "scale over float16", "zero of the other sign",
         "zeros of both signs"],
)  # fmt: skip
def test_what_would_not_come_back_to_the_last_bit_is_not_packed(values: torch.Tensor) -> None:
    assert pack_tensor(values) is None


# Folders


def test_a_checkpoint_comes_back_bit_for_bit(checkpoint: Path, packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "again")
    assert saved_bits(tmp_path / "again") == saved_bits(checkpoint)


def test_matrices_of_blocks_take_four_and_a_half_bits_a_weight(packed: Path) -> None:
    tensors = load_file(packed / "packed.safetensors")
    halves = tensors["encoder.layer.0.intermediate.dense.weight.halves"]
    scales = tensors["encoder.layer.0.intermediate.dense.weight.scales"]
    assert (halves.dtype, halves.numel()) == (torch.uint8, 64 * 32 // 2)
    assert (scales.dtype, scales.numel()) == (torch.float16, 64 * 32 // 32)


def test_other_tensors_travel_as_they_are(checkpoint: Path, packed: Path) -> None:
    before, tensors = load_file(checkpoint / "model.safetensors"), load_file(packed / "packed.safetensors")
    kept = {name for name in tensors if not name.endswith((".halves", ".scales"))}
    assert "embeddings.word_embeddings.weight" in kept and "encoder.layer.1.output.dense.weight" not in kept
    assert all(torch.equal(tensors[name], before[name]) for name in kept)


def test_the_other_files_of_the_folder_travel_too(checkpoint: Path, packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "again")
    names = {path.name for path in checkpoint.iterdir()}
    assert {path.name for path in packed.iterdir()} == names - {"model.safetensors"} | {"packed.safetensors"}
    assert {path.name for path in (tmp_path / "again").iterdir()} == names


def test_a_tensor_may_be_called_like_a_part_of_a_packed_one(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    tensors = {"a": four_bit_tensor(32), "b.scales": torch.tensor([0.3]), "b.halves": torch.tensor([0.7])}
    save_file(tensors, tmp_path / "plain" / "model.safetensors")
    pack(tmp_path / "plain", tmp_path / "packed")
    unpack(tmp_path / "packed", tmp_path / "again")
    assert saved_bits(tmp_path / "again") == saved_bits(tmp_path / "plain")


def test_a_checkpoint_without_blocks_travels_whole(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    save_file({"a": torch.tensor([0.3])}, tmp_path / "plain" / "model.safetensors")
    pack(tmp_path / "plain", tmp_path / "packed")
    unpack(tmp_path / "packed", tmp_path / "again")
    assert saved_bits(tmp_path / "again") == saved_bits(tmp_path / "plain")


def test_an_existing_output_is_kept(checkpoint: Path, packed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(FileExistsError):
        pack(checkpoint, tmp_path)
    with pytest.raises(FileExistsError):
        unpack(packed, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_was_unpacked_loads_with_the_stock_class(checkpoint: Path, packed: Path, tmp_path: Path) -> None:
    folder = unpacked(packed, tmp_path)
    encoded = AutoTokenizer.from_pretrained(folder)("the cat sees a dog", return_tensors="pt")
    before, after = (AutoModel.from_pretrained(path).eval() for path in (checkpoint, folder))
    assert torch.equal(after(**encoded).last_hidden_state, before(**encoded).last_hidden_state)


def test_both_commands_name_a_folder_to_read_and_one_to_write(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (
        ["pack", str(checkpoint), str(tmp_path / "packed")],
        ["unpack", str(tmp_path / "packed"), str(tmp_path / "again")],
    ):
        monkeypatch.setattr(sys, "argv", ["packed_backbone.py", *command])
        main()
    assert saved_bits(tmp_path / "again") == saved_bits(checkpoint)


# What the study reads


def test_a_plain_folder_is_read_where_it_is(checkpoint: Path, tmp_path: Path) -> None:
    assert unpacked(checkpoint, tmp_path) == checkpoint
    assert list(tmp_path.iterdir()) == []


def test_a_packed_folder_is_unpacked_once(
    checkpoint: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = unpacked(packed, tmp_path / "new")
    assert first.parent == tmp_path / "new" and saved_bits(first) == saved_bits(checkpoint)

    def unpack_again(packed: Path, output: Path) -> None:
        raise AssertionError("unpacked twice")

    monkeypatch.setattr(packed_backbone, "unpack", unpack_again)
    assert unpacked(packed, tmp_path / "new") == first


def test_packed_folders_of_one_name_are_kept_apart(packed: Path, tmp_path: Path) -> None:
    """`--backbone small/packed --wide large/packed` are two checkpoints."""
    for number, folder in enumerate(("small", "large")):
        (tmp_path / folder / "plain").mkdir(parents=True)
        save_file({"a": four_bit_tensor(64, seed=number)}, tmp_path / folder / "plain" / "model.safetensors")
        pack(tmp_path / folder / "plain", tmp_path / folder / "packed")
    folders = [unpacked(tmp_path / folder / "packed", tmp_path / "into") for folder in ("small", "large")]
    assert [saved_bits(folder) for folder in folders] == [
        saved_bits(tmp_path / folder / "plain") for folder in ("small", "large")
    ]


def test_what_was_interrupted_is_unpacked_anew(
    checkpoint: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*arguments: object, **options: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space left"):
        patch.setattr(packed_backbone, "save_file", full_disk)
        unpacked(packed, tmp_path)
    folder = unpacked(packed, tmp_path)
    assert saved_bits(folder) == saved_bits(checkpoint)
    assert list(tmp_path.iterdir()) == [folder]
