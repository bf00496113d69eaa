import numpy as np

from sagemaker_jobs.category_classes import LEAST_FAMILIES, learnt_classes
from sagemaker_jobs.product_folds import FOLDS, families, family_folds
from tests.builders import a_product


def test_other_sizes_and_brands_of_a_product_are_one_family():
    products = [
        a_product("1", "Birch desk lamp B12 9 W", brand="Birch"),
        a_product("2", "Acorn A7 Desk Lamp, 12 W", brand="Acorn"),
        a_product("3", "Acorn A7 floor lamp, 12 W", brand="Acorn"),
        a_product("4", "X200", brand="Acorn"),
    ]

    assert families(products) == ["desk lamp", "desk lamp", "floor lamp", "X200"]


def test_no_family_is_in_two_folds():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 300)
    family = [f"{label} {generator.integers(12)}" for label in labels]

    folds = family_folds(labels, family, seed=1)

    assert all(len({int(fold) for fold, name in zip(folds, family, strict=True) if name == one}) == 1 for one in family)


def test_every_fold_has_its_share_of_each_label():
    labels = np.repeat([0, 1, 2], [100, 50, 5])
    family = [str(row) for row in range(len(labels))]

    folds = family_folds(labels, family, seed=1)

    for label, each in ((0, 20), (1, 10), (2, 1)):
        assert np.bincount(folds[labels == label], minlength=FOLDS).tolist() == [each] * FOLDS


def test_the_same_seed_deals_the_same_folds():
    labels, family = np.zeros(40, dtype=np.int64), [str(row // 2) for row in range(40)]

    assert family_folds(labels, family, seed=3).tolist() == family_folds(labels, family, seed=3).tolist()
    assert family_folds(labels, family, seed=3).tolist() != family_folds(labels, family, seed=4).tolist()


def test_a_category_with_too_few_products_is_learnt_as_the_one_above_it():
    large = [("Home", "Lamps")] * LEAST_FAMILIES
    small = [("Home", "Fans")] * 3 + [("Home", "Irons")] * 2
    lonely = [("Garden", "Rakes")]
    family = [str(row) for row in range(len(large + small + lonely))]

    found = learnt_classes(large + small + lonely, family)

    assert found == large + [("Home",)] * len(small) + [()]


def test_sizes_of_one_product_do_not_make_a_category_large():
    assert learnt_classes([("Lamps",)] * 100, ["desk lamp"] * 100) == [()] * 100
