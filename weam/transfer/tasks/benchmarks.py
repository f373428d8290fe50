"""Every benchmark by its name in results."""

from weam.transfer.tasks.mlqa import MLQA, MLQADev, XQuAD
from weam.transfer.tasks.sib200 import SIB200
from weam.transfer.tasks.tagging import PANX, UDPOS
from weam.transfer.tasks.task import Benchmark
from weam.transfer.tasks.tatoeba import Tatoeba
from weam.transfer.tasks.text_pairs import PAWSX, XNLI
from weam.transfer.tasks.xcopa import XCOPA

BENCHMARKS: dict[str, type[Benchmark]] = {
    task.benchmark: task for task in (XNLI, MLQA, MLQADev, XQuAD, UDPOS, PANX, PAWSX, XCOPA, SIB200, Tatoeba)
}
