import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from relevance.contracts.training import BasketLine  # noqa: E402
from relevance.errors import FileDamaged, ReleaseRefused  # noqa: E402
from relevance.recommenders import Bought, NextPurchases  # noqa: E402
from sagemaker_jobs import train_shopper  # noqa: E402
from sagemaker_jobs.dataset import BASKETS, jsonl  # noqa: E402
from sagemaker_jobs.product_vectors import VECTORS  # noqa: E402
from tests.models.purchase_logs import GROUP, a_basket, walks  # noqa: E402
from tests.sagemaker_jobs.learning_data import a_dataset, some_vectors  # noqa: E402

FILES = ["history.json", "manifest.json", "report.json", "shopper.npz"]
QUICK = ("--epochs", "6", "--every-days", "7", "--horizon-days", "21", "--width", "16", "--learning-rate", "0.02")


class Shop:
    """The folders of one training."""

    def __init__(self, folder: Path, baskets: Iterable[BasketLine] | None = None) -> None:
        self.folder = folder
        self.dataset = a_dataset(folder / "dataset", sizes=3)
        self.product_ids = [product.product_id for product in self.dataset.products]
        self.vectors = some_vectors(self.dataset, folder / "vectors")
        self.baskets = walks(self.product_ids, shoppers=250) if baskets is None else list(baskets)
        (self.dataset.folder / BASKETS).write_text("".join(jsonl(self.baskets)))

    def train(self, output: str = "output", *more: str) -> int:
        folders = ("--dataset", str(self.dataset.folder), "--vectors", str(self.vectors))
        return train_shopper.main([*folders, "--output", str(self.folder / output), *QUICK, *more])

    def written(self, output: str = "output") -> list[str]:
        folder = self.folder / output
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A shop that everybody walks through in one direction, and the model that was trained on it."""
    shop = Shop(tmp_path_factory.mktemp("walked"))
    assert shop.train() == 0
    return shop


def test_the_direction_of_purchases_is_found_where_counting_cannot_find_it(walked):
    report = json.loads((walked.folder / "output" / "report.json").read_text())

    assert report["recall"] > 3 * report["others"]["popularity"]
    assert report["recall"] > 1.2 * report["others"]["EASE"]
    assert report["blend"]["sequence_weight"] > 0


def test_who_bought_in_two_parts_of_the_shop_is_led_to_the_third(walked):
    model = NextPurchases.load(walked.folder / "output")
    first, second, third = (walked.product_ids[part * GROUP : (part + 1) * GROUP] for part in (3, 4, 5))
    past = [Bought(product_id, 25) for product_id in first[:5]] + [Bought(product_id, 5) for product_id in second[:5]]

    recommended = model.recommend(past, 10)

    assert sum(one.product_id in third for one in recommended) >= 8


def test_what_is_written_says_what_it_was_made_of(walked):
    manifest = json.loads((walked.folder / "output" / "manifest.json").read_text())

    assert walked.written() == FILES
    assert manifest["space"] == "large"
    assert manifest["lineage"]["data_sha256"] == walked.dataset.report["sha256"]
    assert manifest["products"] == len(walked.product_ids)


def test_the_same_seed_gives_the_same_model(walked):
    assert walked.train("again") == 0

    first, second = ((walked.folder / name / "shopper.npz").read_bytes() for name in ("output", "again"))
    assert first == second


@pytest.mark.parametrize("epochs_before", [4, 8])
def test_going_on_from_a_checkpoint_gives_the_model_of_a_run_that_was_not_stopped(walked, monkeypatch, epochs_before):
    kept = str(walked.folder / f"kept{epochs_before}")
    told: list[str] = []

    class Interrupted(Exception):
        pass

    def interrupt(name: str, value: float, **where: float) -> None:
        told.append(name)
        if told.count("train:loss") > epochs_before:
            raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(train_shopper, "measured", interrupt)
        with pytest.raises(Interrupted):
            walked.train("resumed", "--checkpoints", kept)
    assert walked.train("resumed", "--checkpoints", kept) == 0

    for name in ("shopper.npz", "history.json", "report.json"):
        whole, resumed = ((walked.folder / output / name).read_bytes() for output in ("output", "resumed"))
        assert whole == resumed
    shutil.rmtree(walked.folder / "resumed")


def test_a_checkpoint_cut_in_half_is_refused(walked, capsys):
    kept = walked.folder / "half"
    kept.mkdir()
    state = kept / "checkpoint.pt"
    torch.save({"of": {}, "state": {"weights": torch.zeros(1000)}}, state)
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])

    assert walked.train("refused", "--checkpoints", str(kept)) == 1

    assert "damaged" in capsys.readouterr().err
    assert walked.written("refused") == []


def test_a_shop_without_purchases_gets_a_report_and_no_model(tmp_path):
    shop = Shop(tmp_path, baskets=[])

    assert shop.train() == 0

    report = json.loads((tmp_path / "output" / "report.json").read_text())
    assert shop.written() == ["report.json"]
    assert report["learnt"] is False
    with pytest.raises(ReleaseRefused, match=r"manifest\.json"):
        NextPurchases.load(tmp_path / "output")


@pytest.mark.parametrize(
    ("baskets", "cause"),
    [
        ([a_basket("ann", day, "p1", "p2") for day in (0, 30)], "1 shoppers bought 2 products"),
        ([a_basket(name, day, "p1") for day in (0, 30) for name in ("ann", "bob")], "2 shoppers bought 1 products"),
        ([a_basket(name, 0, "p1", "p2") for name in ("ann", "bob")], "nothing to choose on"),
        ([a_basket("ann", 0, "p1"), a_basket("bob", 9, "p999")], "line 2: product 'p999' is not in the catalogue"),
    ],
    ids=["one shopper", "one product", "one day", "a product of another catalogue"],
)
def test_purchases_that_nothing_can_be_learnt_from_are_refused_with_the_cause(tmp_path, capsys, baskets, cause):
    shop = Shop(tmp_path, baskets)

    assert shop.train() == 1

    assert cause in capsys.readouterr().err
    assert shop.written() == []


def test_vectors_that_are_no_numbers_are_refused(walked, tmp_path, capsys):
    vectors = shutil.copytree(walked.vectors, tmp_path / "vectors")
    damaged = np.load(vectors / VECTORS)
    damaged[7, 0] = np.nan
    np.save(vectors / VECTORS, damaged)

    assert walked.train("refused", "--vectors", str(vectors)) == 1

    assert "such as row 7" in capsys.readouterr().err
    assert walked.written("refused") == []


def test_vectors_of_another_catalogue_are_refused(walked, tmp_path, capsys):
    other = some_vectors(a_dataset(tmp_path / "dataset", sizes=1), tmp_path / "vectors")

    assert walked.train("refused", "--vectors", str(other)) == 1

    assert "were made of the data set" in capsys.readouterr().err


def test_a_diverging_loss_ends_the_training(walked, capsys):
    assert walked.train("refused", "--learning-rate", "1e30") == 1

    assert "diverges" in capsys.readouterr().err
    assert walked.written("refused") == []


def test_a_model_whose_file_was_changed_is_not_opened(walked, tmp_path):
    folder = shutil.copytree(walked.folder / "output", tmp_path / "changed")
    arrays = folder / "shopper.npz"
    arrays.write_bytes(arrays.read_bytes()[:-100])

    with pytest.raises(FileDamaged, match="not the file that its manifest promises"):
        NextPurchases.load(folder)


def test_a_stranger_is_recommended_what_most_shoppers_bought_of_late(walked, tmp_path):
    of_late = [a_basket(f"shopper {number}", 85, "p50", f"p{number % 9}") for number in range(200)]
    shop = Shop(tmp_path, [*walked.baskets, *of_late])
    assert shop.train() == 0

    recommended = NextPurchases.load(tmp_path / "output").recommend([Bought("never sold", 3)], 3)

    assert recommended[0].product_id == "p50"


def test_of_many_products_those_that_most_shoppers_bought_are_kept(walked, tmp_path):
    rarely = [a_basket("shopper 0", 50, "p178"), a_basket("shopper 1", 51, "p179")]
    often = [basket for basket in walked.baskets if not {"p178", "p179"} & set(basket.product_ids)]
    shop = Shop(tmp_path, [*often, *rarely])

    assert shop.train("output", "--products", "178", "--examples", "100") == 0

    model = NextPurchases.load(tmp_path / "output")
    assert list(model.product_ids) == sorted(f"p{number}" for number in range(178))
