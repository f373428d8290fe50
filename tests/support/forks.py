"""Programs in forks of a process that has imported them: as `accelerate launch` starts them, in a tenth of the time.

Each law of training is tested through the launcher once; its other cases begin here. This file imports nothing of the
tests, for every fork reads it.
"""

import faulthandler
import multiprocessing
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["run_pretraining", "run_xnli"])


def start(program: str, arguments: list[str], log: Path, processes: int = 1) -> list[multiprocessing.Process]:
    """Start a program on so many processes of this machine; what they say goes to the log."""
    port = free_port()
    started = []
    for rank in map(str, range(processes)):
        variables = {"ACCELERATE_MIXED_PRECISION": "no", "TOKENIZERS_PARALLELISM": "false"}
        if processes > 1:
            variables |= {"RANK": rank, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            variables |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(processes))
        started.append(FORKS.Process(target=_run, args=(program, arguments, variables, log)))
        started[-1].start()
    return started


def finish(started: list[multiprocessing.Process], log: Path) -> None:
    """Wait for programs that must succeed; one that hangs is ended and says in the log where it was."""
    for process in started:
        process.join(timeout=300)
        if process.is_alive():
            os.kill(process.pid, signal.SIGABRT)
            process.join()
    assert all(process.exitcode == 0 for process in started), log.read_text(encoding="utf-8")


def free_port() -> str:
    """Return the number of a port that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


def _run(program: str, arguments: list[str], variables: dict[str, str], log: Path) -> None:
    os.setsid()  # to be killed with its own children
    multiprocessing.set_start_method("fork", force=True)  # as where a program begins; here it would be "forkserver"
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable(2)
    os.environ.update(variables)
    sys.argv = [f"{program}.py", *arguments]
    module = import_module(program)
    module.main()
    module.leave_process_group()
