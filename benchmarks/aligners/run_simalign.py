"""Align pairs from standard input with simalign 0.4; run by `encoders.py` in an environment that has simalign."""

import json
import sys
import time
from pathlib import Path

import torch
from simalign import SentenceAligner


def main() -> None:
    """Print seconds of processor time, links and memory as JSON."""
    torch.set_num_threads(1)
    pairs = json.load(sys.stdin)
    aligner = SentenceAligner(model=sys.argv[1], token_type="bpe", matching_methods="a", device="cpu", layer=8)
    start = time.process_time()
    links = sum(len(aligner.get_word_aligns(source.split(), target.split())["inter"]) for source, target in pairs)
    seconds = time.process_time() - start
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    megabytes = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "links": links, "megabytes": megabytes}))


if __name__ == "__main__":
    main()
