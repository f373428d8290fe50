"""SIB-200 (Adelani et al. 2023, arXiv 2309.07445): what is a sentence about? Accuracy in 205 languages.

The sentences are those of FLORES-200, in every language the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weam.storage import numbered_lines
from weam.transfer.tasks.task import ClassificationTask, check_label, check_text

SHORT_CODES = {
    "af": "afr_Latn", "am": "amh_Ethi", "ar": "arb_Arab", "as": "asm_Beng", "az": "azj_Latn", "ba": "bak_Cyrl",
    "be": "bel_Cyrl", "bg": "bul_Cyrl", "bn": "ben_Beng", "bo": "bod_Tibt", "bs": "bos_Latn", "ca": "cat_Latn",
    "cs": "ces_Latn", "cy": "cym_Latn", "da": "dan_Latn", "de": "deu_Latn", "el": "ell_Grek", "en": "eng_Latn",
    "eo": "epo_Latn", "es": "spa_Latn", "et": "est_Latn", "eu": "eus_Latn", "fa": "pes_Arab", "fi": "fin_Latn",
    "fr": "fra_Latn", "ga": "gle_Latn", "gd": "gla_Latn", "gl": "glg_Latn", "gn": "grn_Latn", "gu": "guj_Gujr",
    "ha": "hau_Latn", "he": "heb_Hebr", "hi": "hin_Deva", "hr": "hrv_Latn", "ht": "hat_Latn", "hu": "hun_Latn",
    "hy": "hye_Armn", "id": "ind_Latn", "ig": "ibo_Latn", "is": "isl_Latn", "it": "ita_Latn", "ja": "jpn_Jpan",
    "jv": "jav_Latn", "ka": "kat_Geor", "kk": "kaz_Cyrl", "km": "khm_Khmr", "kn": "kan_Knda", "ko": "kor_Hang",
    "ku": "kmr_Latn", "ky": "kir_Cyrl", "lb": "ltz_Latn", "lo": "lao_Laoo", "lt": "lit_Latn", "lv": "lvs_Latn",
    "mg": "plt_Latn", "mi": "mri_Latn", "mk": "mkd_Cyrl", "ml": "mal_Mlym", "mn": "khk_Cyrl", "mr": "mar_Deva",
    "ms": "zsm_Latn", "mt": "mlt_Latn", "my": "mya_Mymr", "ne": "npi_Deva", "nl": "nld_Latn", "no": "nob_Latn",
    "or": "ory_Orya", "pa": "pan_Guru", "pl": "pol_Latn", "ps": "pbt_Arab", "pt": "por_Latn", "qu": "quy_Latn",
    "ro": "ron_Latn", "ru": "rus_Cyrl", "sa": "san_Deva", "sd": "snd_Arab", "si": "sin_Sinh", "sk": "slk_Latn",
    "sl": "slv_Latn", "sm": "smo_Latn", "sn": "sna_Latn", "so": "som_Latn", "sq": "als_Latn", "sr": "srp_Cyrl",
    "su": "sun_Latn", "sv": "swe_Latn", "sw": "swh_Latn", "ta": "tam_Taml", "te": "tel_Telu", "tg": "tgk_Cyrl",
    "th": "tha_Thai", "tk": "tuk_Latn", "tl": "tgl_Latn", "tr": "tur_Latn", "tt": "tat_Cyrl", "ug": "uig_Arab",
    "uk": "ukr_Cyrl", "ur": "urd_Arab", "uz": "uzn_Latn", "vi": "vie_Latn", "wo": "wol_Latn", "xh": "xho_Latn",
    "yi": "ydd_Hebr", "yo": "yor_Latn", "zh": "zho_Hans", "zu": "zul_Latn",
}  # fmt: skip
OTHER_CODES = (
    "ace_Arab", "ace_Latn", "acm_Arab", "acq_Arab", "aeb_Arab", "ajp_Arab", "aka_Latn", "apc_Arab", "arb_Latn",
    "ars_Arab", "ary_Arab", "arz_Arab", "ast_Latn", "awa_Deva", "ayr_Latn", "azb_Arab", "bam_Latn", "ban_Latn",
    "bem_Latn", "bho_Deva", "bjn_Arab", "bjn_Latn", "bug_Latn", "ceb_Latn", "cjk_Latn", "ckb_Arab", "crh_Latn",
    "dik_Latn", "dyu_Latn", "dzo_Tibt", "ewe_Latn", "fao_Latn", "fij_Latn", "fon_Latn", "fur_Latn", "fuv_Latn",
    "gaz_Latn", "hne_Deva", "ilo_Latn", "kab_Latn", "kac_Latn", "kam_Latn", "kas_Arab", "kas_Deva", "kbp_Latn",
    "kea_Latn", "kik_Latn", "kin_Latn", "kmb_Latn", "knc_Arab", "knc_Latn", "kon_Latn", "lij_Latn", "lim_Latn",
    "lin_Latn", "lmo_Latn", "ltg_Latn", "lua_Latn", "lug_Latn", "luo_Latn", "lus_Latn", "mag_Deva", "mai_Deva",
    "min_Arab", "min_Latn", "mni_Beng", "mos_Latn", "nno_Latn", "nqo_Nkoo", "nso_Latn", "nus_Latn", "nya_Latn",
    "oci_Latn", "pag_Latn", "pap_Latn", "prs_Arab", "run_Latn", "sag_Latn", "sat_Olck", "scn_Latn", "shn_Mymr",
    "sot_Latn", "srd_Latn", "ssw_Latn", "szl_Latn", "taq_Latn", "taq_Tfng", "tir_Ethi", "tpi_Latn", "tsn_Latn",
    "tso_Latn", "tum_Latn", "twi_Latn", "tzm_Tfng", "umb_Latn", "vec_Latn", "war_Latn", "yue_Hant", "zho_Hant",
)  # fmt: skip


@dataclass(frozen=True)
class TopicSentence:
    """A sentence and the name of its topic."""

    text: str
    label: str


class SIB200(ClassificationTask):
    """Topic classification.

    Local files have a header and the columns `index_id`, `category`, `text` between tabs. On the Hub `Davlan/sib200`,
    whose configurations are FLORES codes. A language is named by its short code where it has one, else by its FLORES
    code; the FLORES code is understood for all. English train has 701 rows: several seeds.
    """

    benchmark = "sib200"
    title = "SIB-200"
    licence = "CC BY-SA 4.0"
    languages = (*SHORT_CODES, *OTHER_CODES)
    labels = ("science/technology", "travel", "politics", "sports", "health", "entertainment", "geography")
    columns = ("index_id", "category", "text")
    seeds = (42, 43, 44, 45, 46)

    @classmethod
    def hub_source(cls, split: str, language: str) -> str:
        """Return the configuration of a language."""
        return f"Davlan/sib200:{SHORT_CODES.get(language, language)}"

    @classmethod
    def named(cls, language: str) -> str:
        """Return the short code of a language that is given by its FLORES code, if it has one."""
        return {flores: short for short, flores in SHORT_CODES.items()}.get(language, language)

    def from_file(self, path: Path) -> Iterable[TopicSentence]:
        """Return the sentences of a file of columns between tabs, whose first line names them."""
        lines = numbered_lines(path)
        header = next(lines, (path, ""))[1].split("\t")
        if header != list(self.columns):
            raise ValueError(f"{path}: begins with {header}, SIB-200 with the line {' '.join(self.columns)}")
        return self.examples((place, self._record(place, line)) for place, line in lines)

    def _record(self, place: str, line: str) -> dict[str, str]:
        cells = line.split("\t")
        if len(cells) != len(self.columns):
            raise ValueError(f"{place}: has {len(cells)} columns between tabs, SIB-200 has {len(self.columns)}")
        return dict(zip(self.columns, cells, strict=True))

    def examples(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> list[TopicSentence]:
        """Return the sentences of the rows."""
        sentences = []
        for place, record in rows:
            (text,) = check_text(record, ("text",), place)
            sentences.append(TopicSentence(text, check_label(record["category"], self.labels, place)))
        return sentences

    def texts(self, examples: Sequence[TopicSentence]) -> list[list[str]]:
        """Return the sentences."""
        return [[example.text for example in examples]]
