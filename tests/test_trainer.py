"""What is added to the stock Trainer: the epoch, the logged loss parts, the order of examples, the head warm-up."""

import copy
import json
import math
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trackio.sqlite_storage import SQLiteStorage
from transformers import (
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_pt_utils import LengthGroupedSampler

from data_collator_weam import DataCollatorForWordExchange
from modeling_weam import BertForWEAMPreTraining
from tests.conftest import small_config
from tests.pretraining.conftest import new_model as new_objective
from tests.pretraining.conftest import of
from weam.checkpoint import LoraSettings, add_adapters
from weam.pretraining.arguments import PreTrainingArguments
from weam.pretraining.checkpoint import load_model
from weam.pretraining.held_out import held_out_losses
from weam.runs import last_complete_checkpoint
from weam.trainer import (
    EpochSignal,
    LengthGroups,
    RepeatableTrainer,
    StepSeed,
    WEAMTrainer,
    load_weights,
    mean_losses,
    run_training,
    warm_up_head,
)

WEIGHT = 0.5
NAMES = ("multilingual_loss", "cross_lingual_loss")


@pytest.fixture
def collator(tokenizer):
    return DataCollatorForWordExchange(tokenizer, mlm_probability=0.5, max_length=32)


@pytest.fixture(scope="module")
def train_features(features):
    """Sixteen pairs of four lengths."""
    rows = [{**features[n % 4], "id": n} for n in range(16)]
    lengths = [len(row["source_ids"]) + len(row["target_ids"]) + 3 for row in rows]
    return Dataset.from_list(rows).add_column("length", lengths)


@pytest.fixture(scope="module")
def held_out_features(train_features):
    return train_features.select(range(6)).add_column("epoch", [0] * 6)


@pytest.fixture
def settings(tmp_path):
    """Optimiser steps over all sixteen pairs: four batches of four."""
    return PreTrainingArguments(
        str(tmp_path / "out"),
        use_cpu=True,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=4,
        per_device_eval_batch_size=4,
        num_train_epochs=3,
        learning_rate=1e-3,
        logging_steps=1,
        save_strategy="no",
        eval_strategy="steps",
        eval_steps=1,
        disable_tqdm=True,
        report_to="none",
    )


def new_model(adapters=False):
    torch.manual_seed(0)
    model = BertForWEAMPreTraining(small_config(weam={"cross_lingual_weight": WEIGHT}))
    return add_adapters(model, LoraSettings(4, 8, 0.1, ("query", "value"))) if adapters else model


def batch_loss(model, collator, features):
    collator.set_epoch(0)
    with torch.no_grad():
        return model.eval()(**collator(list(features))).loss.item()


# Means


def test_mean_losses_divides_sums_by_counts():
    assert mean_losses([6.0, 4.0, 3.0, 2.0], NAMES) == {"multilingual_loss": 1.5, "cross_lingual_loss": 1.5}


def test_mean_losses_skips_uncounted_parts():
    assert mean_losses([0.0, 0.0, 3.0, 2.0], NAMES) == {"cross_lingual_loss": 1.5}
    assert mean_losses([0.0, 5.0, 0.0, 0.0], NAMES) == {"multilingual_loss": 0.0}
    assert mean_losses([0.0, 0.0, 0.0, 0.0], NAMES) == {}


def test_mean_losses_refuses_other_numbers_of_sums():
    with pytest.raises(ValueError, match="shorter|longer"):
        mean_losses([6.0, 4.0, 3.0, 2.0], ["contrastive_loss"])


def test_evaluation_weighs_every_token_alike_and_not_every_row(collator, held_out_features, settings):
    parts = np.array([[6.0, 3.0, 5.0, 1.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    trainer = WEAMTrainer(new_model(), settings, collator, eval_dataset=held_out_features)
    losses = trainer.evaluation_losses(EvalPrediction(predictions=parts, label_ids=None))
    assert losses == {"multilingual_loss": 7 / 4, "cross_lingual_loss": 5.0}


# Both parts of a loss


@pytest.mark.parametrize("kind", of("weam-contrastive", "weam-ranking", "weam-contrastive-ranking"))
@pytest.mark.parametrize("accumulated", [1, 4])
def test_the_parts_of_a_loss_are_learnt_in_turn(train_features, tokenizer, settings, kind, accumulated, monkeypatch):
    """Each goes back before the other goes forward; together their gradients and losses are those of the sum."""
    rows = train_features.select(range(8))
    collator = DataCollatorForWordExchange(tokenizer, 0.5, max_length=32, return_sequence_ids=True)
    args = replace(
        settings,
        per_device_train_batch_size=8 // accumulated,
        gradient_accumulation_steps=accumulated,
        max_steps=1,
        max_grad_norm=0.0,
        eval_strategy="no",
    )
    model = new_objective(kind, dropout=0.0)
    collator.set_epoch(0)
    expected = copy.deepcopy(model)
    whole = expected(**collator(list(rows)))
    whole.loss.backward()

    events, found, forward = [], {}, model.outputs

    def outputs(batch, **of_step):
        if not of_step.get("only_vectors"):
            events.append(of_step["part"])
        return forward(batch, **of_step)

    class Watch(TrainerCallback):
        def on_pre_optimizer_step(self, *_, model, **__):
            found.update({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})

    monkeypatch.setattr(model, "outputs", outputs)
    trainer = WEAMTrainer(model, args, collator, rows, callbacks=[Watch()])
    back = trainer.accelerator.backward

    def backward(*args, **kwargs):
        events.append("back")
        back(*args, **kwargs)

    monkeypatch.setattr(trainer.accelerator, "backward", backward)
    trainer.train()
    assert events == ["contrast", "back", "weam", "back"] * accumulated
    assert trainer.state.log_history[0]["loss"] == pytest.approx(whole.loss.item(), rel=1e-5)
    for name, parameter in expected.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=name)


# The epoch


def begin_epoch(callback, epoch, **seeds):
    args = PreTrainingArguments("out", use_cpu=True, **seeds)
    callback.on_epoch_begin(args, TrainerState(epoch=epoch), TrainerControl())


@pytest.mark.parametrize(
    ("position", "epoch"), [(None, 0), (0, 0), (0.5, 0), (1.0, 1), (1.9999999999, 2), (2.0000000001, 2)]
)
def test_the_collator_learns_which_epoch_begins(collator, features, position, epoch):
    collator.set_epoch(epoch)
    expected = collator(features)["labels"]
    collator.set_epoch(99)
    begin_epoch(EpochSignal(collator), position)
    assert torch.equal(collator(features)["labels"], expected)


def test_dropout_depends_on_seed_step_and_process_alone():
    def drawn(step, seed, process):
        torch.rand(7)  # whatever was drawn before
        args = SimpleNamespace(seed=seed, process_index=process)
        StepSeed().on_step_begin(args, TrainerState(global_step=step), TrainerControl())
        return torch.rand(4).tolist()

    first = drawn(8, seed=5, process=0)
    assert drawn(8, seed=5, process=0) == first
    assert first not in (drawn(9, 5, 0), drawn(8, 6, 0), drawn(8, 5, 1))


# The Trainer


@pytest.mark.parametrize("adapters", [False, True], ids=["whole model", "adapters"])
def test_logged_parts_add_up_to_the_logged_loss(collator, train_features, held_out_features, settings, adapters):
    """The loss is multilingual + weight * cross-lingual * linked / masked, over the whole accumulated step.

    An evaluation after every step does not enter, nor do earlier steps.
    """
    trainer = WEAMTrainer(new_model(adapters), settings, collator, train_features, {"en-de": held_out_features})
    trainer.train()
    logged = [record for record in trainer.state.log_history if "loss" in record]
    assert len(logged) == 3
    for epoch, record in enumerate(logged):
        collator.set_epoch(epoch)
        batch = collator(list(train_features))
        masked = batch["labels"] != -100
        linked = masked & (batch["aligned_positions"] >= 0)
        share = (linked.sum() / masked.sum()).item()
        assert 0.5 < share < 1
        expected = record["multilingual_loss"] + WEIGHT * record["cross_lingual_loss"] * share
        assert record["loss"] == pytest.approx(expected, abs=1e-4)


def test_evaluation_during_training_logs_both_losses_of_every_language_pair(
    collator, train_features, held_out_features, settings
):
    model = new_model()
    sets = {"en-de": held_out_features, "en-sw": held_out_features.select([1, 2])}
    trainer = WEAMTrainer(model, settings, collator, train_features, sets)
    trainer.train()
    for name, dataset in sets.items():
        key = f"eval_{name}_multilingual_loss"
        records = [record for record in trainer.state.log_history if key in record]
        assert [record["step"] for record in records] == [1, 2, 3]
        expected = held_out_losses(model.eval(), collator, dataset)
        assert records[-1][key] == pytest.approx(expected["multilingual_loss"], abs=1e-5)
        assert records[-1][f"eval_{name}_cross_lingual_loss"] == pytest.approx(expected["cross_lingual_loss"], abs=1e-5)


def test_training_lowers_the_loss_and_changes_every_parameter(collator, train_features, settings):
    model = new_model()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    loss = batch_loss(model, collator, train_features)
    WEAMTrainer(model, replace(settings, eval_strategy="no", num_train_epochs=10), collator, train_features).train()
    assert batch_loss(model, collator, train_features) < loss - 0.1
    same = [name for name, parameter in model.named_parameters() if torch.equal(before[name], parameter)]
    assert same == []


def test_training_adapters_leaves_all_other_weights_alone(collator, train_features, settings):
    model = new_model(adapters=True)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    WEAMTrainer(model, replace(settings, eval_strategy="no"), collator, train_features).train()
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(before[name], parameter)}
    assert changed == {name for name in before if "lora_" in name}


@pytest.mark.parametrize("count", [1, 7, 32, 130, 1000])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_grouping_gives_the_order_that_the_stock_sampler_would(count, batch_size, monkeypatch):
    lengths = np.random.default_rng(count).integers(3, 9, count)
    monkeypatch.setattr("weam.trainer._seed", lambda *keys: 5)
    stock = LengthGroupedSampler(batch_size, lengths=lengths.tolist(), generator=torch.Generator().manual_seed(5))
    assert list(LengthGroups(lengths, batch_size, 0, lambda: 0)) == list(stock)


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        torch.rand(7)  # whatever was drawn before
        return list(LengthGroups(np.arange(50), 4, seed, lambda: epoch))

    first = order(seed=5, epoch=0)
    assert order(seed=5, epoch=0) == first
    assert first not in (order(5, 1), order(6, 0))
    assert sorted(first) == list(range(50))


@pytest.mark.parametrize(("seeds", "expected"), [({"seed": 5}, 5), ({"seed": 5, "data_seed": 0}, 0)])
def test_the_trainer_groups_by_the_lengths_of_the_features(train_features, settings, seeds, expected):
    args = replace(settings, eval_strategy="no", **seeds)
    trainer = RepeatableTrainer(model=new_model(), args=args, train_dataset=train_features)
    sampler = trainer._get_train_sampler(train_features)
    assert sampler.lengths.tolist() == train_features["length"][:]
    assert sampler.batch_size == settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    assert sampler.seed == expected


def test_every_epoch_has_another_order(collator, train_features, settings):
    seen = []

    class Spy(DataCollatorForWordExchange):
        def __call__(self, features):
            seen.append([feature["id"] for feature in features])
            return super().__call__(features)

    spy = Spy(collator.tokenizer, mlm_probability=0.5, max_length=32)
    WEAMTrainer(new_model(), replace(settings, eval_strategy="no", num_train_epochs=3), spy, train_features).train()
    epochs = [sum(seen[start : start + 4], []) for start in range(0, 12, 4)]
    assert [sorted(ids) for ids in epochs] == [list(range(16))] * 3
    assert len({tuple(ids) for ids in epochs}) == 3


def test_without_grouping_the_sampler_is_the_stock_one(train_features, settings):
    plain = replace(settings, eval_strategy="no", train_sampling_strategy="random")
    samplers = [
        kind(model=new_model(), args=plain, train_dataset=train_features)._get_train_sampler(train_features)
        for kind in (Trainer, RepeatableTrainer)
    ]
    assert type(samplers[0]) is type(samplers[1])


def test_plain_training_arguments_are_enough(collator, train_features, held_out_features, tmp_path):
    """The columns that only the collator reads stay, and the parts of the loss are evaluated."""
    plain = TrainingArguments(str(tmp_path / "plain"), max_steps=1, use_cpu=True, report_to="none", disable_tqdm=True)
    trainer = WEAMTrainer(new_model(), plain, collator, train_features, held_out_features)
    trainer.train()
    assert {"eval_loss", "eval_multilingual_loss", "eval_cross_lingual_loss"} <= set(trainer.evaluate())
    assert plain.remove_unused_columns  # a copy was changed


def test_held_out_pairs_have_the_same_masks_in_every_epoch(collator, train_features, settings):
    trainer = WEAMTrainer(new_model(), settings, collator, train_features, {"en-de": train_features})
    scores = []
    for epoch in (0, 7):
        collator.set_epoch(epoch)
        scores.append(trainer.evaluate()["eval_en-de_multilingual_loss"])
    assert scores[0] == scores[1]


def test_callbacks_and_metrics_of_the_user_are_kept(collator, train_features, held_out_features, settings):
    steps = []

    class Counts(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            steps.append(state.global_step)

    args = replace(settings, eval_strategy="no", num_train_epochs=1)
    own = {"callbacks": [Counts()], "compute_metrics": lambda prediction: {"mine": 1.0}}
    trainer = WEAMTrainer(new_model(), args, collator, train_features, held_out_features, **own)
    trainer.train()
    assert steps == [1]
    assert trainer.evaluate()["eval_mine"] == 1.0


@pytest.mark.parametrize("adapters", [False, True], ids=["whole model", "adapters"])
def test_the_weights_of_a_checkpoint_are_loaded(collator, train_features, settings, adapters, tmp_path):
    saving = replace(settings, eval_strategy="no", save_strategy="steps", save_steps=1, num_train_epochs=1)
    trained = new_model(adapters)
    WEAMTrainer(trained, saving, collator, train_features).train()
    fresh = new_model(adapters)
    load_weights(fresh, tmp_path / "out" / "checkpoint-1")
    for name, tensor in trained.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor), name


def renamed(weights):
    return {f"module.{name}": tensor for name, tensor in weights.items()}


def old_names(weights):
    """Call the weights of layer norms as multilingual BERT has them on the Hub."""
    new = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    return {re.sub("LayerNorm.(weight|bias)", lambda name: new[name[0]], key): x for key, x in weights.items()}


@pytest.mark.parametrize(
    ("load", "names"),
    [
        (BertForWEAMPreTraining.from_pretrained, old_names),
        (lambda folder: load_model(str(folder), "main", {}).model, old_names),
        (lambda folder: load_model(str(folder), "main", {}).model, renamed),
    ],
    ids=["old names", "old names, in the program", "DataParallel, in the program"],
)
def test_a_training_goes_on_from_weights_that_had_other_names(
    load, names, collator, train_features, settings, tmp_path
):
    """Transformers would save a checkpoint under these names again, and not find them when the training goes on."""
    new_model().save_pretrained(tmp_path / "start")
    file = tmp_path / "start" / "model.safetensors"
    save_file(names(load_file(file)), file, {"format": "pt"})
    saving = replace(settings, eval_strategy="no", save_strategy="steps", save_steps=1, max_steps=2)
    whole, resumed = (WEAMTrainer(load(tmp_path / "start"), saving, collator, train_features) for _ in range(2))
    run_training(whole, None)
    run_training(resumed, tmp_path / "out" / "checkpoint-1")
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], tensor), name


def without(part):
    return lambda weights: {name: tensor for name, tensor in weights.items() if part not in name}


def halved(weights):
    return {name: tensor[: len(tensor) // 2].clone() for name, tensor in weights.items()}


@pytest.mark.parametrize(
    ("adapters", "change", "fault"),
    [
        (False, renamed, r"lacks bert.embeddings.LayerNorm.bias, .* more and has module.bert.* the model has not;"),
        (False, without("layer.1.attention"), r"lacks bert.encoder.layer.1.attention.output.LayerNorm.bias, .* more;"),
        (False, lambda weights: weights | {"x": torch.zeros(1)}, r"has x, which the model has not;"),
        (False, halved, r"has no weights that fit \((?s:.*)size mismatch for bert"),
        (True, renamed, r"lacks base_model.* has module.base_model.* which the model has not;"),
        (
            True,
            without("lora_A"),
            r"lacks base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.default.wei",
        ),
        (True, halved, r"has no weights that fit \((?s:.*)size mismatch for base_model"),
    ],
)
def test_a_checkpoint_with_other_weights_is_refused(
    adapters, change, fault, collator, train_features, settings, tmp_path
):
    """The stock Trainer would warn, and go on with weights that were drawn at random."""
    saving = replace(settings, eval_strategy="no", save_strategy="steps", save_steps=1, max_steps=1)
    WEAMTrainer(new_model(adapters), saving, collator, train_features).train()
    checkpoint = tmp_path / "out" / "checkpoint-1"
    file = checkpoint / ("adapter_model.safetensors" if adapters else "model.safetensors")
    save_file(change(load_file(file)), file, {"format": "pt"})
    trainer = WEAMTrainer(new_model(adapters), replace(saving, max_steps=2), collator, train_features)
    with pytest.raises(ValueError, match=f"{re.escape(str(checkpoint))} {fault}") as error:
        run_training(trainer, checkpoint)
    assert str(error.value).endswith(f"; remove {checkpoint}, and training goes on from the checkpoint before")
    assert trainer.state.global_step == 0


def test_a_checkpoint_without_weights_is_refused(tmp_path):
    with pytest.raises(ValueError, match=rf"{tmp_path} has no weights that fit \(No such file.*; remove {tmp_path}"):
        load_weights(new_model(), tmp_path)


# Head warm-up


def test_the_warm_up_trains_the_head_alone_and_lowers_the_loss(collator, train_features, settings):
    """The decoder's matrix is the embeddings': it is part of the encoder here and stays."""
    model = new_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    loss = batch_loss(model, collator, train_features)
    warm_up_head(model, settings, collator, train_features, 10, 1e-2)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(before[name], tensor)}
    assert changed == {
        "cls.predictions.bias",
        "cls.predictions.decoder.bias",
        "cls.predictions.transform.dense.weight",
        "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.LayerNorm.bias",
    }
    assert batch_loss(model, collator, train_features) < loss - 0.1


@pytest.mark.parametrize("kind", of("weam-contrastive", "weam-ranking"))
def test_the_warm_up_of_a_loss_with_two_parts_trains_the_head_alone(
    train_features, tokenizer, settings, kind, monkeypatch
):
    """Nothing is encoded for the contrast, which has nothing to teach then."""
    collator = DataCollatorForWordExchange(tokenizer, 0.5, max_length=32, return_sequence_ids=True)
    model = new_objective(kind)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    monkeypatch.setattr(model, "vectors", None)
    args = replace(settings, gradient_accumulation_steps=2)
    warm_up_head(model, args, collator, train_features, 2, 1e-2)
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    encoder = f"{model.base_model_prefix}."
    assert changed
    assert not [name for name in changed if name.startswith(encoder)]
    assert model.parts == ("contrast", "weam")


def test_after_the_warm_up_everything_can_be_trained_again(collator, train_features, settings, tmp_path):
    model = new_model()
    frozen = model.bert.embeddings.position_embeddings.weight.requires_grad_(False)
    warm_up_head(model, replace(settings, eval_on_start=True), collator, train_features, 1, 1e-3)
    assert [parameter for parameter in model.parameters() if not parameter.requires_grad] == [frozen]
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert list((tmp_path / "out").iterdir()) == []  # it leaves no file


def test_no_steps_of_warm_up_are_none(collator, train_features, settings):
    model = new_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    warm_up_head(model, settings, collator, train_features, 0, 1e-3)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_warm_up_has_its_own_learning_rate_and_steps(collator, train_features, settings, capsys):
    settings = replace(settings, warmup_steps=1000)  # the training's, not this one's
    warm_up_head(new_model(), settings, collator, train_features, 2, 0.25)
    logged = [line for line in capsys.readouterr().out.splitlines() if "'learning_rate'" in line]
    assert [float(line.split("'learning_rate': '")[1].split("'")[0]) for line in logged] == [0.25, 0.125]
    assert (settings.learning_rate, settings.max_steps, settings.eval_strategy) == (1e-3, -1, "steps")


@pytest.mark.parametrize("engine", ["is_fsdp_enabled", "is_deepspeed_enabled"])
def test_adapters_are_refused_where_they_would_be_saved_unmerged(collator, train_features, settings, engine):
    model = add_adapters(new_model(), LoraSettings(4, 8, 0.0, ("query",)))
    trainer = WEAMTrainer(model, settings, collator, train_features, {"en-de": train_features})
    setattr(trainer, engine, True)
    with pytest.raises(ValueError, match="FSDP and DeepSpeed would save adapters unmerged"):
        run_training(trainer, None)


def test_a_checkpoint_of_the_trainer_is_complete(collator, train_features, settings, tmp_path):
    saving = replace(settings, eval_strategy="no", save_strategy="steps", save_steps=1, num_train_epochs=2)
    WEAMTrainer(new_model(), saving, collator, train_features).train()
    assert last_complete_checkpoint(tmp_path / "out") == tmp_path / "out" / "checkpoint-2"
    state = json.loads((tmp_path / "out" / "checkpoint-2" / "trainer_state.json").read_text(encoding="utf-8"))
    assert math.isfinite(state["log_history"][-1]["multilingual_loss"])


# Trackers


def tracked(settings, collator, train_features, tracker):
    """Train three steps with a tracker, and return the steps that the Trainer logged."""
    settings = replace(settings, report_to=[tracker], eval_strategy="no", max_steps=3)
    trainer = WEAMTrainer(new_model(), settings, collator, train_features)
    trainer.train()
    steps = [record for record in trainer.state.log_history if "loss" in record]
    assert len(steps) == 3 and all(name in step for step in steps for name in NAMES)
    return steps


def test_tensorboard_receives_the_loss_and_its_parts(settings, collator, train_features, tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    steps = tracked(settings, collator, train_features, "tensorboard")
    board = EventAccumulator(str(tmp_path / "board")).Reload()
    for name in ("loss", *NAMES):
        assert [event.value for event in board.Scalars(f"train/{name}")] == pytest.approx([x[name] for x in steps])


def test_trackio_receives_the_loss_and_its_parts(settings, collator, train_features):
    settings = replace(settings, project="weam-tests", run_name="three steps")
    steps = tracked(settings, collator, train_features, "trackio")
    rows = [row for row in SQLiteStorage.get_logs("weam-tests", "three steps") if "train/loss" in row]
    for name in ("loss", *NAMES):
        assert [row[f"train/{name}"] for row in rows] == pytest.approx([step[name] for step in steps])
