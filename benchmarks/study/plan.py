"""What the study measures: every command of `benchmarks/study/__main__.py`, as data.

A step is one command with its settings; a question is a list of steps. Steps that several questions ask for are the
same step. Nothing runs here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from weam.pretraining.objectives import OBJECTIVES

Settings = dict[str, Any]

BACKBONE = "{backbone}"  # in settings: the folder that is given on the command line
WIDE = "{wide}"  # another one, whose vocabulary covers the languages of all bitext
DATA = "{data}"
PAIRS = {  # the bitext of each language pair
    "en-de": ("en-de.tatoeba", "en-de.multi30k", "en-de.wmt-sample"),
    "en-es": ("en-es.tatoeba",),
    "en-zh": ("en-zh.tatoeba",),
    "en-fr": ("en-fr.tatoeba", "en-fr.multi30k"),
    "en-cs": ("en-cs.multi30k",),
    "en-ja": ("en-ja.tatoeba",),
    "en-tr": ("en-tr.tatoeba",),
    "en-sw": ("en-sw.globalvoices",),
    "en-hi": ("en-hi.wikipedia-mturk", "en-hi.tatoeba"),
    "en-ar": ("en-ar.tatoeba",),
    "en-vi": ("en-vi.tatoeba",),
}
LANGUAGES = ("en", "de", "es", "zh")  # of most tests
TATOEBA = ("de", "es", "zh", "it", "nl", "pt", "sw", "tr")
JOINT = ("en-de", "en-es", "en-zh")  # the paper's languages
GROWING = ("en-de", "en-es", "en-zh", "en-fr", "en-ja", "en-tr", "en-sw", "en-hi", "en-ar", "en-vi")
LOW_RESOURCE = ("en-sw", "en-hi", "en-tr")  # beside en-de, which is cut to a multiple of those
MIXTURES = {1: (1.0,), **dict.fromkeys((4, 16, 64), (1.0, 0.7, 0.3, 0.0))}  # for each ratio the sampling exponents
END_MIXTURES = {1: (1.0,), 64: (1.0, 0.0)}
SIZES = (1, 3, 6, 10)
LAYERS = (2, 4, 6, 12)
WARM_HEAD = 1000  # steps of warm-up for the prediction head that all layers have; fewer layers have a scale's
LARGE_PAIRS = 60_000  # of all language pairs together, for some encoders with all layers
E5, WIDE_E5 = "backbone (E5-small, 4-bit)", "wide backbone (E5-small, 4-bit)"  # the second has tokens of all languages
SHUFFLED = "shuffled links"  # the placebo
WIDE_PANX = ("en", "de", "es", "zh", "tr", "sw", "hi", "ar", "vi")  # what models that begin with WIDE are tested on
WIDE_TATOEBA = ("de", "es", "zh", "ja", "tr", "sw", "hi", "ar", "vi")
PASSAGES: Settings = {"max_length": 256, "doc_stride": 64, "per_device_train_batch_size": 16}  # how answers are sought
ENGLISH_QUESTIONS = ("squad-v1.1-dev.minus-xquad", "squadshifts.new_wiki")  # no paragraph of XQuAD, all of its kind

ENGLISH = "en"
PROGRAMS = {  # of each task that is fine-tuned
    **dict.fromkeys(("xnli", "nli"), "run_xnli.py"),
    **dict.fromkeys(("udpos", "panx"), "run_xtreme_r.py"),
    **dict.fromkeys(("xquad", "mlqa"), "run_mlqa.py"),
}

BENCHMARK_FILES: dict[str, Settings] = {  # what a step reads of a benchmark where it names no files of its own
    "xnli": {
        "train_file": f"{DATA}/nli_train/train.{{language}}.jsonl.gz",
        "test_file": f"{DATA}/xnli/test.{{language}}.jsonl.gz",
    },
    "udpos": {
        "train_file": f"{DATA}/xtreme_r/udpos/lines.{{language}}.train.conllu.gz",
        "dev_file": f"{DATA}/xtreme_r/udpos/lines.{{language}}.dev.conllu.gz",
        "test_file": f"{DATA}/xtreme_r/udpos/pud.{{language}}.conllu.gz",
    },
    "panx": {},
    "xquad": {"test_file": f"{DATA}/squad/xquad.{{language}}.json.gz"},
    "mlqa-dev": {"test_file": f"{DATA}/squad/mlqa-dev.context-{{context}}.question-{{question}}.json.gz"},
    "tatoeba": {"test_file": f"{DATA}/xtreme_r/tatoeba/tatoeba.en-{{language}}.tsv.gz"},
}


@dataclass(frozen=True)
class Mixture:
    """Text of two languages: pairs of the high-resource one to each of the low-resource one, and how they are drawn."""

    low: str
    ratio: int
    alpha: float

    def __str__(self) -> str:
        return f"en-{self.low} 1 to {self.ratio}, alpha {self.alpha:g}"


@dataclass(frozen=True)
class Growth:
    """Text of many languages: how many, and whether the pairs of all or of each are given."""

    count: int
    fixed: str

    def __str__(self) -> str:
        return f"{self.count} language{'s' * (self.count > 1)}, {self.fixed} fixed"

    @property
    def aligned(self) -> list[str]:
        """The languages that are aligned with English."""
        return [pair[-2:] for pair in GROWING[: self.count]]


@dataclass(frozen=True)
class Encoder:
    """What is tested: a backbone that was trained, or the backbone as it is.

    Attributes:
        system: what it was trained with; the name of the backbone: nothing.
        layers: of it.
        pairs: sentence pairs that it was trained on, where they are not a scale's.
        backbone: what it began with.
        variants: what differs from others of the same system.
        text: what it was trained on, where the question is about that; then it is trained with WEAM.
        after_nli: whether it was fine-tuned on English NLI before the test's own text.
    """

    system: str
    layers: int
    pairs: int | None = None
    backbone: str = E5
    variants: tuple[str, ...] = ()
    text: Mixture | Growth | None = None
    after_nli: bool = False

    @property
    def name(self) -> str:
        """How tables and steps call it."""
        pairs = f"{self.pairs:,} pairs" if self.pairs else ""
        nli = "after English NLI" if self.after_nli else ""
        parts = (str(self.text or self.system), *self.variants, f"{self.layers} layers", pairs, nli)
        return ", ".join(part for part in parts if part)

    @property
    def is_trained(self) -> bool:
        """Whether it is not the backbone as it is."""
        return self.system != self.backbone

    @property
    def base(self) -> "Encoder":
        """The backbone that it began with, after the same fine-tuning."""
        return Encoder(self.backbone, self.layers, backbone=self.backbone, after_nli=self.after_nli)


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: unique within a plan, of an encoder or `encoder/evaluation`.
        program: a file of the repository, or a module below `benchmarks`.
        settings: its options. In their values `{name}` stands for the output folder of another step.
        minutes: of one core, estimated from earlier runs.
        encoder: what it trains or tests, if anything.
    """

    name: str
    program: str
    settings: Settings
    minutes: float = 0.0
    encoder: Encoder | None = None


@dataclass(frozen=True)
class Scale:
    """How large a study is.

    Attributes:
        layers: of the backbone that most encoders have.
        pairs: sentence pairs of all language pairs together; None: all there are.
        head_warmup_steps: of each training that predicts words; with all layers WARM_HEAD.
        deep: whether the systems of the claims are trained with all layers, too.
        seeds: of each fine-tuning where a difference is claimed.
        nli_train: examples of `nli_train`, in English.
        launch: settings of every training.
    """

    layers: int = 6
    pairs: int | None = 12_000
    head_warmup_steps: int = 200
    deep: bool = True
    seeds: tuple[int, ...] = (1, 2, 3)
    few_seeds: tuple[int, ...] = (1,)
    nli_train: int | None = 10_000
    test_samples: int | None = 2001
    launch: Settings = field(default_factory=lambda: {"use_cpu": "yes", "bf16": "yes"})

    def encoder(self, system: str, *variants: str) -> Encoder:
        """Return a system with as many layers as most encoders have."""
        return Encoder(system, self.layers, variants=variants)


SCALES = {
    "small": Scale(),
    "full": Scale(
        layers=max(LAYERS),
        pairs=None,
        head_warmup_steps=WARM_HEAD,
        deep=False,
        seeds=(1, 2, 3, 4, 5),
        few_seeds=(1, 2, 3),
        nli_train=None,
        test_samples=None,
        launch={"bf16": "yes"},
    ),
}


def bitext(pairs: Iterable[str]) -> list[str]:
    """Return `--train_file` for some language pairs."""
    return [f"{pair}={DATA}/bitext/{name}.tsv.gz" for pair in pairs for name in PAIRS[pair]]


def pretraining(encoder: Encoder, scale: Scale, pairs: Sequence[str] = JOINT, **settings: object) -> Step:
    """Return the training of one encoder; settings go before those of the scale."""
    objective = str(settings.get("objective", "weam"))
    warmup = scale.head_warmup_steps if OBJECTIVES[objective].predicts else 0
    together = encoder.pairs or scale.pairs
    common: Settings = {
        "model_name_or_path": BACKBONE,
        "num_hidden_layers": encoder.layers,
        "objective": objective,
        "train_file": bitext(pairs),
        "max_train_pairs": together // len(pairs) if together else None,
        "max_eval_pairs": 200,
        "head_warmup_steps": warmup,
        "num_train_epochs": 1,
        "train_sampling_strategy": "group_by_length",
        "logging_steps": 25,
        "save_strategy": "no" if together else "steps",
        "cache_dir": "{cache}",
        "exchange": "target" if objective.startswith("weam") else None,  # by name, so that a key says which was used
        **scale.launch,
        **settings,
    }
    common = {name: value for name, value in common.items() if value is not None}
    steps = common.get("max_steps", common.get("max_train_pairs", 50_000) * len(pairs) / 32)
    seconds = steps * (0.35 + 0.14 * encoder.layers) + common["head_warmup_steps"] * (0.1 + 0.03 * encoder.layers)
    return Step(encoder.name, "run_pretraining.py", common, round(seconds / 60 + 1, 1), encoder)


def encoder_settings(encoder: Encoder) -> Settings:
    """Return what an evaluation program needs to read an encoder of the study, or the backbone."""
    if encoder.is_trained:
        return {"model_name_or_path": "{" + encoder.name + "}"}
    return {"model_name_or_path": BACKBONE if encoder.backbone == E5 else WIDE, "num_hidden_layers": encoder.layers}


def fine_tuning(
    encoder: Encoder, scale: Scale, seeds: Sequence[int], test: str, minutes: float, **settings: object
) -> Step:
    """Return a fine-tuning of an encoder and its test; settings go before those of all.

    Args:
        encoder: what is fine-tuned.
        scale: of the plan.
        seeds: of the fine-tuning.
        test: its name, the task first.
        minutes: for each seed.
        settings: of the program.
    """
    common = {
        **encoder_settings(encoder),
        "data_dir": DATA,
        "seeds": list(seeds),
        "learning_rate": 1e-4,
        "save_total_limit": 1,
        **scale.launch,
        **settings,
    }
    program = PROGRAMS[test.partition(" ")[0]]
    return Step(f"{encoder.name}/{test}", program, common, minutes * len(seeds), encoder)


def xnli(encoder: Encoder, scale: Scale, setting: str, seeds: Sequence[int]) -> Step:
    """Return XNLI with 2,001 of its dev rows as training set and the other 489 to select by: 667 and 163 premises.

    The one place where dev rows are training data; there are no machine translations of a training set at hand.
    """
    tested = list(LANGUAGES if setting == "zero-shot" else LANGUAGES[1:])
    trained = ["en"] if setting == "zero-shot" else tested
    settings = {
        "setting": setting,
        "languages": tested,
        "train_file": [f"{language}={{xnli-dev}}/train.{language}.jsonl" for language in trained],
        "dev_file": [f"{language}={{xnli-dev}}/dev.{language}.jsonl" for language in trained],
        "max_test_samples": scale.test_samples,
        "num_train_epochs": 5,
    }
    return fine_tuning(encoder, scale, seeds, f"xnli {setting}", 9.0 * len(trained), **settings)


def nli(encoder: Encoder, scale: Scale, seeds: Sequence[int]) -> Step:
    """Return XNLI zero-shot from a large English training set, the last epoch's model."""
    settings = {
        "languages": list(LANGUAGES),
        "max_train_samples": scale.nli_train,
        "max_test_samples": scale.test_samples,
        "num_train_epochs": 1,
        "learning_rate": 5e-5,
        "eval_strategy": "no",
        "load_best_model_at_end": "no",
        "save_strategy": "no",
    }
    step = fine_tuning(encoder, scale, seeds, "nli zero-shot", 13.0, **settings)
    del step.settings["save_total_limit"]  # nothing is saved
    return step


def after_nli(encoder: Encoder, scale: Scale, setting: str, seed: int, **settings: object) -> Step:
    """Return XNLI's dev rows for an encoder that learnt the task in English with the same seed; settings go first."""
    step = xnli(replace(encoder, after_nli=True), scale, setting, [seed])
    learnt = {"model_name_or_path": "{" + f"{encoder.name}/nli zero-shot/seed {seed}" + "}", "num_hidden_layers": None}
    return replace(step, settings={**step.settings, **learnt, **settings})


def udpos(encoder: Encoder, scale: Scale, seeds: Sequence[int]) -> Step:
    """Return part-of-speech tags, trained on LinES, tested on the parallel PUD treebanks."""
    settings = {"task": "udpos", "languages": list(LANGUAGES), "num_train_epochs": 2}
    return fine_tuning(encoder, scale, seeds, "udpos", 4.5, **settings)


def panx(encoder: Encoder, scale: Scale, seeds: Sequence[int], languages: Sequence[str] = LANGUAGES) -> Step:
    """Return names: trained on 16,000 English sentences, selected on the others, tested on the dev sets."""
    settings = {
        "task": "panx",
        "train_file": ["en={wikiann}/train.en.jsonl"],
        "dev_file": ["en={wikiann}/dev.en.jsonl"],
        "test_file": [f"{language}={DATA}/xtreme_r/wikiann/dev.{language}.jsonl.gz" for language in languages],
        "languages": list(languages),
        "max_train_samples": 6_000 if scale.pairs else None,
        "max_dev_samples": 1_000,
        "max_test_samples": 2_000 if scale.pairs else None,
        "num_train_epochs": 1 if scale.pairs else 2,
    }
    return fine_tuning(encoder, scale, seeds, "panx", 2.5, **settings)


def xquad(encoder: Encoder, scale: Scale, seeds: Sequence[int]) -> Step:
    """Return XQuAD zero-shot from English questions, selected on those of TyDiQA."""
    settings = {
        "benchmark": "xquad",
        "languages": list(LANGUAGES),
        "train_file": [f"en={DATA}/squad/{name}.en.json.gz" for name in ENGLISH_QUESTIONS],
        "dev_file": [f"en={DATA}/squad/tydiqa-goldp-train.en.json.gz"],
        "max_train_samples": 2_500 if scale.pairs else None,
        "max_dev_samples": 100 if scale.pairs else None,
        "max_test_samples": 400 if scale.pairs else None,
        **PASSAGES,
        "num_train_epochs": 1,
    }
    return fine_tuning(encoder, scale, seeds, "xquad zero-shot", 25.0, **settings)


def mlqa(encoder: Encoder, scale: Scale, setting: str, seeds: Sequence[int]) -> Step:
    """Return MLQA dev, trained on 1,001 questions of XQuAD and selected on its other 189: as `xnli`."""
    languages = list(LANGUAGES if setting == "zero-shot" else LANGUAGES[1:])
    trained = ["en"] if setting == "zero-shot" else languages
    settings = {
        "benchmark": "mlqa-dev",
        "setting": setting,
        "languages": languages,
        "train_file": [f"{language}={{xquad}}/train.{language}.json" for language in trained],
        "dev_file": [f"{language}={{xquad}}/dev.{language}.json" for language in trained],
        "max_test_samples": 200 if scale.pairs else None,
        **PASSAGES,
        "num_train_epochs": 3,
    }
    return fine_tuning(encoder, scale, seeds, f"mlqa {setting}", 20.0 * len(trained), **settings)


def tatoeba(encoder: Encoder, scale: Scale, languages: Sequence[str] = TATOEBA) -> Step:
    """Return translation retrieval at the layer that is best on bitext."""
    settings = {
        **encoder_settings(encoder),
        "task": "tatoeba",
        "data_dir": DATA,
        "languages": list(languages),
        "dev_file": [f"{pair[-2:]}={DATA}/bitext/{PAIRS[pair][0]}.tsv.gz" for pair in JOINT],
        "max_dev_samples": 500,
        **{name: value for name, value in scale.launch.items() if name == "use_cpu"},
    }
    return Step(f"{encoder.name}/tatoeba", "run_xtreme_r.py", settings, 2.0, encoder)


def space(encoder: Encoder, scale: Scale) -> Step:
    """Return the alignment of the space, layer by layer."""
    settings = {**encoder_settings(encoder), "data_dir": DATA, "max_sentences": 100 if scale.pairs else None}
    return Step(f"{encoder.name}/space", "benchmarks.study.space", settings, 1.5, encoder)


SYSTEMS: dict[str, Settings] = {  # the rows of the comparison; the backbone is one more
    "mlm": {"objective": "mlm"},
    "tlm": {"objective": "tlm"},
    "weam": {},
    "weam-representation": {"exchange": "representation"},
    "word-alignment": {"objective": "word-alignment"},
    "translation-ranking": {"objective": "translation-ranking"},
    "simcse": {"objective": "simcse"},
    "weam-ranking": {"objective": "weam-ranking"},
}
PLACEBO: Settings = {
    "alignments": [f"{pair}={{links}}/shuffled.{pair}.txt" for pair in JOINT],
    "alignments_unit": "piece",
}
LONG_WARMUP, NO_WARMUP = f"{WARM_HEAD:,}-step head warm-up", "no head warm-up"
ABLATIONS: dict[tuple[str, ...], Settings] = {  # each differs from the system that stands first in this alone
    ("weam", SHUFFLED): PLACEBO,
    ("weam-representation", SHUFFLED): PLACEBO,
    ("weam", "weight 0.5"): {"cross_lingual_weight": 0.5},
    ("weam", "weight 2"): {"cross_lingual_weight": 2.0},
    ("weam", "mask rate 0.15"): {"mlm_probability": 0.15},
    ("weam", "mask rate 0.45"): {"mlm_probability": 0.45},
    ("weam", "eflomal"): {"aligner": "eflomal"},
    ("weam", "grow-diag-final-and"): {"symmetrization": "grow-diag-final-and"},
    ("weam", "sentences apart"): {"objective": "weam-apart"},
    ("weam-representation", "sentences apart"): {"objective": "weam-apart"},
    ("weam", NO_WARMUP): {"head_warmup_steps": 0},
    ("weam", LONG_WARMUP): {"head_warmup_steps": WARM_HEAD},
    ("tlm", LONG_WARMUP): {"head_warmup_steps": WARM_HEAD},
    ("weam", LONG_WARMUP, SHUFFLED): {**PLACEBO, "head_warmup_steps": WARM_HEAD},
    ("weam", "learning rate 2e-4"): {"learning_rate": 2e-4},  # the default is the paper's, 5e-5
    ("tlm", "learning rate 2e-4"): {"learning_rate": 2e-4},
    ("weam", "links of words"): {
        "alignments": [f"{pair}={{links}}/words.{pair}.txt" for pair in ("en-de", "en-es")],
        "alignments_unit": "word",
    },
}
NAMING = (("weam", SHUFFLED), ("weam", LONG_WARMUP), ("tlm", LONG_WARMUP), ("weam", LONG_WARMUP, SHUFFLED))  # on PAN-X
SEVERAL_SEEDS = (("weam", SHUFFLED), ("weam-representation", SHUFFLED), ("weam-representation", "sentences apart"))
CLAIMED = (E5, "mlm", "tlm", "weam", "weam-representation", "word-alignment")  # differences between these decide
UNPAIRED_PAIRS = 4_500  # of each language pair; 4,000 are drawn of those that are kept
UNPAIRED = ("tlm", "unpaired")  # each sentence beside one that is not its translation: what a row of two alone brings
DEEP: dict[tuple[str, ...], Settings] = {  # trained with all layers too
    **{(name,): SYSTEMS[name] for name in ("weam", "tlm", "mlm", "word-alignment", "weam-representation")},
    UNPAIRED: {"objective": "tlm", "train_file": [f"{pair}={{unpaired}}/{pair}.tsv" for pair in JOINT]},
    ("weam", SHUFFLED): PLACEBO,
}
TRANSLATED = (E5, "tlm", "weam")  # what is claimed of translate-train is of these
XNLI_DEV = Step("xnli-dev", "benchmarks.study.data", {"data_dir": DATA, "part": "xnli-dev"})
LINKS = Step("links", "benchmarks.study.data", {"data_dir": DATA, "part": "links", "tokenizer": BACKBONE}, 6.0)
REFINING: Settings = {"num_train_epochs": 2, "learning_rate": 5e-5}  # of a model that knows the task already


def deepened(system: str, *variants: str, pairs: int | None = None) -> Encoder:
    """Return a system with all layers; a backbone was trained on no pairs."""
    return Encoder(system, max(LAYERS), pairs if system != E5 else None, variants=variants)


def systems(scale: Scale) -> list[Step]:
    """Question 1: the six claims. Every system trained once, the claimed ones with all seeds."""
    known = {name: scale.encoder(name) for name in (E5, *SYSTEMS)}
    steps = [XNLI_DEV]
    steps += [pretraining(known[name], scale, **settings) for name, settings in SYSTEMS.items()]
    steps += [step for one in known.values() for step in (space(one, scale), tatoeba(one, scale))]
    steps += [xnli(known[name], scale, "zero-shot", scale.seeds) for name in CLAIMED]
    seeds = scale.few_seeds if scale.deep else scale.seeds  # six layers learn too little from 2,001 rows
    steps += [xnli(known[name], scale, "translate-train", seeds) for name in TRANSLATED]
    return steps + [xnli(known[name], scale, "zero-shot", scale.few_seeds) for name in known if name not in CLAIMED]


def all_layers(scale: Scale) -> list[Step]:
    """Question 1 at full depth, fine-tuned on a large English training set."""
    if not scale.deep:
        return []  # all encoders are at full depth already
    deeper = replace(scale, layers=max(LAYERS), head_warmup_steps=WARM_HEAD)
    unpaired = {"data_dir": DATA, "part": "unpaired", "sizes": [f"{pair}={UNPAIRED_PAIRS}" for pair in JOINT]}
    trainings = [pretraining(deepened(*names), deeper, **settings) for names, settings in DEEP.items()]
    trainings += [
        pretraining(deepened(*names, pairs=LARGE_PAIRS), deeper, **settings)
        for names, settings in DEEP.items()
        if names != UNPAIRED  # so many cannot be parted
    ]
    encoders = [deepened(E5), *(step.encoder for step in trainings if step.encoder)]
    steps = [Step("unpaired", "benchmarks.study.data", unpaired), LINKS, *trainings]
    steps += [step for one in encoders for step in (nli(one, scale, scale.seeds), tatoeba(one, scale))]
    steps += [space(one, scale) for one in encoders if not one.pairs]
    steps.append(XNLI_DEV)
    for setting, refined in (("translate-train", TRANSLATED), ("zero-shot", (*TRANSLATED, "weam-representation"))):
        for system in refined:
            steps += [after_nli(deepened(system), scale, setting, seed, **REFINING) for seed in scale.seeds]
    return steps


def beyond(scale: Scale) -> list[Step]:
    """Question 7: other tasks."""
    known = [scale.encoder(name) for name in (E5, *SYSTEMS)]
    steps = [udpos(one, scale, scale.seeds) for one in known]
    compared = (E5, "tlm", "weam", "word-alignment")
    at_hand = [scale.encoder(name) for name in compared]
    deep = [deepened(name) for name in compared] if scale.deep else at_hand
    controls = [deepened(*names) for names in DEEP if names[0] not in compared or len(names) > 1]
    controls = controls if scale.deep else [scale.encoder("mlm")]
    steps.append(Step("wikiann", "benchmarks.study.data", {"data_dir": DATA, "part": "wikiann"}))
    steps += [panx(one, scale, scale.seeds) for one in dict.fromkeys([*at_hand, *deep, *controls])]
    steps += [xquad(one, scale, scale.few_seeds) for one in deep]
    steps.append(Step("xquad", "benchmarks.study.data", {"data_dir": DATA, "part": "xquad"}))
    if scale.pairs:  # six layers learn next to nothing from 1,001 questions: one run shows it
        return [*steps, mlqa(scale.encoder(E5), scale, "zero-shot", scale.few_seeds)]
    steps += [mlqa(one, scale, "zero-shot", scale.few_seeds) for one in at_hand]
    return steps + [mlqa(scale.encoder(name), scale, "translate-train", scale.few_seeds) for name in TRANSLATED]


def ablations(scale: Scale) -> list[Step]:
    """Question 2: what in WEAM does it."""
    known = {names: scale.encoder(*names) for names in ABLATIONS}
    steps = [LINKS]
    steps += [
        pretraining(known[names], scale, **{**SYSTEMS[names[0]], **settings}) for names, settings in ABLATIONS.items()
    ]
    for one in known.values():
        steps += [space(one, scale), tatoeba(one, scale), udpos(one, scale, scale.few_seeds)]
    steps += [xnli(known[names], scale, "zero-shot", scale.seeds) for names in SEVERAL_SEEDS]
    return steps + [panx(known[names], scale, scale.seeds) for names in NAMING]


def wide(scale: Scale, text: Mixture | Growth | None = None) -> Encoder:
    """Return the wide backbone, or what was trained from it on some text."""
    return Encoder("weam" if text else WIDE_E5, scale.layers, backbone=WIDE_E5, text=text)


def wide_baseline(scale: Scale) -> list[Step]:
    """Return the tests of the backbone that the next two questions begin with.

    Of zero-shot tests PAN-X: it has all languages, a training of it takes two minutes, and its scores move less from
    seed to seed than those of XNLI's dev rows, where a point needs dozens of seeds.
    """
    return [tatoeba(wide(scale), scale, WIDE_TATOEBA), panx(wide(scale), scale, scale.seeds, WIDE_PANX)]


def ratios(scale: Scale) -> list[Step]:
    """Question 3: pairs of a low-resource language to pairs of a high-resource one, and the sampling exponent.

    The low-resource bitext is cut to a file of its own, so that its aligner has no more than that either. All runs
    have the same number of steps. Where pairs are few, the first low-resource language has all mixtures, the others the
    ends alone.
    """
    total = scale.pairs or 28_000
    steps = wide_baseline(scale)
    for low in LOW_RESOURCE:
        mixtures = END_MIXTURES if scale.pairs and low != LOW_RESOURCE[0] else MIXTURES
        for ratio, exponents in mixtures.items():
            sizes = {"en-de": total * ratio // (ratio + 1), low: total // (ratio + 1)}
            data = Step(f"text {low} 1 to {ratio}", "benchmarks.study.data", {"data_dir": DATA, "part": "bitext"})
            data.settings["sizes"] = [f"{pair}={size}" for pair, size in sizes.items()]
            steps.append(data)
            for alpha in exponents:
                encoder = wide(scale, Mixture(low[-2:], ratio, alpha))
                files = [f"{pair}={{{data.name}}}/{pair}.tsv" for pair in sizes]
                settings = {"train_file": files, "sampling_alpha": alpha, "max_steps": total // 32}
                settings |= {"model_name_or_path": WIDE, "max_train_pairs": None}  # the files are cut already
                steps.append(pretraining(encoder, scale, tuple(sizes), **settings))
                steps.append(tatoeba(encoder, scale, ("de", low[-2:])))
                steps.append(panx(encoder, scale, scale.seeds, ("en", "de", low[-2:])))
    return steps


def languages(scale: Scale) -> list[Step]:
    """Question 4: one model for more and more languages, with the same pairs in all or for each language."""
    total = scale.pairs or 100_000
    steps = wide_baseline(scale)
    for count in SIZES:
        for fixed, pairs in (("total", total // count), ("each", total // max(SIZES))):
            if (count, fixed) != (max(SIZES), "each"):  # there the two are the same
                encoder = wide(scale, Growth(count, fixed))
                settings = {"model_name_or_path": WIDE, "max_train_pairs": pairs}
                steps.append(pretraining(encoder, scale, GROWING[:count], **settings))
                steps.append(tatoeba(encoder, scale, WIDE_TATOEBA))
                steps.append(panx(encoder, scale, scale.seeds, WIDE_PANX))
    return steps


def sizes(scale: Scale) -> list[Step]:
    """Question 5: the backbone cut to fewer layers, before and after."""
    steps = []
    for layers in LAYERS:
        if layers == scale.layers:
            continue  # question 1 has it
        short = (f"{scale.head_warmup_steps}-step head warm-up",) if layers == max(LAYERS) else ()
        trained = Encoder("weam", layers, variants=short)
        steps.append(pretraining(trained, scale))
        for one in (trained.base, trained):
            steps += [tatoeba(one, scale), space(one, scale), panx(one, scale, scale.seeds)]
    return steps


def intermediate(scale: Scale) -> list[Step]:
    """Question 6: English NLI before alignment, after it, and on its own."""
    known, last = [scale.encoder(name) for name in (E5, "weam")], scale.encoder("English NLI then weam")
    steps = [nli(one, scale, scale.few_seeds) for one in known]
    learnt = "{" + f"{known[0].name}/nli zero-shot/seed {scale.few_seeds[0]}" + "}"
    steps.append(pretraining(last, scale, model_name_or_path=learnt, num_hidden_layers=None))
    steps += [xnli(last, scale, "zero-shot", scale.few_seeds), space(last, scale)]
    for one in known:
        steps += [after_nli(one, scale, "zero-shot", seed) for seed in scale.few_seeds]
    return steps


QUESTIONS = {
    "all-layers": all_layers,
    "systems": systems,
    "beyond": beyond,
    "ablations": ablations,
    "sizes": sizes,
    "ratios": ratios,
    "languages": languages,
    "intermediate": intermediate,
}


def by_seed(step: Step) -> list[Step]:
    """Return a step for each seed, so that seeds can be added later; a step without seeds as it is.

    >>> [one.name for one in by_seed(Step("tlm/udpos", "run_xtreme_r.py", {"seeds": [1, 2]}))]
    ['tlm/udpos/seed 1', 'tlm/udpos/seed 2']
    """
    seeds = step.settings.get("seeds")
    if seeds is None:
        return [step]
    return [
        replace(
            step,
            name=f"{step.name}/seed {seed}",
            settings={**step.settings, "seeds": [seed]},
            minutes=step.minutes / len(seeds),
        )
        for seed in seeds
    ]


def plan(scale: Scale, questions: Sequence[str]) -> list[Step]:
    """Return the steps of some questions in order, each once, fine-tunings with one seed each.

    Raises:
        ValueError: two different steps have one name.
    """
    steps: dict[str, Step] = {}
    for question in questions:
        for step in (single for several in QUESTIONS[question](scale) for single in by_seed(several)):
            if steps.setdefault(step.name, step) != step:
                raise ValueError(f"the plan has two steps called {step.name!r}")
    return list(steps.values())


@cache
def encoders() -> dict[str, Encoder]:
    """Return the encoders of all plans by their names."""
    steps = [step for scale in SCALES.values() for step in plan(scale, list(QUESTIONS))]
    return {step.encoder.name: step.encoder for step in steps if step.encoder is not None}


def is_foreign(language: str) -> bool:
    """Return whether test examples are what transfer is about; contexts in English are not.

    >>> [is_foreign(name) for name in ("de", "en", "de-en", "en-de")]
    [True, False, True, False]
    """
    return language.partition("-")[0] != ENGLISH


def baseline(encoder: str) -> str:
    """Return what an encoder of the plans began with, after the same fine-tuning.

    >>> baseline("weam, 2 layers"), baseline("3 languages, total fixed, 6 layers")
    ('backbone (E5-small, 4-bit), 2 layers', 'wide backbone (E5-small, 4-bit), 6 layers')
    """
    return encoders()[encoder].base.name


def rivals(encoder: str) -> dict[str, str]:
    """Return what an encoder is compared with beside the backbone: WEAM, TLM, and itself on fewer pairs.

    >>> rivals("mlm, 12 layers, 60,000 pairs")
    {'weam': 'weam, 12 layers, 60,000 pairs', 'tlm': 'tlm, 12 layers, 60,000 pairs', 'fewer': 'mlm, 12 layers'}
    """
    own = encoders()[encoder]
    others = {system: replace(own, system=system, variants=()) for system in ("weam", "tlm")}
    return {name: one.name for name, one in {**others, "fewer": replace(own, pairs=None)}.items()}


def relatives(encoder: str) -> list[str]:
    """Return what an encoder differs from in one thing: its variant, its links, or having none.

    >>> relatives("weam, 1,000-step head warm-up, shuffled links, 6 layers")
    ['weam, 6 layers', 'weam, 1,000-step head warm-up, 6 layers', 'tlm, 1,000-step head warm-up, 6 layers']
    """
    own = encoders()[encoder]
    linked = replace(own, variants=tuple(name for name in own.variants if name != SHUFFLED))
    others = (replace(own, variants=()), linked, replace(linked, system=linked.system.replace("weam", "tlm", 1)))
    return [one.name for one in others]


def drawn_as_it_comes(encoder: str) -> str:
    """Return the mixture of the same texts without sampling, whose exponent is 1; another encoder is its own.

    >>> drawn_as_it_comes("en-sw 1 to 64, alpha 0.3, 6 layers"), drawn_as_it_comes("tlm, 6 layers")
    ('en-sw 1 to 64, alpha 1, 6 layers', 'tlm, 6 layers')
    """
    own = encoders()[encoder]
    return replace(own, text=replace(own.text, alpha=1.0)).name if isinstance(own.text, Mixture) else encoder
