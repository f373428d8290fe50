"""The facts of every benchmark, in every language: the Hub's own names are loaded, and the same ones stand in cards.

At the end benchmarks are read under these names with the real client, from a Hub on this machine.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import run_mlqa
import run_xtreme_r
from tests.support.command_line import PIPES
from tests.support.hub_server import Hub, environment, parquet, with_card
from tests.support.results import evaluation
from weam.cards.evaluation import EvaluationRun
from weam.transfer.tasks import files, mlqa
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.benchmarks import BENCHMARKS
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.mlqa import QuestionTask
from weam.transfer.tasks.sib200 import SIB200
from weam.transfer.tasks.tatoeba import Tatoeba, read_translations
from weam.transfer.tasks.text_pairs import XNLI

XNLI_LANGUAGES = "ar bg de el en es fr hi ru sw th tr ur vi zh".split()
MLQA_LANGUAGES = "ar de en es hi vi zh".split()
MLQA = {
    f"{context}-{question}": f"mlqa.{context}.{question}" for context, question in product(MLQA_LANGUAGES, repeat=2)
}
XQUAD_LANGUAGES = "ar de el en es hi ro ru th tr vi zh".split()
UDPOS = dict(
    pair.split(":")
    for pair in """af:Afrikaans ar:Arabic eu:Basque bg:Bulgarian nl:Dutch en:English et:Estonian fi:Finnish fr:French
    de:German el:Greek he:Hebrew hi:Hindi hu:Hungarian id:Indonesian it:Italian ja:Japanese kk:Kazakh ko:Korean
    zh:Chinese mr:Marathi fa:Persian pt:Portuguese ru:Russian es:Spanish tl:Tagalog ta:Tamil te:Telugu th:Thai
    tr:Turkish ur:Urdu vi:Vietnamese yo:Yoruba""".split()
)
PANX_LANGUAGES = """af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te
    th tl tr ur vi yo zh""".split()
TATOEBA = dict(
    pair.split(":")
    for pair in """af:afr ar:ara bn:ben bg:bul de:deu zh:cmn el:ell et:est eu:eus fi:fin fr:fra he:heb hi:hin hu:hun
    id:ind it:ita jv:jav ja:jpn ka:kat kk:kaz ko:kor ml:mal mr:mar nl:nld fa:pes pt:por ru:rus es:spa sw:swh ta:tam
    te:tel tl:tgl th:tha tr:tur ur:urd vi:vie""".split()
)
SIB200_CODES = """
    ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn als_Latn amh_Ethi apc_Arab arb_Arab
    arb_Latn ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn
    ban_Latn bel_Cyrl bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn
    ceb_Latn ces_Latn cjk_Latn ckb_Arab crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek
    eng_Latn epo_Latn est_Latn eus_Latn ewe_Latn fao_Latn fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn
    gaz_Latn gla_Latn gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn
    hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn
    kan_Knda kas_Arab kas_Deva kat_Geor kaz_Cyrl kbp_Latn kea_Latn khk_Cyrl khm_Khmr kik_Latn kin_Latn kir_Cyrl
    kmb_Latn kmr_Latn knc_Arab knc_Latn kon_Latn kor_Hang lao_Laoo lij_Latn lim_Latn lin_Latn lit_Latn lmo_Latn
    ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn lvs_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Arab
    min_Latn mkd_Cyrl mlt_Latn mni_Beng mos_Latn mri_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva nqo_Nkoo
    nso_Latn nus_Latn nya_Latn oci_Latn ory_Orya pag_Latn pan_Guru pap_Latn pbt_Arab pes_Arab plt_Latn pol_Latn
    por_Latn prs_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Olck scn_Latn shn_Mymr sin_Sinh
    slk_Latn slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn
    swe_Latn swh_Latn szl_Latn tam_Taml taq_Latn taq_Tfng tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi
    tpi_Latn tsn_Latn tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab
    uzn_Latn vec_Latn vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zsm_Latn
    zul_Latn
""".split()
HUB = {  # benchmark -> data set, its split for the test, language -> configuration; read off the Hub's pages
    "xnli": ("facebook/xnli", "test", {name: name for name in XNLI_LANGUAGES}),
    "mlqa": ("facebook/mlqa", "test", MLQA),
    "mlqa-dev": ("facebook/mlqa", "validation", MLQA),
    "xquad": ("google/xquad", "validation", {name: f"xquad.{name}" for name in XQUAD_LANGUAGES}),
    "udpos": ("google/xtreme", "test", {name: f"udpos.{treebank}" for name, treebank in UDPOS.items()}),
    "panx": ("google/xtreme", "test", {name: f"PAN-X.{name}" for name in PANX_LANGUAGES}),
    "pawsx": ("google/xtreme", "test", {name: f"PAWS-X.{name}" for name in "de en es fr ja ko zh".split()}),
    "xcopa": ("cambridgeltl/xcopa", "test", {name: name for name in "et ht id it qu sw ta th tr vi zh".split()}),
    "sib200": ("Davlan/sib200", "test", {SIB200.named(code): code for code in SIB200_CODES}),
    "tatoeba": ("google/xtreme", "validation", {name: f"tatoeba.{code}" for name, code in TATOEBA.items()}),
}
HUB_TASKS = {
    "xnli": "text-classification",
    "mlqa": "question-answering",
    "mlqa-dev": "question-answering",
    "xquad": "question-answering",
    "udpos": "token-classification",
    "panx": "token-classification",
    "pawsx": "text-classification",
    "xcopa": "multiple-choice",
    "sib200": "text-classification",
    "tatoeba": "sentence-similarity",
}


class NothingLoadedError(Exception):
    """Stands for the data that this machine cannot load."""


def languages_tested(benchmark: str) -> list[str]:
    """Return what is tested for all languages of a benchmark."""
    facts = BENCHMARKS[benchmark]
    return [*map("-".join, product(facts.languages, repeat=2))] if facts.crossed else list(facts.languages)


def test_every_benchmark_of_the_programs_is_there():
    assert {XNLI.benchmark, *run_mlqa.BENCHMARKS, *run_xtreme_r.TASKS, run_xtreme_r.TATOEBA} == set(BENCHMARKS)


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_language_has_the_configuration_of_the_hub(benchmark):
    name, split, configurations = HUB[benchmark]
    facts = BENCHMARKS[benchmark]
    found = {language: facts.hub_source("test", language) for language in languages_tested(benchmark)}
    assert found == {language: f"{name}:{configuration}" for language, configuration in configurations.items()}
    assert (facts.hub_splits["test"], facts.hub_task) == (split, HUB_TASKS[benchmark])


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_what_is_loaded_is_what_the_card_names(benchmark, monkeypatch):
    loaded = []

    def load_dataset(name, config=None, *, data_dir=None, split, **kwargs):
        loaded.append((name, config or data_dir, split))
        raise NothingLoadedError

    monkeypatch.setattr(files, "load_dataset", load_dataset)
    monkeypatch.setattr(mlqa, "load_dataset", load_dataset)
    facts = BENCHMARKS[benchmark]
    run = evaluation(values={(language, 1): 0.5 for language in languages_tested(benchmark)}, benchmark=benchmark)
    named = [
        (result.dataset_type, result.dataset_config, HUB[benchmark][1]) for result in EvaluationRun(run).eval_results()
    ]
    for language in languages_tested(benchmark):
        with pytest.raises(NothingLoadedError):
            if facts is Tatoeba:
                read_translations(DataFiles(), "test", language)
            else:
                facts(DataFiles(), Windows() if issubclass(facts, QuestionTask) else 128).read("test", language)
    assert loaded == named


@pytest.mark.parametrize(
    ("benchmark", "split", "language", "source"),
    [
        ("xnli", "train", "de", "facebook/xnli:de"),
        ("xquad", "train", "en", "rajpurkar/squad"),
        ("mlqa", "dev", "de", "facebook/mlqa:mlqa-translate-train.de"),
        ("xcopa", "train", "en", "aps/super_glue:copa"),
        ("udpos", "dev", "zh", "google/xtreme:udpos.Chinese"),
    ],
)
def test_training_and_dev_examples_have_their_own_place(benchmark, split, language, source):
    assert BENCHMARKS[benchmark].hub_source(split, language) == source


def test_the_card_names_the_data_sets_that_were_read():
    tested = [{"split": "test", "language": "de-en", "count": 1, "fingerprint": "a"}]
    run = replace(evaluation(values={("de-en", 1): 0.5}, benchmark="mlqa", setting="test-only"), data=tested)
    assert EvaluationRun(run).data_sets() == ["facebook/mlqa"]


# Read from a Hub

READ = """
import json, sys
from dataclasses import asdict
from weam.transfer.tasks.answer_spans import Windows
from weam.transfer.tasks.files import DataFiles
from weam.transfer.tasks.mlqa import MLQA, XQuAD
from weam.transfer.tasks.tagging import UDPOS
from weam.transfer.tasks.text_pairs import PAWSX, XNLI

tasks = {"mlqa": MLQA(DataFiles(), Windows()), "xquad": XQuAD(DataFiles(), Windows()),
         "xnli": XNLI(DataFiles()), "udpos": UDPOS(DataFiles()), "pawsx": PAWSX(DataFiles())}
found = {}
for wanted in sys.argv[1:]:
    name, split, language = wanted.split()
    try:
        found[wanted] = [asdict(example) for example in tasks[name].read(split, language)]
    except (ValueError, OSError) as error:
        found[wanted] = " ".join([str(error), *getattr(error, "__notes__", [])])
print("RESULT", json.dumps(found))
"""
PREMISES = {"en": "the cat sees a dog", "de": "die katze sieht ein hund"}
CONTEXTS = {"en": "the dog eats in a red house", "de": "hund isst im rotes haus", "es": "el perro come"}
WANTED = (
    "xnli test de",
    "xnli train en",
    "mlqa test de-es",
    "mlqa test de-en",
    "mlqa train de",
    "xquad test de",
    "udpos test de",
    "udpos dev de",
    "xnli test fr",
    "mlqa test es-de",
    "xquad test zh",
    "udpos test zh",
    "xquad dev en",
    "pawsx train de",
    "pawsx test de",
)


def xnli_rows(language: str, split: str) -> list[dict[str, Any]]:
    """Return two pairs with the labels as numbers."""
    premise = PREMISES[language]
    return [{"premise": premise, "hypothesis": f"{split} {n}", "label": n} for n in (1, 2)]


def question(context: str, asked: str) -> dict[str, Any]:
    """Return one row of MLQA, the answer in the language of the context."""
    text = CONTEXTS[context]
    answer = text.split()[1]
    found = {"answer_start": [text.index(answer)], "text": [answer]}
    return {"context": text, "question": f"{asked} ?", "answers": found, "id": f"{context}-{asked}"}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A Hub with the benchmarks as they lie on the real one, some rows of each."""
    with Hub("no token") as hub:
        splits = {f"{la}/{s}-00000-of-00001.parquet": xnli_rows(la, s) for la in PREMISES for s in ("train", "test")}
        hub.add_dataset("facebook/xnli", main=with_card({path: parquet(rows) for path, rows in splits.items()}))
        crossed = {f"mlqa.de.{asked}/test/0000.parquet": parquet([question("de", asked)]) for asked in ("es", "en")}
        crossed["mlqa-translate-train.de/train/0000.parquet"] = parquet([question("de", "de")])
        branches = {"main": {"README.md": b"", "mlqa.py": b"raise SystemExit"}, "refs/convert/parquet": crossed}
        hub.add_dataset("facebook/mlqa", **branches)
        xquad = {f"xquad.{la}/validation-00000-of-00001.parquet": parquet([question(la, la)]) for la in PREMISES}
        hub.add_dataset("google/xquad", main=with_card(xquad))
        of_other_text = {**question("es", "es"), "id": "of a paragraph that XQuAD has not"}
        squad = [question("en", "en"), {**question("en", "de"), "id": "of a paragraph that XQuAD has"}, of_other_text]
        hub.add_dataset("rajpurkar/squad", main={"data/validation-00000-of-00001.parquet": parquet(squad)})
        udpos = {
            f"udpos.German/{split}-00000-of-00001.parquet": parquet([{"tokens": [split, "haus"], "pos_tags": [5, 7]}])
            for split in ("train", "validation", "test")
        }
        empty = [{"sentence1": "eins", "sentence2": text, "label": "0"} for text in ("zwei", "", None, " ")]
        pawsx = {f"PAWS-X.de/{split}-00000-of-00001.parquet": parquet(empty) for split in ("train", "test")}
        hub.add_dataset("google/xtreme", main=with_card(udpos | pawsx))
        yield hub


@pytest.fixture(scope="module")
def read(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tasks read in a new process with an empty cache: examples, or the error."""
    env = environment(hub, tmp_path_factory.mktemp("home"), PYTHONPATH=str(Path(__file__).parent.parent))
    finished = subprocess.run([sys.executable, "-c", READ, *WANTED], env=env, timeout=300, **PIPES)
    assert finished.returncode == 0, finished.stdout
    return json.loads(finished.stdout.partition("RESULT ")[2])


def test_xnli_has_its_language_with_labels_by_name(read: dict[str, Any]) -> None:
    assert read["xnli test de"] == [
        {"first": "die katze sieht ein hund", "second": "test 1", "label": "neutral"},
        {"first": "die katze sieht ein hund", "second": "test 2", "label": "contradiction"},
    ]
    assert [example["second"] for example in read["xnli train en"]] == ["train 1", "train 2"]


@pytest.mark.parametrize(("wanted", "asked"), [("mlqa test de-es", "es"), ("mlqa test de-en", "en")])
def test_mlqa_has_its_pair_of_languages_and_no_other(read: dict[str, Any], wanted: str, asked: str) -> None:
    assert read[wanted] == [
        {
            "id": f"de-{asked}",
            "question": f"{asked} ?",
            "context": "hund isst im rotes haus",
            "answers": ["isst"],
            "answer_starts": [5],
        }
    ]


def test_mlqa_trains_on_its_own_translations(read: dict[str, Any]) -> None:
    assert [example["id"] for example in read["mlqa train de"]] == ["de-de"]


def test_xquad_has_its_language(read: dict[str, Any]) -> None:
    assert [(example["id"], example["answers"]) for example in read["xquad test de"]] == [("de-de", ["isst"])]


def test_questions_about_what_xquad_tests_do_not_select(read: dict[str, Any]) -> None:
    assert [example["id"] for example in read["xquad dev en"]] == ["of a paragraph that XQuAD has not"]


def test_translations_that_came_out_empty_are_not_trained_on_and_not_tested_on_silently(read: dict[str, Any]) -> None:
    assert read["pawsx train de"] == [{"first": "eins", "second": "zwei", "label": "different"}]
    assert "sentence2 is ''; it must hold text" in read["pawsx test de"]


def test_udpos_has_its_treebank_with_tags_by_name(read: dict[str, Any]) -> None:
    assert read["udpos test de"] == [{"words": ["test", "haus"], "tags": ["DET", "NOUN"]}]
    assert read["udpos dev de"] == [{"words": ["validation", "haus"], "tags": ["DET", "NOUN"]}]


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ("xnli test fr", ("'fr' not found", "['en', 'de']", "the test split of facebook/xnli:fr")),
        ("xquad test zh", ("'xquad.zh' not found", "'xquad.de'")),
        ("udpos test zh", ("'udpos.Chinese' not found", "'udpos.German'")),
        ("mlqa test es-de", ("facebook/mlqa", "mlqa.es.de")),
    ],
)
def test_a_language_that_the_data_set_has_not_is_named(
    read: dict[str, Any], wanted: str, parts: tuple[str, ...]
) -> None:
    assert isinstance(read[wanted], str)
    for part in parts:
        assert part in read[wanted]
