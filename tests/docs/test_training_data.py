import shutil

from relevance.contracts.events import Event
from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.shopping_log import read_log


def test_the_page_lists_every_field_of_an_event_in_the_words_of_a_refusal():
    text = (PROJECT / "docs" / "training-data.md").read_text(encoding="utf-8")

    unlisted = [name for name, field in Event.model_fields.items() if f"| `{name}` | {field.description} |" not in text]

    assert unlisted == []


def test_the_example_log_is_taken_and_says_what_the_page_says(tmp_path):
    shutil.copy(PROJECT / "docs" / "examples" / "training_log.jsonl", tmp_path)

    log = read_log(tmp_path)

    (page,) = log.pages
    assert (page.text, page.language, page.gains) == ("desk lamp", "en", (1.0, 0.0, 0.0))
    assert [basket.product_ids for basket in log.baskets] == [("lamp",)]
    assert log.counts["bad lines"] == log.counts["actions without a page"] == 0
