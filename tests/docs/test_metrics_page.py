from cli.metrics_page import PAGE, page


def test_the_page_of_metrics_is_what_the_catalogue_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m cli.metrics_page`"
