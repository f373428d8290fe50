"""What the study measures: every command of `benchmarks/study/__main__.py`, as data.

A step is one command with its settings; a question is a list of steps. Steps that several questions ask for are the
same step. Nothing runs here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
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
TATOEBA = ("de", "es", "zh", "it", "nl", "pt", "sw", "tr")
JOINT = ("en-de", "en-es", "en-zh")  # the paper's languages
GROWING = ("en-de", "en-es", "en-zh", "en-fr", "en-ja", "en-tr", "en-sw", "en-hi", "en-ar", "en-vi")
LOW_RESOURCE = ("en-sw", "en-hi", "en-tr")  # beside en-de, which is cut to a multiple of theirs
MIXTURES = {1: (1.0,), **dict.fromkeys((4, 16, 64), (1.0, 0.7, 0.3, 0.0))}  # for each ratio the sampling exponents
END_MIXTURES = {1: (1.0,), 64: (1.0, 0.0)}
SIZES = (1, 3, 6, 10)
LAYERS = (2, 4, 6, 12)
WARM_HEAD = 1000  # steps of warm-up for the prediction head, where more than a scale's are tried
MBERT = "mbert"  # the backbone, as the paper's baseline is called
WIDE_MBERT = "mbert wide"
HEADLINE = " headline"  # ends the name of an encoder with all layers
LARGE_PAIRS = 60_000  # of all language pairs together, for the encoders that follow
LARGE_HEADLINE = f"{HEADLINE} {LARGE_PAIRS:,} pairs"
THEN_NLI = " then nli"  # ends the name of an encoder that was fine-tuned on English NLI before the test's own text
WIDE_PANX = ("en", "de", "es", "zh", "tr", "sw", "hi", "ar", "vi")  # what models that begin with WIDE are tested on
WIDE_TATOEBA = ("de", "es", "zh", "ja", "tr", "sw", "hi", "ar", "vi")
PASSAGES: Settings = {"max_length": 256, "doc_stride": 64, "per_device_train_batch_size": 16}  # how answers are sought
ENGLISH_QUESTIONS = ("squad-v1.1-dev.minus-xquad", "squadshifts.new_wiki")  # no paragraph of XQuAD, all of its kind

ENGLISH = "en"


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: unique within a plan, `encoder` or `encoder/evaluation`.
        program: a file of the repository, or a module below `benchmarks`.
        settings: its options. In their values `{name}` stands for the output folder of another step.
        minutes: of one core, estimated from earlier runs.
    """

    name: str
    program: str
    settings: Settings
    minutes: float = 0.0


@dataclass(frozen=True)
class Scale:
    """How large a study is.

    Attributes:
        layers: of the backbone that are kept for breadth; None: all.
        pairs: sentence pairs of all language pairs together; None: all there are.
        head_warmup_steps: of each training that predicts words; of headline rows WARM_HEAD.
        headline_layers: of the encoders of the headline rows; None: no such rows.
        seeds: of each fine-tuning where a difference is claimed.
        nli_train: examples of `nli_train`, in English.
        launch: settings of every training.
    """

    layers: int | None
    pairs: int | None
    head_warmup_steps: int
    headline_layers: int | None
    seeds: tuple[int, ...]
    few_seeds: tuple[int, ...]
    nli_train: int | None
    test_samples: int | None
    launch: Settings = field(default_factory=dict)


SCALES = {
    "small": Scale(
        layers=6,
        pairs=12_000,
        head_warmup_steps=200,
        headline_layers=12,
        seeds=(1, 2, 3),
        few_seeds=(1,),
        nli_train=10_000,
        test_samples=2001,
        launch={"use_cpu": "yes", "bf16": "yes"},
    ),
    "full": Scale(
        layers=None,
        pairs=None,
        head_warmup_steps=WARM_HEAD,
        headline_layers=None,
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


def pretraining(name: str, scale: Scale, pairs: Sequence[str] = JOINT, **settings: object) -> Step:
    """Return the training of one encoder; settings go before those of the scale."""
    objective = str(settings.get("objective", "weam"))
    predicts = OBJECTIVES[objective].predicts
    ours: Settings = {
        "model_name_or_path": BACKBONE,
        "num_hidden_layers": scale.layers,
        "train_file": bitext(pairs),
        "max_train_pairs": scale.pairs // len(pairs) if scale.pairs else None,
        "max_eval_pairs": 200,
        "head_warmup_steps": scale.head_warmup_steps if predicts else 0,
        "num_train_epochs": 1,
        "train_sampling_strategy": "group_by_length",
        "logging_steps": 25,
        "save_strategy": "no" if scale.pairs else "steps",
        "cache_dir": "{cache}",
        "exchange": "target" if objective.startswith("weam") else None,  # by name, so that a key says which was used
        **scale.launch,
        **settings,
    }
    ours = {name: value for name, value in ours.items() if value is not None}
    layers = ours.get("num_hidden_layers", max(LAYERS))
    steps = ours.get("max_steps", ours.get("max_train_pairs", 50_000) * len(pairs) / 32)
    seconds = steps * (0.35 + 0.14 * layers) + ours["head_warmup_steps"] * (0.1 + 0.03 * layers)
    return Step(name, "run_pretraining.py", ours, round(seconds / 60 + 1, 1))


def base(layers: int) -> str:
    """Return how the backbone is called where it is cut to another number of layers than the scale's.

    >>> base(2)
    'mbert 2 layers'
    """
    return f"{MBERT} {layers} layers"


def deepened(system: str, layers: int, kind: str = HEADLINE) -> str:
    """Return how the encoder of a system is called that has another number of layers.

    >>> deepened("tlm", 12), deepened("tlm", 12, LARGE_HEADLINE), deepened(MBERT, 12)
    ('tlm headline', 'tlm headline 60,000 pairs', 'mbert 12 layers')
    """
    return base(layers) if system == MBERT else system + kind


def encoder_settings(encoder: str, scale: Scale) -> Settings:
    """Return what an evaluation program needs to read an encoder of the study, or the backbone."""
    if not encoder.startswith(MBERT):
        return {"model_name_or_path": "{" + encoder + "}"}
    layers = {base(layers): layers for layers in LAYERS}.get(encoder, scale.layers)
    return {"model_name_or_path": WIDE if encoder == WIDE_MBERT else BACKBONE, "num_hidden_layers": layers}


def xnli(
    encoder: str, scale: Scale, setting: str, seeds: Sequence[int], languages: Sequence[str] = ("en", "de", "es", "zh")
) -> Step:
    """Return XNLI with 2,001 of its dev rows as training set and the other 489 to select by: 667 and 163 premises.

    The one place where dev rows are training data; there are no machine translations of a training set at hand.
    """
    tested = [language for language in languages if setting == "zero-shot" or language != "en"]
    trained = ["en"] if setting == "zero-shot" else tested
    settings = {
        **encoder_settings(encoder, scale),
        "setting": setting,
        "languages": tested,
        "data_dir": DATA,
        "train_file": [f"{language}={{xnli-dev}}/train.{language}.jsonl" for language in trained],
        "dev_file": [f"{language}={{xnli-dev}}/dev.{language}.jsonl" for language in trained],
        "max_test_samples": scale.test_samples,
        "seeds": list(seeds),
        "num_train_epochs": 5,
        "learning_rate": 1e-4,
        "save_total_limit": 1,
        **scale.launch,
    }
    trainings = len(seeds) * len(trained)
    return Step(f"{encoder}/xnli {setting}", "run_xnli.py", settings, 9.0 * trainings)


def nli(encoder: str, scale: Scale, seeds: Sequence[int]) -> Step:
    """Return XNLI zero-shot from a large English training set."""
    settings = {
        **encoder_settings(encoder, scale),
        "languages": ["en", "de", "es", "zh"],
        "data_dir": DATA,
        "max_train_samples": scale.nli_train,
        "max_test_samples": scale.test_samples,
        "seeds": list(seeds),
        "num_train_epochs": 1,
        "learning_rate": 5e-5,
        "eval_strategy": "no",
        "load_best_model_at_end": "no",
        "save_strategy": "no",
        **scale.launch,
    }
    return Step(f"{encoder}/nli zero-shot", "run_xnli.py", settings, 13.0 * len(seeds))


def after_nli(encoder: str, scale: Scale, setting: str, seed: int, **settings: object) -> Step:
    """Return XNLI's dev rows for an encoder that learnt the task in English with the same seed; settings go first."""
    step = xnli(encoder, scale, setting, [seed])
    learnt = {"model_name_or_path": "{" + f"{encoder}/nli zero-shot/seed {seed}" + "}", "num_hidden_layers": None}
    return Step(
        f"{encoder}{THEN_NLI}/xnli {setting}", step.program, {**step.settings, **learnt, **settings}, step.minutes
    )


def udpos(encoder: str, scale: Scale, seeds: Sequence[int]) -> Step:
    """Return part-of-speech tags, trained on LinES, tested on the parallel PUD treebanks."""
    settings = {
        **encoder_settings(encoder, scale),
        "task": "udpos",
        "data_dir": DATA,
        "languages": ["en", "de", "es", "zh"],
        "seeds": list(seeds),
        "num_train_epochs": 2,
        "learning_rate": 1e-4,
        "save_total_limit": 1,
        **scale.launch,
    }
    return Step(f"{encoder}/udpos", "run_xtreme_r.py", settings, 4.5 * len(seeds))


def panx(encoder: str, scale: Scale, seeds: Sequence[int], languages: Sequence[str] = ("en", "de", "es", "zh")) -> Step:
    """Return names: trained on 16,000 English sentences, selected on the others, tested on the dev sets."""
    settings = {
        **encoder_settings(encoder, scale),
        "task": "panx",
        "data_dir": DATA,
        "train_file": ["en={wikiann}/train.en.jsonl"],
        "dev_file": ["en={wikiann}/dev.en.jsonl"],
        "test_file": [f"{language}={DATA}/xtreme_r/wikiann/dev.{language}.jsonl.gz" for language in languages],
        "languages": list(languages),
        "max_train_samples": 6_000 if scale.pairs else None,
        "max_dev_samples": 1_000,
        "max_test_samples": 2_000 if scale.pairs else None,
        "seeds": list(seeds),
        "num_train_epochs": 1 if scale.pairs else 2,
        "learning_rate": 1e-4,
        "save_total_limit": 1,
        **scale.launch,
    }
    return Step(f"{encoder}/panx", "run_xtreme_r.py", settings, 2.5 * len(seeds))


def xquad(encoder: str, scale: Scale, seeds: Sequence[int]) -> Step:
    """Return XQuAD zero-shot from English questions, selected on those of TyDiQA."""
    settings = {
        **encoder_settings(encoder, scale),
        "benchmark": "xquad",
        "languages": ["en", "de", "es", "zh"],
        "data_dir": DATA,
        "train_file": [f"en={DATA}/squad/{name}.en.json.gz" for name in ENGLISH_QUESTIONS],
        "dev_file": [f"en={DATA}/squad/tydiqa-goldp-train.en.json.gz"],
        "max_train_samples": 2_500 if scale.pairs else None,
        "max_dev_samples": 100 if scale.pairs else None,
        "max_test_samples": 400 if scale.pairs else None,
        **PASSAGES,
        "seeds": list(seeds),
        "num_train_epochs": 1,
        "learning_rate": 1e-4,
        "save_total_limit": 1,
        **scale.launch,
    }
    return Step(f"{encoder}/xquad zero-shot", "run_mlqa.py", settings, 25.0 * len(seeds))


def mlqa(encoder: str, scale: Scale, setting: str, seeds: Sequence[int]) -> Step:
    """Return MLQA dev, trained on 1,001 questions of XQuAD and selected on its other 189: as `xnli`."""
    languages = ["en", "de", "es", "zh"] if setting == "zero-shot" else ["de", "es", "zh"]
    trained = ["en"] if setting == "zero-shot" else languages
    settings = {
        **encoder_settings(encoder, scale),
        "benchmark": "mlqa-dev",
        "setting": setting,
        "languages": languages,
        "data_dir": DATA,
        "train_file": [f"{language}={{xquad}}/train.{language}.json" for language in trained],
        "dev_file": [f"{language}={{xquad}}/dev.{language}.json" for language in trained],
        "max_test_samples": 200 if scale.pairs else None,
        **PASSAGES,
        "seeds": list(seeds),
        "num_train_epochs": 3,
        "learning_rate": 1e-4,
        "save_total_limit": 1,
        **scale.launch,
    }
    return Step(f"{encoder}/mlqa {setting}", "run_mlqa.py", settings, 20.0 * len(seeds) * len(trained))


def tatoeba(encoder: str, scale: Scale, languages: Sequence[str] = TATOEBA) -> Step:
    """Return translation retrieval at the layer that is best on bitext."""
    settings = {
        **encoder_settings(encoder, scale),
        "task": "tatoeba",
        "data_dir": DATA,
        "languages": list(languages),
        "dev_file": [f"{pair[-2:]}={DATA}/bitext/{PAIRS[pair][0]}.tsv.gz" for pair in JOINT],
        "max_dev_samples": 500,
        **{name: value for name, value in scale.launch.items() if name == "use_cpu"},
    }
    return Step(f"{encoder}/tatoeba", "run_xtreme_r.py", settings, 2.0)


def space(encoder: str, scale: Scale) -> Step:
    """Return the alignment of the space, layer by layer."""
    settings = {**encoder_settings(encoder, scale), "data_dir": DATA, "max_sentences": 100 if scale.pairs else None}
    return Step(f"{encoder}/space", "benchmarks.study.space", settings, 1.5)


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
SHUFFLED = " shuffled links"  # ends the name of each placebo
PLACEBO: Settings = {
    "alignments": [f"{pair}={{links}}/shuffled.{pair}.txt" for pair in JOINT],
    "alignments_unit": "piece",
}
ABLATIONS: dict[str, Settings] = {  # each differs from the system that it is named after in this alone
    "weam shuffled links": PLACEBO,
    "weam-representation shuffled links": PLACEBO,
    "weam lambda 0.5": {"cross_lingual_weight": 0.5},
    "weam lambda 2": {"cross_lingual_weight": 2.0},
    "weam mask 0.15": {"mlm_probability": 0.15},
    "weam mask 0.45": {"mlm_probability": 0.45},
    "weam eflomal": {"aligner": "eflomal"},
    "weam grow-diag-final-and": {"symmetrization": "grow-diag-final-and"},
    "weam apart": {"objective": "weam-apart"},
    "weam-representation apart": {"objective": "weam-apart"},
    "weam cold head": {"head_warmup_steps": 0},
    "weam warm head": {"head_warmup_steps": WARM_HEAD},
    "tlm warm head": {"head_warmup_steps": WARM_HEAD},
    "weam warm head shuffled links": {**PLACEBO, "head_warmup_steps": WARM_HEAD},
    "weam learning rate 2e-4": {"learning_rate": 2e-4},  # the default is the paper's, 5e-5
    "tlm learning rate 2e-4": {"learning_rate": 2e-4},
    "weam words": {
        "alignments": [f"{pair}={{links}}/words.{pair}.txt" for pair in ("en-de", "en-es")],
        "alignments_unit": "word",
    },
}

SEVERAL_SEEDS = ("weam shuffled links", "weam-representation shuffled links", "weam-representation apart")
NAMING = ("weam shuffled links", "weam warm head", "tlm warm head", "weam warm head shuffled links")  # tested on PAN-X
CLAIMED = (MBERT, "mlm", "tlm", "weam", "weam-representation", "word-alignment")  # differences between these decide
UNPAIRED_PAIRS = 4_500  # of each language pair; 4,000 are drawn of those that are kept
UNPAIRED = "tlm unpaired"  # each sentence beside one that is not its translation: what a row of two alone brings
DEEP: dict[str, Settings] = {  # trained with all layers too
    **{name: SYSTEMS[name] for name in ("weam", "tlm", "mlm", "word-alignment", "weam-representation")},
    UNPAIRED: {"objective": "tlm", "train_file": [f"{pair}={{unpaired}}/{pair}.tsv" for pair in JOINT]},
    f"weam{SHUFFLED}": PLACEBO,
}
LARGE = tuple(system for system in DEEP if system != UNPAIRED)  # and with LARGE_PAIRS, which are not parted
TRANSLATED = (MBERT, "tlm", "weam")  # what is claimed of translate-train is of these
XNLI_DEV = Step("xnli-dev", "benchmarks.study.data", {"data_dir": DATA, "part": "xnli-dev"})
LINKS = Step("links", "benchmarks.study.data", {"data_dir": DATA, "part": "links", "tokenizer": BACKBONE}, 6.0)
REFINING: Settings = {"num_train_epochs": 2, "learning_rate": 5e-5}  # of a model that knows the task already


def systems(scale: Scale) -> list[Step]:
    """Question 1: the six claims. Every system trained once, the claimed ones with all seeds."""
    steps = [XNLI_DEV]
    steps += [pretraining(name, scale, **settings) for name, settings in SYSTEMS.items()]
    names = [MBERT, *SYSTEMS]
    steps += [step for name in names for step in (space(name, scale), tatoeba(name, scale))]
    steps += [xnli(name, scale, "zero-shot", scale.seeds) for name in CLAIMED]
    seeds = scale.few_seeds if scale.headline_layers else scale.seeds  # six layers learn too little from 2,001 rows
    steps += [xnli(name, scale, "translate-train", seeds) for name in TRANSLATED]
    others = [name for name in names if name not in CLAIMED]
    return steps + [xnli(name, scale, "zero-shot", scale.few_seeds) for name in others]


def headline(scale: Scale) -> list[Step]:
    """Question 1 at full depth, fine-tuned on a large English training set."""
    layers = scale.headline_layers
    if layers is None:
        return []  # the breadth is at full depth already
    deeper = replace(scale, layers=layers, head_warmup_steps=WARM_HEAD)
    larger = replace(deeper, pairs=LARGE_PAIRS)
    unpaired = {"data_dir": DATA, "part": "unpaired", "sizes": [f"{pair}={UNPAIRED_PAIRS}" for pair in JOINT]}
    trainings = [pretraining(deepened(system, layers), deeper, **settings) for system, settings in DEEP.items()]
    trainings += [pretraining(deepened(system, layers, LARGE_HEADLINE), larger, **DEEP[system]) for system in LARGE]
    names = [base(layers), *(step.name for step in trainings)]
    steps = [Step("unpaired", "benchmarks.study.data", unpaired), LINKS, *trainings]
    steps += [step for name in names for step in (nli(name, scale, scale.seeds), tatoeba(name, scale))]
    steps += [space(name, scale) for name in names if not name.endswith(LARGE_HEADLINE)]
    steps.append(XNLI_DEV)
    for setting, refined in (("translate-train", TRANSLATED), ("zero-shot", (*TRANSLATED, "weam-representation"))):
        for system in refined:
            name = deepened(system, layers)
            steps += [after_nli(name, scale, setting, seed, **REFINING) for seed in scale.seeds]
    return steps


def beyond(scale: Scale) -> list[Step]:
    """Question 7: other tasks."""
    names = [MBERT, *SYSTEMS]
    steps = [udpos(name, scale, scale.seeds) for name in names]
    compared = (MBERT, "tlm", "weam", "word-alignment")
    layers = scale.headline_layers
    deep = [deepened(name, layers) if layers else name for name in compared]
    controls = [deepened(name, layers) for name in DEEP if name not in compared] if layers else ["mlm"]
    steps.append(Step("wikiann", "benchmarks.study.data", {"data_dir": DATA, "part": "wikiann"}))
    steps += [panx(name, scale, scale.seeds) for name in dict.fromkeys([*compared, *deep, *controls])]
    steps += [xquad(name, scale, scale.few_seeds) for name in deep]
    steps.append(Step("xquad", "benchmarks.study.data", {"data_dir": DATA, "part": "xquad"}))
    if scale.pairs:  # six layers learn next to nothing from 1,001 questions: one run shows it
        return [*steps, mlqa(MBERT, scale, "zero-shot", scale.few_seeds)]
    steps += [mlqa(name, scale, "zero-shot", scale.few_seeds) for name in compared]
    return steps + [mlqa(name, scale, "translate-train", scale.few_seeds) for name in TRANSLATED]


def ablations(scale: Scale) -> list[Step]:
    """Question 2: what in WEAM does it."""
    steps = [LINKS]
    for name, settings in ABLATIONS.items():
        steps.append(pretraining(name, scale, **{**SYSTEMS[name.split()[0]], **settings}))
    for name in ABLATIONS:
        steps += [space(name, scale), tatoeba(name, scale), udpos(name, scale, scale.few_seeds)]
    steps += [xnli(name, scale, "zero-shot", scale.seeds) for name in SEVERAL_SEEDS]
    return steps + [panx(name, scale, scale.seeds) for name in NAMING]


def wide_baseline(scale: Scale) -> list[Step]:
    """Return the tests of the backbone that the next two questions begin with.

    Of zero-shot tests PAN-X: it has all languages, a training of it takes two minutes, and its scores move less from
    seed to seed than those of XNLI's dev rows, where a point needs dozens of seeds.
    """
    return [tatoeba(WIDE_MBERT, scale, WIDE_TATOEBA), panx(WIDE_MBERT, scale, scale.seeds, WIDE_PANX)]


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
                name = f"{low} 1 to {ratio} alpha {alpha:g}"
                files = [f"{pair}={{{data.name}}}/{pair}.tsv" for pair in sizes]
                settings = {"train_file": files, "sampling_alpha": alpha, "max_steps": total // 32}
                settings |= {"model_name_or_path": WIDE, "max_train_pairs": None}  # the files are cut already
                steps.append(pretraining(name, scale, tuple(sizes), **settings))
                steps.append(tatoeba(name, scale, ("de", low[-2:])))
                steps.append(panx(name, scale, scale.seeds, ("en", "de", low[-2:])))
    return steps


def languages(scale: Scale) -> list[Step]:
    """Question 4: one model for more and more languages, with the same pairs in all or for each language."""
    total = scale.pairs or 100_000
    steps = wide_baseline(scale)
    for count in SIZES:
        for fixed, pairs in (("total", total // count), ("each", total // max(SIZES))):
            if (count, fixed) != (max(SIZES), "each"):  # there the two are the same
                name = f"{count} languages, {fixed} fixed"
                settings = {"model_name_or_path": WIDE, "max_train_pairs": pairs}
                steps.append(pretraining(name, scale, GROWING[:count], **settings))
                steps.append(tatoeba(name, scale, WIDE_TATOEBA))
                steps.append(panx(name, scale, scale.seeds, WIDE_PANX))
    return steps


def sizes(scale: Scale) -> list[Step]:
    """Question 5: the backbone cut to fewer layers, before and after."""
    steps = []
    for layers in LAYERS:
        if layers == (scale.layers or max(LAYERS)):
            continue  # question 1 has it
        names = [base(layers), f"weam {layers} layers"]
        steps.append(pretraining(names[1], scale, num_hidden_layers=layers))
        for name in names:
            steps += [tatoeba(name, scale), space(name, scale), panx(name, scale, scale.seeds)]
    return steps


def intermediate(scale: Scale) -> list[Step]:
    """Question 6: English NLI before alignment, after it, and on its own."""
    steps = [nli(name, scale, scale.few_seeds) for name in (MBERT, "weam")]
    learnt = "{" + f"{MBERT}/nli zero-shot/seed {scale.few_seeds[0]}" + "}"
    steps.append(pretraining("nli then weam", scale, model_name_or_path=learnt, num_hidden_layers=None))
    steps += [xnli("nli then weam", scale, "zero-shot", scale.few_seeds), space("nli then weam", scale)]
    for name in (MBERT, "weam"):
        steps += [after_nli(name, scale, "zero-shot", seed) for seed in scale.few_seeds]
    return steps


QUESTIONS = {
    "headline": headline,
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
    minutes = step.minutes / len(seeds)
    return [
        Step(f"{step.name}/seed {seed}", step.program, {**step.settings, "seeds": [seed]}, minutes) for seed in seeds
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


DEEP_MBERT = base(max(LAYERS))  # what the headline rows begin with


def is_foreign(language: str) -> bool:
    """Return whether test examples are what transfer is about; contexts in English are not.

    >>> [is_foreign(name) for name in ("de", "en", "de-en", "en-de")]
    [True, False, True, False]
    """
    return language.partition("-")[0] != ENGLISH


def relatives(encoder: str) -> list[str]:
    """Return what an encoder of the breadth differs from in one thing: ablation, links, having none.

    >>> relatives("weam warm head shuffled links")
    ['weam', 'weam warm head', 'tlm warm head']
    """
    system = encoder.partition(" ")[0]
    with_links = encoder.removesuffix(SHUFFLED)
    return [system, with_links, with_links.replace("weam", "tlm", 1)]


def siblings(encoder: str) -> dict[str, str]:
    """Return what a headline row is compared with beside the backbone, itself trained on fewer pairs too.

    >>> siblings("mlm headline 60,000 pairs")
    {'weam': 'weam headline 60,000 pairs', 'tlm': 'tlm headline 60,000 pairs', 'fewer': 'mlm headline'}
    """
    kind = HEADLINE + encoder.partition(HEADLINE)[2]
    return {"weam": f"weam{kind}", "tlm": f"tlm{kind}", "fewer": encoder.replace(LARGE_HEADLINE, HEADLINE)}


def drawn_as_it_comes(encoder: str) -> str:
    """Return the mixture of the same texts without sampling, whose exponent is 1; another encoder is its own.

    >>> drawn_as_it_comes("en-sw 1 to 64 alpha 0.3"), drawn_as_it_comes("3 languages, total fixed")
    ('en-sw 1 to 64 alpha 1', '3 languages, total fixed')
    """
    texts, alpha, _ = encoder.partition(" alpha ")
    return f"{texts} alpha 1" if alpha else encoder


def baseline(encoder: str) -> str:
    """Return what an encoder of the plan began with, after the same fine-tuning.

    >>> [baseline(name) for name in ("weam 2 layers", "en-sw 1 to 4 alpha 1", "3 languages, total fixed", "tlm")]
    ['mbert 2 layers', 'mbert wide', 'mbert wide', 'mbert']
    >>> baseline("weam headline then nli")
    'mbert 12 layers then nli'
    """
    if encoder.endswith(THEN_NLI):
        return baseline(encoder.removesuffix(THEN_NLI)) + THEN_NLI
    if HEADLINE in encoder:
        return DEEP_MBERT
    if encoder.endswith(" layers"):
        return base(int(encoder.split()[-2]))
    return WIDE_MBERT if encoder == WIDE_MBERT or " to " in encoder or "languages," in encoder else MBERT
