"""Stage 7: `results.json` -> README.md of the Hub repository, and the push.

The card holds only what was measured or set; it reads no weights.
"""

import json
import re
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import HfHubHTTPError
from transformers import TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from weam.results import RESULTS_FILE

NOT_PUSHED = [f"{PREFIX_CHECKPOINT_DIR}-*", "runs/*", "*.bin", "*.unfinished"]  # weights are safetensors only
TEMPLATE = """---
{front_matter}
---

# {title}

{base} aligned across {languages} with WEAM, the Word-Exchange Aligning Model ([Yang et al. 2021](https://arxiv.org/abs/2106.01732)):
pre-training went on over translated sentence pairs, and each masked word was predicted from its own context and through
its aligned word in the other language.

## Use

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{repository}")
model = AutoModel.from_pretrained("{repository}")  # a stock BERT encoder, no remote code needed
```

With `trust_remote_code=True`, `AutoModel` also has `align_words(tokenizer, sources, targets)` and
`AutoModelForPreTraining` goes on with this training.

## Held-out pairs, before and after

Losses in nats per token; retrieval is the share of sentences whose translation is the nearest of the held-out ones,
mean of both directions; AER is the alignment error rate of `align_words` on hand-aligned sentences.

{table}

## Training

{steps:,} steps, {tokens:,} pieces (padding not counted). Sentence pairs: {data}.

```
{command}
```

Versions: {versions}. Measured {date}.

## Limits

The figures above are measured on held-out pairs of the training text, not on downstream tasks.
"""


def write_model_card(folder: Path, repository: str | None = None) -> None:
    """Write README.md from the folder's `results.json`.

    Args:
        folder: holds the finished model.
        repository: its name on the Hub; None: the folder's name.
    """
    results = json.loads((folder / RESULTS_FILE).read_text(encoding="utf-8"))
    repository = repository or folder.name
    languages = sorted({language for report in results["data"] for language in report["language_pair"].split("-")})
    front_matter = ModelCardData(
        language=languages,
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=["weam", "multilingual", "word-alignment", "bert"],
        base_model=_hub_name(results["base_model"]),
    )
    data = "; ".join(f"{report['language_pair']} {report['kept']:,}" for report in results["data"])
    text = TEMPLATE.format(
        front_matter=front_matter.to_yaml(),
        title=repository.rpartition("/")[2],
        base=_shown_name(results["base_model"]) or "A BERT trained from scratch,",
        languages=", ".join(languages),
        repository=repository,
        table=_table(results),
        data=data,
        versions=", ".join(f"{name} {version}" for name, version in results["versions"].items()),
        **{name: results[name] for name in ("steps", "tokens", "command", "date")},
    )
    ModelCard(text).save(folder / "README.md")


def _hub_name(base_model: str | None) -> str | None:
    """Return the name if it is one on the Hub; the Hub takes no folder as a base model."""
    if base_model is None or Path(base_model).exists() or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", base_model):
        return None
    return base_model


def _shown_name(base_model: str | None) -> str | None:
    """Return the name on the Hub, or the last part of a folder: where that lay is nobody's business."""
    if base_model is None:
        return None
    return _hub_name(base_model) or Path(base_model).name


def _table(results: dict[str, Any]) -> str:
    lines = ["| pair | | multilingual loss | cross-lingual loss | retrieval, % | AER, % |", "|---|---|---|---|---|---|"]
    for before, after in zip(results["before"], results["after"], strict=True):
        lines += [_row(before, "before"), _row(after, "after")]
    return "\n".join(lines)


def _row(scores: dict[str, Any], when: str) -> str:
    retrieval = 50 * (scores["retrieval_source_to_target"] + scores["retrieval_target_to_source"])
    error_rate = scores["alignment_error_rate"]
    cells = [
        scores["language_pair"],
        when,
        f"{scores['multilingual_loss']:.2f}",
        f"{scores['cross_lingual_loss']:.2f}",
        f"{retrieval:.1f}",
        "not measured" if error_rate is None else f"{100 * error_rate:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def create_repository(args: TrainingArguments) -> str:
    """Create the Hub repository that `--push_to_hub` names, or find it; return its full name.

    Called before training, so that a missing permission costs seconds and not days.
    """
    api = HfApi(token=args.hub_token)
    name = args.hub_model_id or Path(args.output_dir).name
    try:
        repository = api.create_repo(name, private=args.hub_private_repo, exist_ok=True).repo_id
        if args.hub_revision is not None:
            api.create_branch(repository, branch=args.hub_revision, exist_ok=True)
    except HfHubHTTPError as error:
        error.add_note(f"the repository {name} can be neither created nor found; check --hub_model_id and the token")
        raise
    return repository


def push_model(folder: Path, repository: str, args: TrainingArguments) -> str:
    """Push a finished folder, with its card and code but without training checkpoints; return its address."""
    write_model_card(folder, repository)
    commit = HfApi(token=args.hub_token).upload_folder(
        repo_id=repository,
        folder_path=folder,
        revision=args.hub_revision,
        ignore_patterns=NOT_PUSHED,
        commit_message="Word-aligned continued pre-training with WEAM",
    )
    return commit.commit_url
