"""The command `weam`: the programs of the repository, from any folder.

    weam pretrain quickstart
    weam xnli --model_name_or_path CHECKPOINT --output_dir OUT
    accelerate launch -m weam pretrain quickstart

It only hands the rest of the command line to a program. What follows a program's name is the name of a recipe that
comes with the code, a YAML file, or options; `weam pretrain --help` lists those of a program.
"""

import sys
from importlib import import_module

from weam.arguments import recipe_folder
from weam.runs import leave_process_group

PROGRAMS = {
    "pretrain": ("run_pretraining", "continue the pre-training of an encoder on word-aligned bitext"),
    "xnli": ("run_xnli", "fine-tune and score on XNLI"),
    "mlqa": ("run_mlqa", "fine-tune and score on MLQA or XQuAD"),
    "xtreme-r": ("run_xtreme_r", "fine-tune and score on other tasks"),
    "align": ("weam.alignment.__main__", "align the words of bitext"),
    "card": ("weam.cards.card", "write a model card from results"),
}


def main(argv: list[str] | None = None) -> None:
    """Run the program that the first word names."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] not in PROGRAMS:
        asked = not argv or argv[0] in ("-h", "--help")
        sys.stdout.write(usage()) if asked else sys.exit(f"weam has no program {argv[0]!r}\n\n{usage()}")
        return
    sys.argv[0] = "weam"  # what results and errors call this program, however it was started
    import_module(PROGRAMS[argv[0]][0]).main(argv[1:])
    leave_process_group()


def usage() -> str:
    """List programs and recipes."""
    programs = [f"  {name:<10}{text}" for name, (_, text) in PROGRAMS.items()]
    recipes = [f"  {path.stem:<26}{path}" for path in sorted(recipe_folder().rglob("*.yaml"))]
    return "\n".join(["usage: weam PROGRAM [RECIPE] [options]", "", *programs, "", "recipes:", *recipes, ""])


if __name__ == "__main__":
    main()
