from relevance.catalogue import read_catalogue
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


def test_every_line_of_the_example_shop_is_taken():
    lines = (PROJECT / "docs" / "examples" / "small_shop.jsonl").read_bytes().splitlines()

    catalogue = read_catalogue(lines)

    assert (len(catalogue.products), catalogue.refused, catalogue.warnings) == (len(lines), (), ())
