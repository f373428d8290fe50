"""A demo of word alignment for a Hub Space: two sentences in, a picture and a table of links out.

    pip install -e ".[demo]"
    python demo/app.py --models intfloat/multilingual-e5-small YOUR/CHECKPOINT

Nothing is downloaded but the checkpoints that are named here.
"""

import argparse
from collections.abc import Sequence
from functools import lru_cache

import gradio

from weam import show_alignment
from weam.alignment.encoder import EncoderAligner, load_encoder

DEFAULT_MODELS = ("intfloat/multilingual-e5-small", "google-bert/bert-base-multilingual-cased")
LONGEST = 2_000  # characters of a sentence
HEADER = ("source word", "target word", "probability")
EXAMPLES = [
    ("My brother bought a red house in the old town .", "Mein Bruder kaufte ein rotes Haus in der Altstadt ."),
    ("My brother bought a red house in the old town .", "Mon frère a acheté une maison rouge dans la vieille ville ."),
    ("She reads the newspaper every morning .", "Ella lee el periódico todas las mañanas ."),
    ("I study Chinese at the university .", "我 在 大学 学习 中文 。"),
    ("The book is on the table .", "الكتاب على الطاولة ."),
    ("The children are playing in the garden .", "बच्चे बगीचे में खेल रहे हैं ।"),
]


@lru_cache(maxsize=2)
def aligner(model: str) -> EncoderAligner:
    """Load a checkpoint, or take it from the two that were used last."""
    return load_encoder(model)


def align(source: str, target: str, model: str, threshold: float) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the picture as HTML, and a row for each link, the surest first.

    Raises:
        gradio.Error: a sentence is empty or too long, or the checkpoint cannot be used; shown to the user.
    """
    words = source.split(), target.split()
    if not all(words):
        raise gradio.Error("Write a sentence and its translation, words separated by spaces.")
    if max(len(source), len(target)) > LONGEST:
        raise gradio.Error(f"A sentence has more than {LONGEST:,} characters; give a shorter one.")
    try:
        loaded = aligner(model)
    except (OSError, ValueError) as error:
        raise gradio.Error(str(error)) from error
    (links,), (scores,) = loaded.model.align_words(
        loaded.tokenizer, [words[0]], [words[1]], return_scores=True, threshold=threshold
    )
    picture = show_alignment(*words, links, scores)
    rows = [(words[0][i], words[1][j], f"{score:.2f}") for (i, j), score in zip(links, scores, strict=True)]
    return str(picture), sorted(rows, key=lambda row: row[2], reverse=True)


def build(models: Sequence[str]) -> gradio.Blocks:
    """Lay out the page."""
    with gradio.Blocks(title="Word alignment") as page:
        gradio.Markdown("# Word alignment\nWhich words of two sentences translate each other? No training, no lexicon.")
        with gradio.Row():
            source = gradio.Textbox(EXAMPLES[0][0], label="Sentence", elem_id="source")
            target = gradio.Textbox(EXAMPLES[0][1], label="Translation", elem_id="target")
        with gradio.Row():
            model = gradio.Dropdown(list(models), value=models[0], label="Checkpoint")
            threshold = gradio.Slider(0, 1, 0, step=0.05, label="Lowest probability of a link")
        button = gradio.Button("Align", variant="primary", elem_id="align")
        picture = gradio.HTML(elem_id="picture")
        table = gradio.Dataframe(headers=list(HEADER), elem_id="links", interactive=False)
        gradio.Examples([list(pair) for pair in EXAMPLES], [source, target])
        button.click(align, [source, target, model, threshold], [picture, table])
    return page


def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser(description="A demo of word alignment.")
    parser.add_argument("--models", nargs="+", default=DEFAULT_MODELS, help="Hub names or folders of checkpoints.")
    parser.add_argument("--port", type=int, help="Default: the first free one from 7860 on.")
    arguments = parser.parse_args()
    build(arguments.models).launch(server_port=arguments.port)


if __name__ == "__main__":
    main()
