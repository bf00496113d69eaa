"""The tables of README and docs, written from the benchmarks' results, so that no figure is typed by hand.

A table stands between `<!-- table:relevance -->` and `<!-- /table -->`. Without arguments this program rewrites the
tables of the documents; with `--check` it only says whether they are what the results say, and ends with 1 if not.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results_file import RESULTS
from sagemaker_jobs.folders import PROJECT

Results = Mapping[str, Any]

DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("**/*.md"))]

_MARKED = re.compile(r"(<!-- table:([a-z_]+) -->\n).*?(<!-- /table -->)", re.DOTALL)

_ENGINES = {
    "bm25": "BM25 (title, description and brand as one text)",
    "lexical": "Vitrine, words alone",
    "dense": "Vitrine, meaning alone",
    "fused": "Vitrine, fused",
    "reranked": "Vitrine, fused and re-ranked",
}
_MISSING = (
    "whole query",
    "one letter missing",
    "two letters missing",
    "three letters missing",
    "four letters missing",
)
_COUNTINGS = {"ndcg": "unjudged as bad", "ndcg_judged": "judged only"}


class TableUnknown(Exception):
    """A document asks for a table that no benchmark makes, or whose results were never measured."""


def relevance_table(results: Results) -> str:
    """Engines and their figures, then the differences with their intervals."""
    rows = [
        [_ENGINES[name], *(f"{means[figure]:.3f}" for figure in ("ndcg", "ndcg_judged", "judged", "recall"))]
        for name, means in results["engines"].items()
    ]
    compared = [
        [
            f"{_short(entry['better'])} against {_short(entry['than'])}",
            _COUNTINGS[entry["figure"]],
            f"{entry['mean']:+.3f}",
            f"{entry['low']:+.3f} to {entry['high']:+.3f}",
        ]
        for entry in results["differences"]
    ]
    engines = _table(["", "nDCG@10, unjudged as bad", "nDCG@10, judged only", "judged@10", "recall@100"], rows)
    differences = _table(["nDCG@10", "counting", "difference", "95% interval"], compared)
    return f"{engines}\n{differences}\n{results['queries']} queries. {_circumstances(results)}\n"


def latency_table(results: Results) -> str:
    """Milliseconds of a warm search, whole and by stage, then of queries that come again."""
    repeated = results["repeated"]
    rows = [
        [entry["what"], f"{entry['p50_ms']:.1f}", f"{entry['p99_ms']:.1f}"]
        for entry in (*results["measured"], repeated)
    ]
    table = _table(["warm, one thread", "p50 ms", "p99 ms"], rows)
    return (
        f"{table}\n{results['queries']:,} distinct queries, none asked before, nothing remembered. The last line is a "
        f"simulation: {repeated['searches']:,} searches drawn from {repeated['queries']:,} queries by Zipf's law "
        f"(exponent {repeated['exponent']:g}), at most {repeated['most_remembered']:,} remembered, which answered "
        f"{repeated['remembered_share']:.0%}. {_circumstances(results)}\n"
    )


def retrieval_table(results: Results) -> str:
    """The fusion's weights as used, as chosen by cross-validation, and as best in hindsight, each against BM25."""
    rows = [
        [
            entry["what"],
            _COUNTINGS[entry["figure"]],
            f"{entry['value']:.3f}",
            f"{entry['mean']:+.3f}",
            f"{entry['low']:+.3f} to {entry['high']:+.3f}",
        ]
        for entry in results["compared"]
    ]
    table = _table(["weights", "counting", "nDCG@10", "against BM25", "95% interval"], rows)
    tried = f"{results['settings']} settings on {results['queries']} queries."
    return f"{table}\n{tried} {_circumstances(results)}\n"


def search_path_table(results: Results) -> str:
    """Milliseconds of one search with its stages in the front door, and in functions of their own."""
    names = {"in_process": "all stages in the front door", "functions": "stages 1 and 3 in functions of their own"}
    rows = [
        [names.get(entry["what"], entry["what"]), f"{entry['p50_ms']:.1f}", f"{entry['p99_ms']:.1f}"]
        for entry in results["measured"]
    ]
    table = _table(["warm, on the local cloud", "p50 ms", "p99 ms"], rows)
    return f"{table}\n{results['queries']} queries, each by both paths in turn. {_circumstances(results)}\n"


def monitoring_table(results: Results) -> str:
    """Milliseconds of a request with metrics and without, then what they add."""
    names = {"watched": "with metrics and stages' times", "unwatched": "without"}
    rows = [[names[entry["what"]], f"{entry['p50_ms']:.2f}", f"{entry['p99_ms']:.2f}"] for entry in results["measured"]]
    table = _table(["warm, in the handler", "p50 ms", "p99 ms"], rows)
    low, high = results["added_low_ms"], results["added_high_ms"]
    added = (
        f"Added to the same query: {results['added_p50_ms']:.2f} ms at the median, {results['added_mean_ms']:.2f} ms "
        f"on average (95% within {low:.2f} to {high:.2f})."
    )
    return f"{table}\n{added} {results['queries']:,} queries, each both ways in turn. {_circumstances(results)}\n"


def spelling_table(results: Results) -> str:
    """Shares of misspelt words that were corrected, with milliseconds, then of right queries that were changed."""
    slips = [
        [
            f"{entry['edits']} random edit{'s' if entry['edits'] > 1 else ''}, words drawn {entry['drawn']}",
            f"{entry['corrected']:.1%}",
            f"{entry['found']:.1%}",
            f"{entry['mean_ms']:.2f}",
            f"{entry['p99_ms']:.2f}",
        ]
        for entry in results["slips"]
    ]
    right = [[entry["what"], f"{entry['changed']:.2%}"] for entry in results["right_queries"]]
    misspelt = _table(["misspelt words", "corrected", "finds the same", "mean ms", "p99 ms"], slips)
    queries = _table([f"{results['right_queries'][0]['queries']:,} right queries each", "changed"], right)
    return f"{misspelt}\n{queries}\n{results['words_known']:,} words known. {_circumstances(results)}\n"


def cold_start_table(results: Results) -> str:
    """What a new execution environment costs."""
    names = {
        "cold_import_ms": "importing the front door, ms",
        "cold_open_ms": "opening a release that lies there, every file checked, ms",
        "first_search_ms": "the first search, ms",
        "resident_mb": "resident memory behind some searches, MB",
    }
    rows = [[name, f"{results[figure]:.0f}"] for figure, name in names.items()]
    rows += [
        [f"importing {entry['function']}, ms", f"{entry['import_ms']:.0f}"]
        for entry in results["imports"]
        if entry["function"] != "assemble_results"
    ]
    table = _table([f"a new process, median of {results['runs']}", ""], rows)
    return f"{table}\n{_circumstances(results)}\n"


def load_table(results: Results) -> str:
    """Searches over HTTP at a steady rate."""
    answers = ", ".join(f"{count:,} times {outcome}" for outcome, count in results["outcomes"].items())
    heads = ["over HTTP, on the local cloud", "p50 ms", "p99 ms", "most ms", "answers"]
    row = [
        f"{results['per_second']} searches a second for {results['seconds']} s",
        *(f"{results[figure]:.0f}" for figure in ("p50_ms", "p99_ms", "most_ms")),
        answers,
    ]
    return f"{_table(heads, [row])}\n{_circumstances(results)}\n"


def bill_table(results: Results) -> str:
    """US dollars a month of each stage, asleep and for every million searches; then prod's items."""
    sums = [
        [name, f"{each['asleep_usd']:.2f}", f"{each['per_million_usd']:.2f}"]
        for name, each in results["stages"].items()
    ]
    prod = results["stages"]["prod"]
    items = [
        [when, item["what"], f"{item['usd']:.2f}"]
        for when, part in (("asleep", "asleep"), ("a million searches", "per_million"))
        for item in prod[part]
    ]
    assumed = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in prod["assumptions"].items())
    return (
        f"{_table(['US dollars a month', 'asleep', 'every million searches, on top'], sums)}\n"
        f"{_table(['prod', 'item', 'US dollars'], items)}\n"
        f"Prices of {prod['region']} as of {prod['prices_read']}, no free tier subtracted. Assumed: {assumed}. "
        f"Measured: {_circumstances(results)}\n"
    )


def search_as_you_type_table(results: Results) -> str:
    """Milliseconds of a keystroke, then nDCG@10 while the last word is being typed."""
    rows = [
        [entry["what"], f"{entry['keystrokes']:,}", f"{entry['p50_ms']:.1f}", f"{entry['p99_ms']:.1f}"]
        for entry in results["measured"]
    ]
    times = _table(["a keystroke, in the handler", "keystrokes", "p50 ms", "p99 ms"], rows)
    early = [
        [
            _MISSING[entry["missing"]],
            str(entry["queries"]),
            *(f"{entry[how]['ndcg']:.3f} / {entry[how]['ndcg_judged']:.3f}" for how in ("completed", "as_typed")),
        ]
        for entry in results["early"]
    ]
    heads = ["nDCG@10, unjudged as bad / judged only", "queries", "last word completed", "taken as typed"]
    return f"{times}\n{_table(heads, early)}\nWarm, one thread. {_circumstances(results)}\n"


def peers_table(results: Results) -> str:
    """Every engine's relevance, beside textbook BM25's, then what it costs to ask and to keep."""
    against = {(entry["better"], entry["figure"]): entry for entry in results["differences"]}

    def beside(name: str, figure: str) -> str:
        entry = against.get((name, figure))
        return f"{entry['mean']:+.3f} ({entry['low']:+.3f} to {entry['high']:+.3f})" if entry else "-"

    judged = [each for each in results["engines"] if "ndcg" in each]
    relevance = [
        [
            each["title"],
            *(cell for figure in _COUNTINGS for cell in (f"{each[figure]:.3f}", beside(each["name"], figure))),
            *(f"{each[figure]:.3f}" for figure in ("judged", "recall")),
        ]
        for each in judged
    ]
    cost = [
        [
            each["title"],
            f"{each['p50_ms']:.2f}",
            f"{each['p99_ms']:.2f}",
            f"{each['queries']:,}",
            *(f"{each[figure]:,}" if figure in each else "-" for figure in ("loaded_mib", "used_mib")),
            f"{each['start_seconds']:.1f}",
            f"{each['build_seconds']:.0f}",
        ]
        for each in results["engines"]
    ]
    countings = [cell for spoken in _COUNTINGS.values() for cell in (f"nDCG@10, {spoken}", "against BM25")]
    heads = ["p50 ms", "p99 ms", "queries", "MiB loaded", "MiB after queries", "start s", "build s"]
    versions = ", ".join(f"{name} {version}" for name, version in results["packages"].items())
    ours = [
        f"{entry['mean']:+.3f} ({entry['low']:+.3f} to {entry['high']:+.3f}), {_COUNTINGS[entry['figure']]}"
        for entry in results.get("against_fusion", ())
    ]
    beside_fusion = f"Vitrine against fusion by rank: {'; '.join(ours)}. " if ours else ""
    return (
        f"{_table(['', *countings, 'judged@10', 'recall@100'], relevance)}\n{_table(['one thread', *heads], cost)}\n"
        f"{beside_fusion}{results['judged_queries']} judged queries; distinct queries timed. {versions}. "
        f"{_circumstances(results)}\n"
    )


def scale_table(results: Results) -> str:
    """What grows with the catalogue, a column for each size."""
    sizes = results["sizes"]
    rows = []
    for kind in zip(*(size["measured"] for size in sizes), strict=True):
        rows.append(
            [f"{kind[0]['what']}, p50 / p99 ms", *(f"{each['p50_ms']:.1f} / {each['p99_ms']:.1f}" for each in kind)]
        )
    whole = [size["measured"][0]["p50_ms"] for size in sizes]
    rows.insert(1, ["the p50 of that, of the first size's", *(f"{p50 / whole[0]:.2f}x" for p50 in whole)])
    for what, figure, digits in (
        ("of the 200 nearest vectors, share that is found", "recall", 3),
        ("building the release, s, without encoding", "build_seconds", 0),
        ("most memory of the build, MB", "build_peak_mb", 0),
        ("the release, MB", "release_mb", 0),
        ("fetching it at 75 MB/s, computed, s", "computed_fetch_seconds", 1),
        ("opening it from the disk, every file checked, s", "open_seconds", 1),
        ("the first search behind that, s", "first_search_seconds", 3),
        ("memory of the function's process, MB", "memory_mb", 0),
        ("and what it has mapped of files, MB", "mapped_mb", 0),
    ):
        rows.append([what, *(f"{size[figure]:,.{digits}f}" for size in sizes)])
    table = _table(["products", *(f"{size['products']:,}" for size in sizes)], rows)
    made = "Beyond the first size the catalogue is resampled with perturbed text and vectors, for load only."
    asked = f"{results['queries']:,} distinct queries, the same at every size; median of {results['rounds']} rounds."
    return f"{table}\n{made} {asked} {_circumstances(results)}\n"


def rankers_table(results: Results) -> str:
    """Ways to order the first hundred: on derived queries, and by people's ratings against the fused list."""
    chosen = {
        "anchor, cross-validated": results["anchor_chosen"],
        "anchor with likeness, cross-validated": results["anchor_with_likeness_chosen"],
    }

    def above(found: Results, figure: str) -> str:
        interval = found[f"{figure}_above_fused"]
        return f"{found[figure]:.3f} ({interval['low']:+.3f} to {interval['high']:+.3f})"

    rows = [
        [
            name,
            f"{found['derived']:.3f}" if "derived" in found else "-",
            *(above(found, figure) for figure in _COUNTINGS),
        ]
        for name, found in (results["rankers"] | chosen).items()
    ]
    heads = [f"{spoken} (95% of the difference from the list)" for spoken in _COUNTINGS.values()]
    return (
        f"{_table(['nDCG@10', 'derived queries', *heads], rows)}\n{results['lists_learnt']:,} lists of candidates "
        f"learnt from, {results['lists_held_out']:,} held out; {results['queries']} judged queries. "
        f"{_circumstances(results)}\n"
    )


def encoders_table(results: Results) -> str:
    """Encoders alone by people's ratings, the differences with their intervals, and how near the small ones come."""
    names = {
        "zero-shot": "all-MiniLM-L6-v2 as it is",
        "trained": "trained on this shop",
        "student": "its student, before compression",
        "compressed": "what a function runs",
    }
    figures = {
        "ndcg": "unjudged as bad",
        "ndcg_judged": "judged only",
        "ndcg_all_judged": "all judged products, wherever they stand",
    }
    engines = _table(
        ["dense search alone, nDCG@10", *figures.values()],
        [[names[name], *(f"{means[figure]:.3f}" for figure in figures)] for name, means in results["engines"].items()],
    )
    differences = _table(
        ["nDCG@10", "counting", "difference", "95% interval"],
        [
            [
                f"{names[entry['better']]} against {names[entry['than']]}",
                figures[entry["figure"]],
                f"{entry['mean']:+.3f}",
                f"{entry['low']:+.3f} to {entry['high']:+.3f}",
            ]
            for entry in results["differences"]
            if entry["low"] < entry["high"]  # a student that is the large encoder itself does not differ
        ],
    )
    near = results["overlap"]
    overlap = (
        f"Of the ten products nearest to a query by the large encoder, its student finds "
        f"{near['student_top10_overlap']:.1%} and what a function runs {near['compressed_top10_overlap']:.1%}, over "
        f"{near['unlabelled_queries']:,} queries that nobody labelled."
    )
    of_shop = {**results, "release": {"products": results["products"]}}
    return f"{engines}\n{differences}\n{overlap} {results['queries']} judged queries. {_circumstances(of_shop)}\n"


def categories_table(results: Results) -> str:
    """How well categories are told from texts: of products, of queries, and what careless measuring would show."""

    def believed(found: Results) -> str:
        return f"{found['all']['coverage']:.0%} at {found['all']['precision']:.2f}"

    catalogues = results["catalogues"]
    products = [
        [
            each["what"],
            f"{each['products']:,}",
            f"{each['categories']}",
            f"{each['held_out']['accuracy']:.3f}",
            f"{each['held_out']['macro_f1']:.3f}",
            f"{each['held_out']['broadest_level']['accuracy']:.3f}",
            f"{each['held_out']['most_frequent']:.3f}",
            f"{each['held_out']['calibration_error']:.3f}",
            believed(each["held_out"]["believed"]),
            believed(each["missing_at_random"]),
        ]
        for each in catalogues
    ]
    queries = [
        [
            each["what"],
            f"{each['queries']['queries']}",
            f"{each['queries']['accuracy']:.3f}",
            believed(each["queries"]["believed"]),
        ]
        for each in catalogues
        if each["queries"]["queries"]
    ]
    careless = [[each["what"], f"{each['accuracy']:.3f}", f"{each['macro_f1']:.3f}"] for each in results["flattered"]]
    heads = ["products", "categories", "accuracy", "macro-F1", "broadest level", "most frequent", "calibration error"]
    filled = ["filled in, new kinds", "filled in, missing at random"]
    machine = results["machine"]
    return (
        f"{_table(['products held out with their kind', *heads, *filled], products)}\n"
        f"{_table(['derived queries', 'queries', 'accuracy', 'believed'], queries)}\n"
        f"{_table(['Complete Journey, titles of kind and size', 'accuracy', 'macro-F1'], careless)}\n"
        "Filled in: the share that gets a category, at the precision of these. "
        f"{results['date']}, code {results['code']}, {machine['processor']}, "
        f"{machine['cores']} cores, Python {machine['python']}.\n"
    )


def compression_table(results: Results) -> str:
    """Each way to compress: size, time, and nearness to the large encoder."""
    rows = [
        [
            step["name"],
            f"{step['megabytes']:.1f}",
            f"{step['smaller']:.1f}x",
            f"{step['p50_ms']:.2f}",
            f"{step['faster']:.1f}x",
            f"{step['overlap10']:.3f}",
            f"{step['overlap10_both']:.3f}" if step["overlap10_both"] else "-",
            f"{step['cosine']:.4f}",
            f"{step['product_cosine']:.4f}",
            f"{step['dense']['ndcg']:.3f} / {step['dense']['ndcg_judged']:.3f}",
        ]
        for step in results["steps"]
    ]
    heads = ["", "MB", "smaller", "p50 ms", "faster", "overlap@10", "both sides", "cosine", "of products", "nDCG@10"]
    machine = results["machine"]
    return (
        f"{_table(heads, rows)}\n"
        f"{results['queries']:,} queries ({results['queries_both']:,} for both sides) over {results['products']:,} "
        f"products of Icecat; nDCG@10 of {results['judged_queries']} judged queries by vectors alone, unjudged as bad "
        "/ judged only. "
        f"{results['date']}, code {results['code']}, {machine['processor']}, "
        f"{machine['cores']} cores, Python {machine['python']}.\n"
    )


def serve_table(results: Results) -> str:
    """The endpoint's milliseconds and queries a second, by precision, way of batching and clients."""
    rows = [
        [
            f"{row['precision']}, {row['batching']}",
            str(row["clients"]),
            f"{row['p50_ms']:.0f}",
            f"{row['p99_ms']:.0f}",
            f"{row['per_second']:.0f}",
            f"{row['batch_size']:.1f}",
        ]
        for row in results["rows"]
    ]
    heads = ["all-MiniLM-L6-v2", "clients", "p50 ms", "p99 ms", "queries/s", "texts in a batch"]
    machine = results["machine"]
    return (
        f"{_table(heads, rows)}\n"
        f"Over HTTP on the loopback, provider {results['provider']}; each row until {results['requests']} queries or "
        f"{results['seconds']:g} s; clients on the same machine. {results['date']}, code {results['code']}, "
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}.\n"
    )


def endpoint_faults_table(results: Results) -> str:
    """What became of searches while the endpoint failed in one way after the other."""
    rows = [
        [
            phase["phase"],
            str(phase["failed"]),
            str(phase["wrong_about_themselves"]),
            ", ".join(f"{rung} {count}" for rung, count in sorted(phase["rungs"].items())),
            f"{phase['p50_ms']:.0f}",
            f"{phase['p99_ms']:.0f}",
            "-" if phase["all_of_the_endpoint_after_s"] is None else f"{phase['all_of_the_endpoint_after_s']:g}",
        ]
        for phase in results["phases"]
    ]
    heads = [
        "the endpoint is",
        "failed",
        "wrong `degraded`",
        "searches by rung",
        "p50 ms",
        "p99 ms",
        "all of it from, s",
    ]
    return (
        f"{_table(heads, rows)}\n"
        f"{results['per_second']} searches a second, {results['seconds']} s of each, over HTTP on the local cloud; "
        f"deadline of the endpoint {results['deadline_ms']} ms. {_circumstances(results)}\n"
    )


def bad_release_table(results: Results) -> str:
    """From a bad release's publication to its end."""
    rows = [
        ["nDCG@10 of the judged queries before", f"{results['ndcg10_before']:.2f}"],
        ["of the bad release", f"{results['ndcg10_of_it']:.2f}"],
        ["looks at it until the alarm rang", str(results["looks_at_it_until_the_alarm"])],
        ["from the command that published it to the alarm", f"{results['alarm_after_publication_s']:.0f} s"],
        ["from the command that took it back to the last answer of it", f"{results['rollback_took_s']:.0f} s"],
        ["searches meanwhile", f"{results['searches']:,}"],
        ["of them failed", str(len(results["failed"]))],
    ]
    return (
        f"{_table(['a flipped ranker, published by hand', ''], rows)}\n"
        f"{results['per_second']} searches a second; the watch looks every {results['period_seconds']} s, functions "
        f"look at the pointer every {results['pointer_seconds']:g} s. {_circumstances(results)}\n"
    )


def drift_recovery_table(results: Results) -> str:
    """From the day that a department opens to the day that search knows it."""

    def minutes(seconds: float | None) -> str:
        return "never" if seconds is None else f"{seconds / 60:.1f} min"

    rows = [
        ["nDCG@10 of the judged queries before", f"{results['ndcg10_before']:.2f}"],
        ["at its lowest", f"{results['ndcg10_least']:.2f}"],
        ["at the end", f"{results['ndcg10_at_the_end']:.2f}"],
        ["drift of queries (PSI) at its highest", f"{results['drift_most']:.2f}"],
        ["at the end", f"{results['drift_at_the_end']:.2f}"],
        ["until the alarm rang", minutes(results["alarm_after_s"])],
        ["until the training began", minutes(results["training_after_s"])],
        ["until its release was live", minutes(results["release_after_s"])],
        ["until the alarm was over", minutes(results["alarm_over_after_s"])],
        ["searches in all, and failed ones", f"{results['searches']:,}, {len(results['failed'])}"],
    ]
    products, judged = results["products"], results["judged_queries"]
    about = {"release": {"products": products["before"] + products["added"]}}
    return (
        f"{_table(['a department opens', ''], rows)}\n"
        f"{products['before']:,} products and {products['added']:,} new ones, which {results['share_of_searches']:.0%} "
        f"of the searches are for; {judged['old']} judged queries and {judged['new']} new ones, "
        f"{results['per_second']} searches a second, a look every "
        f"{results['period_seconds']} s (on AWS: an hour). {_circumstances({**results, **about})}\n"
    )


def gate_table(results: Results) -> str:
    """Honest candidates and spoiled ones: how far each is from the live release, and what the gate said."""

    def interval(found: Results | None) -> str:
        return "-" if found is None else f"{found['mean']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"

    rows = [
        [
            entry["name"] if entry["honest"] else f"*{entry['name']}*",
            interval(entry["difference"]),
            interval(entry["judged_difference"]),
            f"{entry['checks']['brand_exposure_against_live']:+.3f}",
            f"{entry['checks']['price_exposure_against_live']:+.3f}",
            f"{entry['checks']['latency_p50_against_live']:.2f}",
            ", ".join(name.replace("_", " ") for name in entry["missed"]) or "passes",
        ]
        for entry in sorted(results["entries"], key=lambda entry: not entry["honest"])
    ]
    heads = ["", "nDCG@10", "by ratings", "brands", "prices", "p50", "what it misses"]
    honest, bad = results["honest"], results["bad"]
    return (
        f"{_table(heads, rows)}\n{honest['passed']} of {honest['candidates']} honest releases pass, "
        f"{bad['stopped']} of {bad['candidates']} spoiled ones (in italics) are stopped by the check that is meant for "
        f"them. {results['queries']:,} test queries derived from the catalogue, {results['judged_queries']} with "
        f"people's ratings. {_circumstances(results)}\n"
    )


def recommendations_table(results: Results) -> str:
    """What shoppers bought next that was new to them: each recommender, held against EASE."""

    def row(name: str, found: Results) -> list[str]:
        above = found["above_ease"]
        histories = (found.get(f"recall20_{length}_history") for length in ("short", "middle", "long"))
        return [
            name,
            f"{found['recall20']:.4f}",
            f"{found['of_ease']:.2f}x",
            f"{above['mean']:+.4f} ({above['low']:+.4f} to {above['high']:+.4f})",
            f"{found['recall20_of_possible']:.4f}",
            " / ".join("-" if value is None else f"{value:.3f}" for value in histories),
            f"{found['coverage']:.2f}",
        ]

    heads = [
        "",
        "recall@20",
        "of EASE's",
        "above EASE (95%)",
        "of what 20 places allow",
        "short / middle / long",
        "coverage",
    ]
    machine = results["machine"]
    return (
        f"{_table(heads, [row(name, found) for name, found in results['recommenders'].items()])}\n"
        f"{results['described']}: {results['shoppers_learnt_from']:,} shoppers and {results['products']:,} products "
        f"learnt from until {results['learnt_until']}; {results['shoppers_asked']:,} shoppers asked, who bought "
        f"{results['answers']:,} products after it that were new to them. "
        f"{results['products_new_to_the_shop']:,} products were new to the shop: no recommender could name them. "
        f"Short histories hold fewer than 10 products, long ones more than 50. "
        f"{results['date']}, code {results['code']}, {machine['processor']}, "
        f"{machine['cores']} cores, Python {machine['python']}.\n"
    )


def rungs_table(results: Results) -> str:
    """Relevance of each rung of query vectors, what the ranker adds there, and what a vector and a search take."""
    names = {
        "cache": "cache: the large model's vector, in the release",
        "endpoint": "endpoint: the large model's vector, over HTTP",
        "lambda": "lambda: the student's vector",
        "lexical": "lexical: no vector",
    }
    times = {
        (entry["rung"], entry["what"]): f"{entry['p50_ms']:.2f} / {entry['p99_ms']:.2f}"
        for entry in results["measured"]
    }
    rows = [
        [
            names[entry["rung"]],
            *(f"{entry[order][figure]:.3f}" for figure in _COUNTINGS for order in ("fused", "reranked")),
            times[entry["rung"], "vector"],
            times[entry["rung"], "search"],
        ]
        for entry in results["rungs"]
    ]
    compared = [
        [
            what.format(entry["rung"]),
            _COUNTINGS[entry["figure"]],
            f"{entry['mean']:+.3f}",
            f"{entry['low']:+.3f} to {entry['high']:+.3f}",
        ]
        for part, what in (
            ("ranker", "{}: re-ranked against fused"),
            ("against_lambda", "{} against lambda, re-ranked"),
        )
        for entry in results[part]
    ]
    heads = ["nDCG@10"]
    heads += [f"{order}, {counting}" for counting in _COUNTINGS.values() for order in ("fused", "re-ranked")]
    heads += ["vector, p50 / p99 ms", "search, p50 / p99 ms"]
    differences = _table(["nDCG@10", "counting", "difference", "95% interval"], compared)
    return (
        f"{_table(heads, rows)}\n{differences}\n{results['queries']} queries, one thread. {_circumstances(results)}\n"
    )


TABLES: Mapping[str, Callable[[Results], str]] = {
    "bad_release": bad_release_table,
    "drift_recovery": drift_recovery_table,
    "gate": gate_table,
    "rungs": rungs_table,
    "endpoint_faults": endpoint_faults_table,
    "serve": serve_table,
    "serve_cuda": serve_table,
    "relevance": relevance_table,
    "latency": latency_table,
    "retrieval": retrieval_table,
    "search_path": search_path_table,
    "monitoring": monitoring_table,
    "spelling": spelling_table,
    "bill": bill_table,
    "search_as_you_type": search_as_you_type_table,
    "cold_start": cold_start_table,
    "load": load_table,
    "peers": peers_table,
    "scale": scale_table,
    "rankers": rankers_table,
    "categories": categories_table,
    "encoders": encoders_table,
    "compression": compression_table,
    "recommendations": recommendations_table,
    "recommendations_complete_journey": recommendations_table,
}


def with_tables(text: str, results: Path = RESULTS) -> str:
    """The document with every marked table as its results say.

    Raises:
        TableUnknown: If a marker names a table that no benchmark makes, or that was not measured yet.
    """

    def written(marked: re.Match[str]) -> str:
        opening, name, closing = marked.groups()
        path = results / f"{name}.json"
        if name not in TABLES or not path.is_file():
            raise TableUnknown(f"table {name!r}: expected one of {', '.join(TABLES)}, measured into {path.name}")
        return opening + TABLES[name](json.loads(path.read_text(encoding="utf-8"))) + closing

    return _MARKED.sub(written, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; end with 1 if a table is out of date")
    parser.add_argument("document", nargs="*", type=Path, default=DOCUMENTS)
    given = parser.parse_args(arguments)
    outdated = 0
    for document in given.document:
        text = document.read_text(encoding="utf-8")
        try:
            right = with_tables(text)
        except TableUnknown as error:
            print(f"{document.name}: {error}", file=sys.stderr)
            return 1
        if right == text:
            continue
        outdated += 1
        if given.check:
            print(
                f"{document.name}: a table is not what the results say: run `python -m benchmarks.tables`",
                file=sys.stderr,
            )
        else:
            document.write_text(right, encoding="utf-8")
    return 1 if given.check and outdated else 0


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _short(engine: str) -> str:
    return {"bm25": "BM25", "reranked": "re-ranked"}.get(engine, engine)


def _circumstances(results: Results) -> str:
    machine = results["machine"]
    products = results["release"]["products"]
    return (
        f"Icecat, {products:,} products; {results['date']}, code {results['code']}, "
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}."
    )


if __name__ == "__main__":
    sys.exit(main())
