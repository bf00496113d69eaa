import json
import re
from collections import Counter

import numpy as np
import pytest

from relevance.category_intent import WEIGHTS, CategoryClassifier
from relevance.encoder import TextEncoder
from sagemaker_jobs import categorise
from sagemaker_jobs.categorise import text_without_categories
from sagemaker_jobs.product_vectors import VECTORS
from tests.builders import a_product
from tests.sagemaker_jobs.training_results import a_query, write_dataset, write_encoder, write_vectors

KINDS = {
    ("Home", "Lighting"): ("lamp", "lantern", "chandelier"),
    ("Home", "Kitchen"): ("kettle", "toaster", "saucepan"),
    ("Office", "Computers"): ("notebook computer", "laptop", "desktop PC"),
    ("Office", "Paper"): ("copy paper", "envelopes", "notepad"),
}
SORTS = ("small", "large", "classic", "modern", "cheap", "premium", "black", "white")


def a_shop(*, without=lambda number: False):
    """Twelve kinds of four categories in eight sorts and two sizes; some products come without their category."""
    products = []
    for path, kinds in KINDS.items():
        for kind in kinds:
            for sort in SORTS:
                for size in (1, 2):
                    number = len(products)
                    categories = [] if without(number) else list(path)
                    products.append(a_product(f"p{number}", f"{sort} {kind} {size} kg", categories=categories))
    return products


def path_of(product_id):
    return list(KINDS)[int(product_id[1:]) // (3 * len(SORTS) * 2)]


class Inputs:
    """The folders that the job reads, and where it writes."""

    def __init__(self, folder, encoder, products, answers=None):
        self.data = write_dataset(folder / "dataset", products, answers or {})
        self.folders = {"dataset": folder / "dataset", "encoder": encoder, "output": folder / "output"}
        self.folders["vectors"] = write_vectors(folder / "vectors", self.data, encoder)
        self.output = folder / "output"

    def run(self, *options):
        named = [part for name, folder in self.folders.items() for part in (f"--{name}", str(folder))]
        return categorise.main([*named, *options])

    def report(self):
        return json.loads((self.output / "report.json").read_bytes())

    def lines(self):
        return [json.loads(line) for line in (self.output / "categories.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder") / "encoder")


@pytest.fixture(scope="module")
def filled(tmp_path_factory, encoder):
    """A run over a shop in which every fifth product lacks its category."""
    products = a_shop(without=lambda number: number % 5 == 0)
    answers = {
        a_query("modern lamps"): {"p96": 0.9, "p97": 0.2, "p6": 1.0, "p7": 1.0},
        a_query("paper"): {product.product_id: 1.0 for product in products[144:160]},
        a_query("toaster", split="train"): {"p66": 1.0},
    }
    inputs = Inputs(tmp_path_factory.mktemp("filled"), encoder, products, answers)
    assert inputs.run("--seed", "1") == 0
    return inputs


def test_missing_categories_are_filled_in_and_nearly_all_are_right(filled):
    lines = filled.lines()

    right = [path_of(line["product_id"])[: len(line["category"])] == tuple(line["category"]) for line in lines]
    assert all(int(line["product_id"][1:]) % 5 == 0 for line in lines)
    assert len(lines) >= 0.5 * filled.report()["without_category"]
    assert np.mean(right) > 0.9


def test_what_is_filled_in_is_at_least_as_likely_as_the_threshold(filled):
    threshold = filled.report()["threshold"]

    assert 0 < threshold <= 1
    assert all(line["probability"] >= threshold - 1e-4 for line in filled.lines())


def test_the_report_counts_each_product_held_out_once(filled):
    held_out = filled.report()["held_out"]

    taken = Counter()
    for each in held_out["confusion"]:
        taken[each["category"] == each["taken_for"]] += each["products"]
    assert taken.total() == held_out["products"] == sum(each["support"] for each in held_out["by_category"])
    assert held_out["accuracy"] == pytest.approx(taken[True] / taken.total())
    assert held_out["accuracy"] > held_out["most_frequent"] + 0.3


def test_the_category_of_a_query_is_that_of_most_of_its_answers(filled):
    queries = filled.report()["queries"]

    assert queries["queries"] == 2  # the third was trained on
    assert queries["accuracy"] == 1.0


def test_the_classifier_reads_back_and_tells_a_query(filled, encoder):
    classifier = CategoryClassifier.load(filled.output)
    vector = TextEncoder.load(encoder).encode("a bright lamp for my desk")

    best = classifier.probabilities(vector[None])[0].argmax()

    assert classifier.manifest.categories == tuple(sorted(KINDS))
    assert classifier.manifest.categories[best] == ("Home", "Lighting")


def test_products_of_categories_too_small_to_learn_count_against_what_is_believed(tmp_path, encoder):
    uses = [f"{use} {place}" for use in ("reading", "travel", "camping", "party", "work") for place in "abcdefghij"]
    lone = [a_product(f"s{use}", f"classic lamp for {use}", categories=[f"For {use}"]) for use in uses]
    inputs = Inputs(tmp_path / "both", encoder, a_shop() + lone)
    alone = Inputs(tmp_path / "alone", encoder, a_shop())

    inputs.run()
    alone.run()

    assert sum(each["products"] for each in inputs.report()["categories"]["left_out"]) == len(lone)
    assert inputs.report()["held_out"]["of_other_categories"] == len(lone) / 5
    assert (inputs.report()["threshold"] or 1.0) > alone.report()["threshold"]


def test_the_plot_is_a_picture(filled):
    assert (filled.output / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_inputs_and_seed_write_the_same_files(filled, tmp_path):
    before = {path.name: path.read_bytes() for path in filled.output.iterdir() if path.name != "manifest.json"}
    filled.folders["output"] = tmp_path

    assert filled.run("--seed", "1") == 0

    filled.folders["output"] = filled.output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "manifest.json"} == before


def test_metrics_are_logged_for_the_pipeline(filled, capsys, tmp_path):
    filled.folders["output"] = tmp_path

    filled.run()

    filled.folders["output"] = filled.output
    logged = {
        line["metric"]: line["value"]
        for line in map(json.loads, capsys.readouterr().err.splitlines())
        if "metric" in line
    }
    assert logged.keys() == {"validation:accuracy", "validation:macro_f1"}
    assert all(0 < value <= 1 for value in logged.values())


def test_the_category_itself_is_not_learnt_from():
    product = a_product(title="Blue thing", categories=["Home", "Lighting"], description="It stands.")

    assert text_without_categories(product) == "Blue thing. It stands."


@pytest.mark.parametrize(
    ("categories", "reason"),
    [
        (lambda number: [], "no product has a category"),
        (lambda number: ["Everything"], "one category alone, Everything"),
        (lambda number: [f"Category {number}"], "no category .* is large enough"),
    ],
)
def test_a_shop_with_nothing_to_tell_apart_gets_no_categories_and_no_error(tmp_path, encoder, categories, reason):
    products = [a_product(f"p{number}", f"{SORTS[number]} lamp", categories=categories(number)) for number in range(8)]
    inputs = Inputs(tmp_path, encoder, products)

    status = inputs.run()

    assert status == 0
    assert inputs.lines() == []
    assert inputs.report()["learnt"] is False
    assert not (inputs.output / WEIGHTS).exists()
    assert re.search(reason, inputs.report()["reason"])


def test_vectors_of_another_catalogue_are_refused(tmp_path, encoder, capsys):
    inputs = Inputs(tmp_path / "one", encoder, a_shop()[:20])
    inputs.folders["vectors"] = Inputs(tmp_path / "other", encoder, a_shop()[:10]).folders["vectors"]

    status = inputs.run()

    assert status == 1
    assert "the vectors are of 10 products" in capsys.readouterr().err
    assert not list(inputs.output.glob("*"))


def test_vectors_that_are_no_numbers_are_refused(tmp_path, encoder, capsys):
    inputs = Inputs(tmp_path, encoder, a_shop()[:20])
    file = inputs.folders["vectors"] / VECTORS
    np.save(file, np.full_like(np.load(file), np.nan))

    status = inputs.run()

    assert status == 1
    assert "not of length 1" in capsys.readouterr().err


def test_an_encoder_of_another_space_is_refused(tmp_path, encoder, capsys):
    inputs = Inputs(tmp_path, encoder, a_shop()[:20])
    inputs.folders["encoder"] = write_encoder(tmp_path / "other", space="another")

    status = inputs.run()

    assert status == 1
    assert "space another" in capsys.readouterr().err


@pytest.mark.parametrize("channel", ["dataset", "vectors", "encoder"])
def test_a_missing_input_is_named(tmp_path, encoder, capsys, channel):
    inputs = Inputs(tmp_path, encoder, a_shop()[:20])
    inputs.folders[channel] = tmp_path / "nowhere"

    status = inputs.run()

    assert status == 1
    assert "nowhere" in capsys.readouterr().err
    assert not list(inputs.output.glob("*"))
