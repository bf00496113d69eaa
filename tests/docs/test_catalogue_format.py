from relevance.contracts.products import Product
from sagemaker_jobs.folders import PROJECT


def test_the_catalogue_format_lists_every_field_in_the_words_of_a_refusal():
    text = (PROJECT / "docs" / "catalogue-format.md").read_text(encoding="utf-8")

    unlisted = [
        field.alias or name
        for name, field in Product.model_fields.items()
        if f"| `{field.alias or name}` | {field.description} |" not in text
    ]

    assert unlisted == []
