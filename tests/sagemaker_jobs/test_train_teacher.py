import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from models.cross_encoder import CrossEncoder, CrossEncoderManifest  # noqa: E402
from relevance.errors import CatalogueError, VitrineError  # noqa: E402
from relevance.product_text import embedding_text  # noqa: E402
from sagemaker_jobs import train_teacher as job  # noqa: E402
from sagemaker_jobs.build_release import ARTEFACTS  # noqa: E402
from sagemaker_jobs.derive_queries import DerivedQuery  # noqa: E402
from sagemaker_jobs.job import DONE, STOPPED  # noqa: E402
from sagemaker_jobs.train_teacher import (  # noqa: E402
    Graded,
    Lesson,
    Training,
    draw_candidates,
    evaluate,
    loss_of,
    main,
    mean_ndcg,
    split,
    train,
    train_teacher,
)
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402
from tests.sagemaker_jobs.derived_shop import KINDS, made_up_shop  # noqa: E402

SHOP = made_up_shop(sizes=1)
TEXTS = [embedding_text(product) for product in SHOP]
FAST = Training(epochs=2, learning_rate=3e-3, warm_up_steps=5, held_out=10, evaluations=2)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two threads are slower than one on so small a network, and far slower on a machine that does something else."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return a_tiny_bert(tmp_path_factory.mktemp("bert"))


def graded(**relevance_by_row: float) -> Graded:
    """`r3=0.5` is the product in row 3, of relevance 0.5."""
    rows = np.array([int(name[1:]) for name in relevance_by_row], dtype=np.int64)
    return Graded(rows, np.array(list(relevance_by_row.values()), dtype=np.float32))


def a_lesson(text: str = "desk lamp", *, kind: tuple[str, ...] = (), retrieved: Graded | None = None) -> Lesson:
    return Lesson(
        DerivedQuery(text, "type", source=0, type=kind),
        retrieved or graded(r1=0.0, r2=1.0, r3=0.0, r4=0.5, r5=0.0, r6=0.1, r7=0.0, r8=0.0, r9=0.2),
        right=graded(r2=1.0, r11=0.9),
        strangers=graded(r20=0.0, r21=0.0),
    )


def a_lesson_for_kind(kind: str) -> Lesson:
    """The products of the shop that are of the kind are right, all others wrong; retrieved in no order at all."""
    rows = np.random.default_rng(len(kind)).permutation(len(SHOP))
    relevance = np.array([f" {kind} 1kg" in SHOP[row].title for row in rows], dtype=np.float32)
    every = Graded(rows, relevance)
    return Lesson(DerivedQuery(kind, "type", source=0), every, every.between(1, np.inf), every)


def test_what_is_compared_holds_two_right_products_a_middling_one_a_stranger_and_wrong_ones():
    drawn = draw_candidates(a_lesson(), 7, np.random.default_rng(1))

    rows = set(drawn.rows.tolist())
    assert len(rows) == len(drawn.rows) <= 7
    assert 2 in rows
    assert 4 in rows
    assert rows & {20, 21}
    assert np.count_nonzero(drawn.relevance < 0.25) >= 4


def test_wrong_products_that_were_ranked_high_are_drawn_most_often():
    far = Graded(np.arange(100, 300), np.zeros(200, dtype=np.float32))
    generator = np.random.default_rng(1)

    rows = np.concatenate([draw_candidates(a_lesson(retrieved=far), 7, generator).rows for _ in range(200)])

    assert np.count_nonzero((rows >= 100) & (rows < 120)) > 3 * np.count_nonzero((rows >= 280) & (rows < 300))


def test_no_query_and_no_kind_of_product_is_both_learnt_and_held_out():
    lessons = [a_lesson(f"{colour} {kind}", kind=(kind,)) for kind in "abcdefghij" for colour in ("red", "black")]

    learning, held_out = split(lessons, Training())

    assert len(held_out) == 4
    assert len(learning) == 16
    assert not {lesson.query.type for lesson in learning} & {lesson.query.type for lesson in held_out}


def test_the_loss_is_smaller_for_the_right_order_and_for_the_right_height():
    relevance = [torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.5, 0.0])]

    right = loss_of(torch.tensor([4.0, -4.0, 4.0, 0.0, -4.0]), relevance)
    wrong = loss_of(torch.tensor([-4.0, 4.0, -4.0, 0.0, 4.0]), relevance)
    too_high = loss_of(torch.tensor([9.0, 1.0, 9.0, 5.0, 1.0]), relevance)

    assert right < too_high < wrong


def test_a_teacher_that_scores_all_alike_knows_no_order():
    lesson = a_lesson(retrieved=graded(r1=1.0, r2=0.0, r3=0.0))

    assert mean_ndcg([np.array([3.0, 2.0, 1.0], dtype=np.float32)], [lesson]) == 1.0
    assert mean_ndcg([np.zeros(3, dtype=np.float32)], [lesson]) == pytest.approx(0.5)


def test_training_teaches_which_products_answer_a_query(base):
    lessons = [a_lesson_for_kind(kind) for kind in KINDS]
    torch.manual_seed(1)
    teacher = CrossEncoder.from_encoder(base)
    before = evaluate(teacher, TEXTS, lessons)

    after = train(teacher, TEXTS, lessons, lessons, dataclasses.replace(FAST, epochs=300))

    assert before < 0.7
    assert after > 0.95
    assert evaluate(teacher, TEXTS, lessons) == after


def test_a_diverging_training_stops_with_its_cause(base):
    lessons = [a_lesson_for_kind(kind) for kind in KINDS]
    too_fast = dataclasses.replace(FAST, epochs=20, learning_rate=1e30)
    torch.manual_seed(1)

    with pytest.raises(VitrineError, match=r"the loss is nan.* at a learning rate of 1e\+30"):
        train(CrossEncoder.from_encoder(base), TEXTS, lessons, lessons, too_fast)


def test_scores_that_are_no_numbers_are_not_taken_for_an_order(base):
    teacher = CrossEncoder.from_encoder(base)
    torch.nn.init.constant_(teacher.network.classifier.bias, float("nan"))

    with pytest.raises(VitrineError, match="40 of 40 scores are no numbers"):
        evaluate(teacher, TEXTS, [a_lesson_for_kind("kettle")])


def trained(base, output, **training):
    return train_teacher(
        made_up_shop(),
        ARTEFACTS / "encoder",
        base,
        output,
        source="a made-up shop",
        queries=80,
        training=dataclasses.replace(FAST, **training),
    )


@pytest.fixture(scope="module")
def first(base, tmp_path_factory):
    output = tmp_path_factory.mktemp("first")
    return output, trained(base, output)


def test_a_small_catalogue_trains_a_teacher_that_opens(first):
    output, manifest = first

    scores = CrossEncoder.load(output).score_pairs([("desk lamp", TEXTS[0]), ("kettle", TEXTS[0])])

    assert np.isfinite(scores).all()
    assert all(0 < manifest.metrics[f"derived_ndcg10.{order}"] < 1 for order in ("fused", "untrained", "teacher"))
    assert "a made-up shop (180 products)" in manifest.trained_on


def test_a_catalogue_too_small_to_learn_from_is_refused_and_nothing_is_written(base, tmp_path):
    for products in (SHOP[:1], SHOP[:3]):
        with pytest.raises(VitrineError, match="usable queries of the 5 asked for: expected at least 20"):
            train_teacher(
                products,
                ARTEFACTS / "encoder",
                base,
                tmp_path / "teacher",
                source="lamps",
                queries=5,
                training=FAST,
            )

    assert not (tmp_path / "teacher").exists()


def test_an_empty_catalogue_is_refused_and_nothing_is_written(base, tmp_path):
    with pytest.raises(CatalogueError, match="no product"):
        train_teacher([], ARTEFACTS / "encoder", base, tmp_path / "teacher", source="nothing", queries=5, training=FAST)

    assert not (tmp_path / "teacher").exists()


def test_a_training_that_fails_leaves_the_earlier_teacher(base, first, tmp_path):
    output, _ = first
    before = {path.name: path.read_bytes() for path in output.iterdir()}

    with pytest.raises(VitrineError, match="the loss is nan"):
        trained(base, output, learning_rate=1e30)

    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


def test_the_job_reads_a_folder_and_from_the_same_seed_writes_the_same_teacher(
    base, first, tmp_path, monkeypatch, capsys
):
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    lines = [product.model_dump_json(by_alias=True) for product in made_up_shop()]
    (catalogue / "products.jsonl").write_text("\n".join(lines))
    (catalogue / "report.json").write_text(json.dumps({"source": "a shop made up"}))
    monkeypatch.setattr(job, "Training", lambda **given: dataclasses.replace(FAST, **given))
    output = tmp_path / "teacher"

    status = main(
        [
            "--catalogue",
            str(catalogue),
            "--base",
            str(base),
            "--output",
            str(output),
            "--queries",
            "80",
            "--seed",
            "1",
        ]
    )

    assert status == DONE
    metrics = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"metric"' in line]
    assert "validation:ndcg10" in {line["metric"] for line in metrics}
    manifest = CrossEncoderManifest.model_validate_json((output / "manifest.json").read_bytes())
    assert "a shop made up" in manifest.trained_on
    assert (manifest.files, manifest.metrics) == (first[1].files, first[1].metrics)


def test_a_job_without_its_catalogue_says_so(tmp_path, capsys):
    status = main(["--catalogue", str(tmp_path), "--output", str(tmp_path / "teacher")])

    assert status == STOPPED
    assert "products.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("argument", [["--queries", "0"], ["--threads", "none"], ["--seed", "-1"]])
def test_a_number_that_cannot_be_is_refused(argument, capsys):
    with pytest.raises(SystemExit):
        main(argument)

    assert "expected a whole number from" in capsys.readouterr().err


def test_an_interrupted_training_goes_on_where_it_stood(base, first, tmp_path, monkeypatch):
    def interrupted(lessons, training, step):
        if step > 7:
            raise KeyboardInterrupt
        return taken(lessons, training, step)

    options = {"source": "a made-up shop", "queries": 80, "training": FAST, "checkpoints": tmp_path / "kept"}
    taken = job._taken
    monkeypatch.setattr(job, "_taken", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_teacher(made_up_shop(), ARTEFACTS / "encoder", base, tmp_path / "teacher", **options)
    monkeypatch.setattr(job, "_taken", taken)

    manifest = train_teacher(made_up_shop(), ARTEFACTS / "encoder", base, tmp_path / "teacher", **options)

    assert manifest.files == first[1].files
    assert not list((tmp_path / "kept").iterdir())
