from relevance.objectives import OBJECTIVES
from sagemaker_jobs.folders import PROJECT


def test_every_limit_stands_on_the_page_that_explains_it():
    page = (PROJECT / "docs" / "decisions" / "0012-gate.md").read_text(encoding="utf-8")

    missing = [one.name for one in OBJECTIVES if f"| {one.name} | {one.direction} {one.limit:g} |" not in page]

    assert missing == []
