"""A small checkpoint, saved with the installed versions and used with others: `.ci/versions` starts this.

python -m tests.versions save FOLDER
python tests/versions.py use FOLDER    # needs torch and transformers only, as users of a checkpoint do
"""

import sys
from tempfile import TemporaryDirectory

import torch
import transformers
from transformers import AutoModel, AutoModelForPreTraining, AutoTokenizer


def save(folder: str) -> None:
    """Save model and tokenizer."""
    from modeling_weam import BertForWEAMPreTraining
    from tests.conftest import small_config, small_tokenizer

    torch.manual_seed(0)
    BertForWEAMPreTraining(small_config()).save_pretrained(folder)
    small_tokenizer().save_pretrained(folder)


def use(folder: str) -> None:
    """Load, align, train a step, save again and print the version; an assertion fails where one does it differently."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
    (links,) = encoder.align_words(tokenizer, ["the cat sees a dog"], ["die katze sieht ein hund"])
    assert all(0 <= source < 5 and 0 <= target < 5 for source, target in links), links

    model = AutoModelForPreTraining.from_pretrained(folder, trust_remote_code=True).eval()
    batch = dict(tokenizer("the cat sees", "die katze sieht", return_tensors="pt"))
    labels, aligned = torch.full_like(batch["input_ids"], -100), torch.full_like(batch["input_ids"], -1)
    labels[0, 2], aligned[0, 2] = batch["input_ids"][0, 2], 6  # cat is masked, and aligned with katze
    batch["input_ids"][0, 2] = tokenizer.mask_token_id
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(2):
        loss = model(**batch, labels=labels, aligned_positions=aligned).loss
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[1] < losses[0], losses

    with TemporaryDirectory() as copy:
        model.save_pretrained(copy)
        again = AutoModelForPreTraining.from_pretrained(copy, trust_remote_code=True).eval()
        with torch.no_grad():
            assert torch.equal(again(**batch).logits, model(**batch).logits)
    sys.stdout.write(f"transformers {transformers.__version__}: {len(links)} links, loss {losses[0]:.4f}\n")


if __name__ == "__main__":
    {"save": save, "use": use}[sys.argv[1]](sys.argv[2])
