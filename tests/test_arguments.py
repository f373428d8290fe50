"""Settings: the paper's recipe as defaults, the YAML file under the command line, and what is refused."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType
from transformers import TrainingArguments

import run_mlqa
import run_pretraining
import run_xnli
import run_xtreme_r
from tests.conftest import ROOT
from weam import arguments
from weam.pretraining.arguments import PreTrainingArguments, parse_arguments, pretraining_settings
from weam.transfer.arguments import FineTuningArguments, TransferArguments

MODEL, BITEXT, OUTPUT = ["--config_name", "folder"], ["--train_file", "en-de=a.tsv"], ["--output_dir", "out"]
NEEDED = [*MODEL, *BITEXT, *OUTPUT]
LAUNCHES = {  # kind, machines, processes
    "one_gpu": (DistributedType.NO, 1, 1),
    "several_gpus": (DistributedType.MULTI_GPU, 1, 8),
    "several_nodes": (DistributedType.MULTI_GPU, 2, 16),
    "fsdp2": (DistributedType.FSDP, 1, 8),
    "deepspeed_zero2": (DistributedType.DEEPSPEED, 1, 8),
}
RECIPES = sorted(path.name for path in (ROOT / "recipes").glob("*.yaml"))


def parse_yaml(tmp_path, text, *options):
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return parse_arguments([str(path), *NEEDED, *options])


def documented_options(name):
    """What a recipe's opening comment adds on the command line, nothing where it shows no command."""
    lines = (ROOT / "recipes" / name).read_text(encoding="utf-8").splitlines()
    shown = " ".join(line.removeprefix("#").rstrip("\\") for line in lines if line.startswith("#   "))
    return shlex.split(shown.partition(f"recipes/{name}")[2])


def test_the_defaults_are_the_recipe_of_the_paper_but_for_the_objective():
    model, bitext, alignment, _, training = parse_arguments(NEEDED)
    assert (model.exchange, model.cross_lingual_weight, model.head_warmup_steps) == ("representation", 1.0, None)
    assert (model.objective, model.num_hidden_layers) == ("weam-contrastive", None)
    assert (bitext.mlm_probability, bitext.max_length, bitext.sampling_alpha) == (0.3, 128, 1.0)
    assert (bitext.max_train_pairs, bitext.sampling_ratios) == (None, [])
    assert (alignment.aligner, alignment.symmetrization) == ("fast_align", "intersect")
    assert (training.learning_rate, training.num_train_epochs) == (5e-5, 2.0)
    assert training.per_device_train_batch_size * training.gradient_accumulation_steps == 32
    assert not model.use_lora


@pytest.mark.parametrize("arguments", [PreTrainingArguments, FineTuningArguments])
def test_labels_are_not_smoothed(arguments, tmp_path):
    """The Trainer would take its own loss in place of the model's, without a word."""
    with pytest.raises(ValueError, match=r"--label_smoothing_factor is 0.1; no loss here is smoothed, give 0"):
        arguments(str(tmp_path), use_cpu=True, label_smoothing_factor=0.1)


@pytest.mark.parametrize(
    ("options", "weight"),
    [
        ([], 1.0),
        (["--cross_lingual_weight", "0.5"], 0.5),
        (["--objective", "weam", "--cross_lingual_weight", "0"], 0.0),
        (["--objective", "tlm"], 0.0),
        (["--objective", "weam-ranking", "--cross_lingual_weight", "0.5"], 0.5),
    ],
)
def test_translation_language_modelling_is_weam_without_its_weight(options, weight):
    model = parse_arguments([*NEEDED, *options, "--exchange", "representation"])[0]
    assert model.weam == {"exchange": "representation", "cross_lingual_weight": weight}


@pytest.mark.parametrize("objective", ["weam", "tlm", "mlm", "weam-ranking"])
def test_the_head_of_an_objective_that_predicts_may_be_warmed_up(objective):
    model = parse_arguments([*NEEDED, "--objective", objective, "--head_warmup_steps", "3"])[0]
    assert (model.objective, model.head_warmup_steps) == (objective, 3)


@pytest.mark.parametrize("objective", ["word-alignment", "translation-ranking", "simcse"])
def test_a_head_that_there_is_not_cannot_be_warmed_up(objective):
    message = f"--objective {objective} has no prediction head; leave --head_warmup_steps out"
    with pytest.raises(ValueError, match=message):
        parse_arguments([*NEEDED, "--objective", objective, "--head_warmup_steps", "3"])


@pytest.mark.parametrize("objective", ["tlm", "mlm", "word-alignment", "translation-ranking", "simcse"])
def test_a_baseline_takes_no_cross_lingual_weight(objective):
    message = f"--objective {objective} has no cross-lingual prediction; leave --cross_lingual_weight out"
    with pytest.raises(ValueError, match=message):
        parse_arguments([*NEEDED, "--objective", objective, "--cross_lingual_weight", "0.5"])


def test_the_defaults_keep_the_columns_and_labels_that_the_collator_makes():
    training = parse_arguments(NEEDED)[-1]
    assert (training.remove_unused_columns, training.label_names) == (False, ["labels"])


def test_a_yaml_file_is_read_and_the_command_line_overrides_it(tmp_path):
    text = "seed: 7\nmlm_probability: 0.15\ntrain_file: [en-fr=b.tsv, en-sw=c.tsv]\n"
    _, bitext, _, _, training = parse_yaml(tmp_path, text, "--seed", "8")
    assert (training.seed, bitext.mlm_probability) == (8, 0.15)
    assert bitext.train_file == ["en-de=a.tsv"]  # the whole list is overridden, not added to


@pytest.mark.parametrize("number", ["5e-5", "5.0e-5", "0.00005", "'5e-5'"])
def test_every_spelling_of_a_number_in_yaml_becomes_the_float(tmp_path, number):
    assert parse_yaml(tmp_path, f"learning_rate: {number}\n")[-1].learning_rate == 5e-5


def test_lists_booleans_null_and_mappings_in_yaml(tmp_path):
    text = (
        "lora_target_modules: [query, key]\nuse_lora: true\noverwrite_output_dir: false\nmax_train_pairs: null\n"
        "num_train_epochs: 3\nlr_scheduler_kwargs: {num_cycles: 2}\ngold_alignments:\n  - en-de=gold\n"
    )
    model, bitext, _, output, training = parse_yaml(tmp_path, text)
    assert (model.lora_target_modules, model.use_lora) == (["query", "key"], True)
    assert (bitext.max_train_pairs, bitext.gold_alignments) == (None, ["en-de=gold"])
    assert output.overwrite_output_dir is False
    assert (training.num_train_epochs, training.lr_scheduler_kwargs) == (3.0, {"num_cycles": 2})


def test_an_empty_yaml_file_changes_nothing(tmp_path):
    assert parse_yaml(tmp_path, "# nothing yet\n")[:4] == parse_arguments(NEEDED)[:4]


def test_an_empty_list_in_yaml_is_an_empty_list(tmp_path):
    assert parse_yaml(tmp_path, "sampling_ratios: []\n")[1].sampling_ratios == []


def test_a_text_in_yaml_may_begin_with_a_hyphen(tmp_path):
    assert parse_yaml(tmp_path, "run_name: -v2\n")[-1].run_name == "-v2"


def test_no_without_quotes_is_a_strategy_in_yaml(tmp_path):
    """YAML reads a bare `no` as false."""
    assert parse_yaml(tmp_path, "save_strategy: no\n")[-1].save_strategy == "no"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learnin_rate: 1\n", r"settings\.yaml: there is no setting 'learnin_rate'; did you mean learning_rate\?"),
        ("mlm_probabilty: 1\n", r"settings\.yaml: .*'mlm_probabilty'; did you mean mlm_probability\?"),
        ("qqqqqqqq: 1\n", r"settings\.yaml: there is no setting 'qqqqqqqq'$"),
    ],
)
def test_an_unknown_setting_in_yaml_is_refused_with_the_closest_name(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        parse_yaml(tmp_path, text)


@pytest.mark.parametrize("text", ["- seed\n", "seed\n", "1: 2\n", "seed: [1\n"])
def test_what_is_no_yaml_of_settings_is_refused_with_the_file(tmp_path, text):
    with pytest.raises((ValueError, yaml.YAMLError), match=r"settings\.yaml"):
        parse_yaml(tmp_path, text)


@pytest.mark.parametrize("name", ["nowhere.yaml", "nowhere.yml"])
def test_a_missing_yaml_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / name))):
        parse_arguments([str(tmp_path / name), *NEEDED])


def test_an_unknown_option_is_named():
    with pytest.raises(ValueError, match="--learnin_rate"):
        parse_arguments([*NEEDED, "--learnin_rate", "1"])


def test_a_value_outside_the_choices_is_named(capsys):
    with pytest.raises(SystemExit):
        parse_arguments([*NEEDED, "--aligner", "giza"])
    assert (
        "--aligner: invalid choice: 'giza' (choose from 'fast_align', 'eflomal', 'encoder')" in capsys.readouterr().err
    )


@pytest.mark.parametrize("program", [run_pretraining, run_xnli, run_mlqa, run_xtreme_r])
@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--learning_rate", "nan"], "--learning_rate/--learning-rate: nan is no finite number"),
        (["--weight_decay=inf"], "--weight_decay/--weight-decay: inf is no finite number"),
        (["--save_steps=-1e999"], "--save_steps/--save-steps: -1e999 is no finite number"),
    ],
)
def test_a_number_that_is_not_finite_is_refused_by_every_program(program, words, fault, capsys):
    with pytest.raises(SystemExit):
        program.main([*OUTPUT, *words])
    assert f"error: argument {fault}; give one, such as 5e-5" in capsys.readouterr().err


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1.0e+400"])
def test_a_number_in_yaml_that_is_not_finite_is_refused(number, tmp_path, capsys):
    with pytest.raises(SystemExit):
        parse_yaml(tmp_path, f"learning_rate: {number}\n")
    assert "argument --learning_rate/--learning-rate: " in capsys.readouterr().err


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_a_number_among_the_settings_of_another_that_is_not_finite_is_refused(number):
    with pytest.raises(ValueError, match="--lr_scheduler_kwargs is {'num_cycles': (nan|inf)}; give finite numbers"):
        parse_arguments([*NEEDED, "--lr_scheduler_kwargs", f'{{"num_cycles": {number}}}'])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([*BITEXT, *OUTPUT], "give --model_name_or_path to continue a checkpoint, or --config_name"),
        ([*NEEDED, "--model_name_or_path", "m"], "give --model_name_or_path to continue a checkpoint, or"),
        ([*MODEL, *OUTPUT], "give --train_file or --dataset_name: one of them"),
        ([*NEEDED, "--dataset_name", "d", "--dataset_config", "de-en"], "--train_file or --dataset_name: .* not both"),
        ([*MODEL, *OUTPUT, "--dataset_name", "d"], "--dataset_name needs --dataset_config"),
        ([*MODEL, *BITEXT], "give --output_dir"),
        ([*NEEDED, "--max_train_pairs", "0"], "--max_train_pairs is less than 1"),
        ([*NEEDED, "--max_eval_pairs", "-5"], "--max_eval_pairs is -5; give 1 or more"),
        ([*NEEDED, "--pad_to_multiple_of", "-8"], "--pad_to_multiple_of is -8; give 1 or more"),
        ([*NEEDED, "--validation_fraction", "1.5"], "--validation_fraction is 1.5; give a share from 0 to 1"),
        ([*NEEDED, "--mlm_probability", "-0.1"], "--mlm_probability is -0.1; give a share from 0 to 1"),
        ([*NEEDED, "--sampling_alpha", "-1"], "--sampling_alpha is -1.0; give 0 or more"),
        (
            [*NEEDED, "--objective", "weam", "--word_layer", "1"],
            "--objective weam contrasts no words; leave --word_layer out",
        ),
        ([*NEEDED, "--freeze_layers", "-1"], "--freeze_layers is -1; give the number of layers, 0 or more"),
        ([*NEEDED, "--start_share", "1"], "--start_share is 1.0; give 0 or more and less than 1"),
        (["--config_name", "c", *BITEXT, *OUTPUT, "--start_share", "0.5"], "--config_name begins from scratch"),
        ([*NEEDED, "--head_warmup_steps", "-1"], "--head_warmup_steps is -1; give 0 or more"),
        ([*NEEDED, "--remove_unused_columns", "true"], "--remove_unused_columns must stay off"),
        ([*NEEDED, "--objective", "word-alignment", "--use_lora", "yes"], "keeps a copy of .* leave --use_lora out"),
        ([*NEEDED, "--freeze_layers", "1", "--use_lora", "yes"], "--use_lora puts adapters on all layers"),
        ([*NEEDED, "--objective", "embedding-alignment", "--use_lora", "yes"], "trains the embeddings"),
        ([*NEEDED, "--objective", "embedding-alignment", "--freeze_layers", "1"], "trains the embeddings"),
    ],
)
def test_what_is_missing_or_contradictory_is_refused(argv, message):
    with pytest.raises(ValueError, match=message):
        parse_arguments(argv)


def test_samples_and_seeds_of_a_fine_tuning_that_cannot_be_meant_are_refused():
    with pytest.raises(ValueError, match="--max_dev_samples is 0; give 1 or more, or leave it out"):
        TransferArguments(max_dev_samples=0)
    with pytest.raises(ValueError, match=r"--seeds \[1, 2, 1\]: give each seed once"):
        TransferArguments(seeds=[1, 2, 1])


def test_a_recipe_that_comes_with_the_code_is_found_by_its_name_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, bitext, *_ = parse_arguments(["quickstart"])
    assert model.config_name == str(ROOT / "recipes" / "quickstart" / "model")
    assert all(Path(file.partition("=")[2]).is_file() for file in bitext.train_file)


def test_an_unknown_recipe_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="there is no recipe 'quickstrat'; .* or one of .*paper, quickstart"):
        parse_arguments(["quickstrat"])


def test_here_is_the_folder_of_the_file(tmp_path):
    assert parse_yaml(tmp_path, "cache_dir: $here/cache\n")[1].cache_dir == str(tmp_path / "cache")


@pytest.fixture
def renamed(monkeypatch):
    """An option one of whose values had another name in an earlier version."""
    monkeypatch.setitem(arguments.RENAMED_VALUES, ("aligner", "fastalign"), "fast_align")


@pytest.mark.parametrize("words", [["--aligner", "fastalign"], ["--aligner=fastalign"]])
def test_the_old_name_of_a_value_is_taken_with_a_warning(renamed, words):
    with pytest.warns(FutureWarning, match="--aligner fastalign is now --aligner fast_align"):
        assert parse_arguments([*NEEDED, *words])[2].aligner == "fast_align"


def test_the_old_name_of_a_value_may_be_a_value_of_another_option(renamed, recwarn):
    assert parse_arguments([*NEEDED, "--run_name", "fastalign"])[-1].run_name == "fastalign"
    assert not [warning for warning in recwarn if warning.category is FutureWarning]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_read_as_its_comment_says(name):
    text = (ROOT / "recipes" / name).read_text(encoding="utf-8")
    settings = yaml.safe_load(text.replace("$here", str(ROOT / "recipes")))
    read = {}
    for concern in parse_arguments([str(ROOT / "recipes" / name), *documented_options(name)]):
        read |= vars(concern)
    assert {key: type(read[key])(value) for key, value in settings.items()} == {key: read[key] for key in settings}


def test_the_recipe_of_the_paper_leaves_the_method_at_its_defaults():
    paper = parse_arguments([str(ROOT / "recipes" / "paper.yaml"), *documented_options("paper.yaml")])
    named = ["--model_name_or_path", "google-bert/bert-base-multilingual-cased", "--output_dir", "weam-de"]
    data = ["--dataset_name", "Helsinki-NLP/opus-100", "--dataset_config", "de-en"]
    alone = ["--objective", "weam"]
    assert pretraining_settings(paper) == pretraining_settings(parse_arguments([*named, *data, *alone]))


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "recipes" / "accelerate").iterdir()))
def test_accelerate_reads_our_launch_files(name):
    config = load_config_from_file(str(ROOT / "recipes" / "accelerate" / f"{name}.yaml"))
    assert (config.distributed_type, config.num_machines, config.num_processes) == LAUNCHES[name]
    assert (config.mixed_precision, config.use_cpu) == ("bf16", False)


def test_the_recipe_holds_what_makes_a_difference():
    arguments = parse_arguments([*NEEDED, "--hub_token", "SECRET", "--cache_dir", "somewhere", "--seed", "7"])
    settings = pretraining_settings(arguments)
    assert list(settings) == ["model", "bitext", "alignment", "training"]
    assert settings["model"]["exchange"] == "representation"
    assert settings["bitext"]["train_file"] == ["en-de=a.tsv"]
    assert settings["alignment"] == {
        "aligner": "fast_align",
        "aligner_model": None,
        "aligner_model_revision": "main",
        "symmetrization": "intersect",
        "alignments": [],
        "alignments_unit": "word",
    }
    assert settings["training"] == {
        "learning_rate": 5e-5,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0,
        "optim": TrainingArguments.optim,  # fused AdamW from torch 2.8 on
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-8,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "per_device_train_batch_size": 32,
        "gradient_accumulation_steps": 1,
        "num_train_epochs": 2.0,
        "max_steps": -1,
        "train_sampling_strategy": "group_by_length",
        "bf16": False,
        "fp16": False,
        "seed": 7,
        "world_size": 1,
    }
    text = json.dumps(settings)
    assert "SECRET" not in text
    assert "somewhere" not in text


@pytest.mark.parametrize("arguments", [PreTrainingArguments, FineTuningArguments])
@pytest.mark.parametrize(
    ("given", "fast", "chosen"), [("auto", True, True), ("auto", False, False), ("no", True, False)]
)
def test_bfloat16_is_chosen_where_the_processor_has_it_unless_the_user_says_otherwise(
    arguments, given, fast, chosen, monkeypatch, tmp_path
):
    monkeypatch.setattr("weam.arguments.has_bfloat16", lambda: fast)
    made = arguments(str(tmp_path), use_cpu=True, bf16=given)
    assert made.bf16 is chosen
    assert replace(made, seed=7).bf16 is chosen


def test_bfloat16_of_the_launcher_is_what_the_arguments_say(monkeypatch):
    """The Trainer takes it from the environment, so results and scores must know of it."""
    monkeypatch.setattr("weam.arguments.has_bfloat16", lambda: False)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert parse_arguments(NEEDED)[-1].bf16 is True
    with pytest.raises(ValueError, match="--bf16 is no, but accelerate launch asks for bf16"):
        parse_arguments([*NEEDED, "--bf16", "no"])


def test_bfloat16_is_left_to_accelerate_on_a_gpu(monkeypatch, tmp_path):
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    monkeypatch.setattr("weam.arguments.has_bfloat16", lambda: True)
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    arguments = object.__new__(PreTrainingArguments)
    arguments.use_cpu, arguments.fp16, arguments.bf16 = False, False, "auto"
    assert arguments._wants_bf16() is False


@pytest.mark.parametrize("option", [["--bf16"], ["--bf16", "yes"], ["--bf16", "true"]])
def test_bfloat16_is_switched_on_as_in_training_arguments(option):
    assert parse_arguments([*NEEDED, *option])[-1].bf16 is True


def test_another_value_for_bfloat16_is_refused():
    with pytest.raises(ValueError, match="--bf16 is 'maybe'; give auto, yes or no"):
        parse_arguments([*NEEDED, "--bf16", "maybe"])


@pytest.mark.parametrize(("found", "taken"), [("cpu:0", "cpu"), ("cpu:1", "cpu"), ("meta", "meta")])
def test_the_device_of_a_process_on_a_processor_has_no_number(monkeypatch, tmp_path, found, taken):
    args = PreTrainingArguments(str(tmp_path))
    monkeypatch.setattr(TrainingArguments, "device", property(lambda self: torch.device(found)))
    assert args.device == torch.device(taken)
