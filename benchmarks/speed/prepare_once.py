"""Prepare the text of a folder with whichever `weam` is found first; write seconds and megabytes as JSON.

`benchmarks.speed.preparation` starts this file, for other checkouts too, so it imports nothing else of ours.
"""

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path

from transformers import BertTokenizer

from weam.alignment.arguments import AlignmentArguments
from weam.bitext.arguments import BitextArguments
from weam.pretraining.preparation import prepare_language_pairs


def held() -> int:
    """Return the bytes that this process and its children hold, mapped files left out; shared ones count once."""
    me = os.getpid()
    children = Path(f"/proc/{me}/task/{me}/children").read_text(encoding="utf-8").split()
    return sum(map(_proportional, [str(me), *children]))


def _proportional(process: str) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))


def main(folder: Path, vocabulary: Path) -> None:
    """Prepare and print."""
    tokenizer = BertTokenizer(vocab=str(vocabulary), do_lower_case=False)
    gc.freeze()  # as run_pretraining.py
    peaks = [held()]

    def watch() -> None:
        while True:
            peaks[0] = max(peaks[0], held())
            time.sleep(0.2)

    before, begun = peaks[0], time.perf_counter()
    threading.Thread(target=watch, daemon=True).start()
    bitext = BitextArguments(train_file=[f"en-de={folder / 'text.tsv'}"], cache_dir=str(folder / "cache"))
    alignment = AlignmentArguments(alignments=[f"en-de={folder / 'links.txt'}"], alignments_unit="subword")
    prepare_language_pairs(bitext, alignment, tokenizer, seed=1)
    print(json.dumps([time.perf_counter() - begun, (peaks[0] - before) / 1e6]))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
