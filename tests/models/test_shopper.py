import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.purchases import SECONDS_A_DAY, PurchaseLog  # noqa: E402
from models.shopper import ShopperNetwork, lessons_of, padded  # noqa: E402
from relevance.recommenders import NextPurchases  # noqa: E402
from tests.models.purchase_logs import FIRST_DAY, a_basket  # noqa: E402

DAY = int(FIRST_DAY.timestamp()) // SECONDS_A_DAY
PRODUCTS, TEXT, WIDTH = 6, 8, 4


@pytest.fixture
def network():
    torch.manual_seed(0)
    texts = np.random.default_rng(0).standard_normal((PRODUCTS, TEXT)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    network = ShopperNetwork(texts, width=WIDTH, facts=2, dropout=0.5).eval()
    torch.nn.init.normal_(network.bias)
    torch.nn.init.normal_(network.fact_weights)
    return network


def as_served(network, facts):
    """The network alone: nothing said by other products, no trend."""
    return NextPurchases(
        product_ids=[f"p{row}" for row in range(PRODUCTS)],
        neighbours=np.zeros((PRODUCTS, 1), np.int32),
        neighbour_weights=np.zeros((PRODUCTS, 1), np.float32),
        trend=np.zeros(PRODUCTS, np.float32),
        late_shoppers=np.zeros(PRODUCTS, np.float32),
        trend_weight=0.0,
        sequence_weight=1.0,
        **network.arrays(facts),
    )


def test_numpy_and_torch_agree(network):
    facts = np.random.default_rng(1).standard_normal((PRODUCTS, 2)).astype(np.float32)
    rows, ages_days = np.array([4, 0, 2]), np.array([1, 9, 200], dtype=np.float32)
    served = as_served(network, facts)

    numpys = served.scores(rows, ages_days) - served.scores(rows, ages_days).mean()
    torchs = network(*padded([(rows, ages_days)]), torch.from_numpy(facts)[None])[0].detach().numpy()

    np.testing.assert_allclose(numpys, torchs - torchs.mean(), atol=1e-5)


def test_places_without_a_purchase_change_nothing(network):
    facts = torch.zeros(1, PRODUCTS, 2)
    short = (np.array([1, 2]), np.array([1, 2], dtype=np.float32))
    long = (np.arange(20) % PRODUCTS, np.arange(20, dtype=np.float32))

    alone = network(*padded([short]), facts)
    beside = network(*padded([short, long]), facts)

    torch.testing.assert_close(alone[0], beside[0])


def test_a_shopper_is_a_point_beside_the_products(network):
    served = as_served(network, np.zeros((PRODUCTS, 2), np.float32))

    shopper = served.shopper(np.array([3]), np.array([5.0], dtype=np.float32))

    taste, habits = shopper[:TEXT], shopper[TEXT:]
    behaviour = network.behaviour.detach().numpy()
    expected = network.texts.numpy() @ taste + behaviour @ habits
    np.testing.assert_allclose(served.products @ shopper, expected, atol=1e-5)


def test_a_lesson_asks_only_for_what_was_sold_before_and_is_new_to_the_shopper():
    log = PurchaseLog.of(
        [
            a_basket("ann", 0, "cup"),
            a_basket("bob", 1, "jug", "pot"),
            a_basket("ann", 6, "cup", "jug", "new"),
            a_basket("ann", 30, "pot"),
        ]
    )

    lessons = lessons_of(log, cuts=[DAY + 5], horizon_days=10, facts=np.zeros((1, 4, 1), np.float32))

    (example,) = lessons.examples
    assert [log.product_ids[row] for row in example.products] == ["cup"]
    assert example.ages_days.tolist() == [5]
    assert [log.product_ids[row] for row in example.next_products] == ["jug"]
    assert lessons.sold.tolist() == [[True, True, False, True]]
