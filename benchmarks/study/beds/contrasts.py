"""What is compared in the beds: differences of arms, questions that they answer, claims that they decide.

An arm is trained because `plan.py` names it, and a difference stands in a table because it is named here.
"""

from benchmarks.study.beds.plan import (
    AT_LAYER_4,
    AVERAGED,
    AVERAGED_OWN_LINKS,
    AVERAGED_TLM,
    FROZEN,
    LONGER,
    LONGEST,
    LONGEST_PLACEBO,
    OWN_LINKS,
    QUESTIONED,
    REAL_SECOND_ROUND,
    SECOND_ROUND,
    TAGS_FIRST,
    WITH_ALL,
    WITH_RANKING,
    WORD_BY_WORD,
)

LINKED = (  # what was trained on FastAlign's links, too
    *("WEAM, representation", "WEAM, target", "word-contrastive", "WEAM + word-contrastive"),
    *("pointer", "WEAM + pointer", "embedding-alignment", "word-aligned (Cao)"),
)
CONTRASTS = (
    ("WEAM, representation", "TLM"),
    ("WEAM, target", "TLM"),
    ("WEAM, representation", "WEAM, target"),
    ("WEAM, representation", "WEAM, representation, links shuffled"),
    ("WEAM, target", "WEAM, target, links shuffled"),
    ("pointer", "pointer, links shuffled"),
    ("word-contrastive", "word-contrastive, links shuffled"),
    ("WEAM + word-contrastive", "WEAM + word-contrastive, links shuffled"),
    ("word-contrastive", "TLM"),
    ("WEAM + word-contrastive", "TLM"),
    ("word-contrastive", "WEAM, representation"),
    ("WEAM + word-contrastive", "WEAM, representation"),
    ("WEAM + word-contrastive", "word-contrastive"),
    ("WEAM + pointer", "WEAM, representation"),
    ("WEAM + pointer", "WEAM + pointer, links shuffled"),
    ("WEAM + word-contrastive", "translation ranking"),
    ("WEAM + word-contrastive", "word-aligned (Cao)"),
    ("WEAM, representation", "word-aligned (Cao)"),
    ("word-aligned (Cao)", "TLM"),
    ("word-aligned (Cao)", "word-aligned (Cao), links shuffled"),
    *((f"{arm}, FastAlign", arm) for arm in LINKED),
    *((arm.name, arm.name.removesuffix(end)) for end in (" of words", ", FastAlign of words") for arm in WORD_BY_WORD),
    ("embedding-alignment", "MLM"),
    ("embedding-alignment", "embedding-alignment, links shuffled"),
    ("embedding-alignment", "WEAM, representation"),
    ("TLM", "MLM"),
    ("TLM", "TLM, unpaired"),
    ("WEAM + word-contrastive", "MLM"),
    ("WEAM + word-contrastive", "TLM, unpaired"),
    ("WEAM + word-contrastive", "pointer"),
    *((arm.name, "WEAM + word-contrastive") for arm in (*FROZEN, AT_LAYER_4)),
    *(tuple(arm.name for arm in arms) for arms in (SECOND_ROUND, REAL_SECOND_ROUND)),
    *((LONGER[0].name, other) for other in (LONGER[1].name, LONGER[2].name, "WEAM + word-contrastive")),
    *((LONGER[2].name, other) for other in (LONGER[1].name, "WEAM, representation")),
    *((LONGEST[0].name, other.name) for other in (LONGEST[1], LONGEST_PLACEBO, LONGER[2])),
    *((LONGEST[2].name, other.name) for other in (LONGEST[1], LONGEST[0], LONGER[0])),
    *((AVERAGED[0].name, other) for other in (AVERAGED[1].name, "WEAM + word-contrastive", "WEAM, representation")),
    *((AVERAGED[0].name, other) for other in ("TLM", "WEAM + word-contrastive, links shuffled", "none")),
    (AVERAGED[0].name, AVERAGED_TLM.name),
    (AVERAGED[0].name, "translation ranking"),
    *((WITH_RANKING[0].name, other) for other in ("translation ranking", "WEAM, representation", "TLM", "none")),
    *((WITH_RANKING[0].name, other) for other in ("WEAM + word-contrastive", AVERAGED[0].name)),
    (WITH_RANKING[0].name, WITH_RANKING[2].name),
    *((WITH_ALL[0].name, other) for other in ("WEAM + word-contrastive", "translation ranking", "TLM", "none")),
    *((WITH_ALL[0].name, other.name) for other in (QUESTIONED[0], WITH_RANKING[0], WITH_ALL[2], AVERAGED[0])),
    (OWN_LINKS.name, "WEAM + word-contrastive"),
    (AVERAGED_OWN_LINKS.name, AVERAGED[0].name),
    *((arm.name, "none") for arm in (AVERAGED[1], AVERAGED_TLM, AVERAGED_OWN_LINKS)),
    *((arm, "none") for arm in ("WEAM, representation", "WEAM, target", "TLM", "WEAM + word-contrastive")),
    *((arm, "none") for arm in ("WEAM + word-contrastive, links shuffled", OWN_LINKS.name, FROZEN[2].name)),
    ("word-contrastive", "none"),
    *(("translation ranking", other) for other in ("WEAM, representation", "TLM", "none")),
    *((arm, "none") for arm in ("MLM", "TLM, unpaired", "word-aligned (Cao)", "pointer", "embedding-alignment")),
)
ANSWERS = (  # of the summary: a question, and the difference that answers it
    ("1. WEAM or TLM?", "WEAM, representation", "TLM"),
    ("2. Is it the links?", "WEAM, representation", "WEAM, representation, links shuffled"),
    ("", "WEAM + word-contrastive", "WEAM + word-contrastive, links shuffled"),
    ("3. Which exchange?", "WEAM, representation", "WEAM, target"),
    ("4. What brings more?", "WEAM + word-contrastive", "WEAM, representation"),
    ("", "WEAM + word-contrastive", "TLM"),
    ("", AT_LAYER_4.name, "WEAM + word-contrastive"),
    ("5. Aligned embeddings?", "embedding-alignment", "WEAM, representation"),
    ("6. Word alignment?", "WEAM, representation", "word-aligned (Cao)"),
    ("", "WEAM + word-contrastive", "word-aligned (Cao)"),
    ("7. More steps?", LONGER[0].name, LONGER[1].name),
    ("", LONGER[2].name, LONGER[1].name),
    ("", LONGEST[0].name, LONGEST[1].name),
    ("", LONGEST[0].name, LONGEST_PLACEBO.name),
    ("8. The pointer?", "pointer", "pointer, links shuffled"),
    ("9. The text alone?", "TLM", "TLM, unpaired"),
    ("", "TLM, unpaired", "none"),
    ("", "MLM", "none"),
    ("10. FastAlign's links?", "WEAM, representation, FastAlign", "WEAM, representation"),
    ("", "WEAM + word-contrastive, FastAlign", "WEAM + word-contrastive"),
    ("", WORD_BY_WORD[1].name, "WEAM + word-contrastive, FastAlign"),
    ("11. A second round?", SECOND_ROUND[0].name, SECOND_ROUND[1].name),
    ("", REAL_SECOND_ROUND[0].name, REAL_SECOND_ROUND[1].name),
    *(
        ("" if number else "12. The best recipe?", WITH_RANKING[0].name, other)
        for number, other in enumerate(
            ("WEAM, representation", "TLM", WITH_RANKING[2].name, "translation ranking", "WEAM + word-contrastive")
        )
    ),
    ("", WITH_ALL[0].name, "WEAM + word-contrastive"),
    *(
        ("" if number else "13. What gets lost?", arm.name, "none")
        for number, arm in enumerate((QUESTIONED[1], AVERAGED[0], WITH_RANKING[0], WITH_ALL[0]))
    ),
)
ANSWERED = {  # by which figures of each bed
    "clone": ("tags", "mean"),
    "real": ("tags", "mean"),
    "distant": ("tags", "retrieval", "retrieval, no bitext"),
}
GAINS = tuple(contrast for contrast in CONTRASTS if contrast[1] == "none")
FOLLOWED = tuple(arm.name for arm in QUESTIONED)
FOLLOW_UPS = (  # questions around the claims: an arm, and what it is compared with
    (TAGS_FIRST.name, "none"),
    *((f"{TAGS_FIRST.name}, then {arm}", arm) for arm in FOLLOWED),
    *((f"{TAGS_FIRST.name}, then {arm}", TAGS_FIRST.name) for arm in FOLLOWED),
    *((f"{arm}, {text}", arm) for text in ("German only", "Chinese only") for arm in FOLLOWED),
    *((f"{arm}, {text}", "none") for text in ("German only", "Chinese only") for arm in FOLLOWED),
    *((f"{arm}, 1 Chinese pair to 64 German", f"{arm}, German only") for arm in FOLLOWED),
    *(
        (f"{arm}, 1 Chinese pair to 64 German, sampled alike", f"{arm}, 1 Chinese pair to 64 German")
        for arm in FOLLOWED
    ),
)
ByLanguage = tuple[tuple[tuple[str, ...], ...], dict[str, str]]  # differences; figures, and in which languages
BY_LANGUAGE: dict[str, dict[str, ByLanguage]] = {  # of a bed the tables
    "real": {"follow-ups": (FOLLOW_UPS, {"tags": "de es", "retrieval": "de es zh", "AER": ""})},
    "distant": {
        "retrieval": (GAINS, {"retrieval": "ar hi ja tr zh", "retrieval, no bitext": "de es sw vi"}),
        "tags": (GAINS, {"tags": "ar hi tr zh", "tags, no bitext": "de es"}),
    },
}
JUDGED = {"clone": ("tags", "XNLI"), "real": ("tags",)}  # by which tasks a bed decides the claims
CLAIMS = (  # of the paper, zero-shot; b and f are of translate-train, for which a bed has no training set
    ("a", "TLM", "above", "none"),
    ("c", "WEAM, target", "above", "none"),
    ("c", "WEAM, representation", "above", "none"),
    ("d", "TLM", "like", "word-aligned (Cao)"),
    ("d", "word-aligned (Cao)", "above", "none"),
    ("e", "WEAM, target", "above", "TLM"),
    ("e", "WEAM, representation", "above", "TLM"),
    ("e", "WEAM, representation", "above", "word-aligned (Cao)"),
    ("e", LONGEST[0].name, "above", LONGEST[1].name),
)

CANDIDATES = (  # for the default: trained equally long, on the links of the bed
    *("none", "MLM", "TLM", "WEAM, target", "WEAM, representation"),
    *("word-contrastive", "WEAM + word-contrastive", "translation ranking", "word-aligned (Cao)"),
    *(WITH_RANKING[0].name, WITH_ALL[0].name),
)

DRAWN = (*CANDIDATES, "embedding-alignment", "pointer", "WEAM + pointer", AVERAGED[0].name)
