"""The demo page in a real browser: Algolia's own InstantSearch.js widgets, answered by the local cloud."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

pytestmark = [pytest.mark.local_cloud, pytest.mark.slow]

SEARCHES = "**/1/indexes/*/queries*"


def titles(page: Page) -> list[str]:
    return page.locator(".card h3").all_inner_texts()


def prices(page: Page) -> list[float]:
    return [float(text.removeprefix("€")) for text in page.locator(".card .price").all_inner_texts()]


def search_for(page: Page, query: str) -> None:
    """Type, and wait for the answer to all of it."""
    page.get_by_role("searchbox", name="Search", exact=True).fill(query)
    expect(page.locator("#heading")).to_have_text(f"“{query}”")


def value(page: Page, panel: str, name: str) -> Locator:
    """One value of a filter; exact, since "Acme" may stand in other names."""
    return page.locator(f"#panel-{panel} .ais-RefinementList-item").filter(
        has=page.locator(".ais-RefinementList-labelText", has_text=re.compile(f"^{re.escape(name)}$"))
    )


def refine(page: Page, panel: str, name: str) -> None:
    value(page, panel, name).get_by_role("checkbox").click()


def counts(page: Page, panel: str) -> dict[str, int]:
    items = page.locator(f"#panel-{panel} .ais-RefinementList-label").all()
    return {
        item.locator(".ais-RefinementList-labelText").inner_text(): int(
            item.locator(".ais-RefinementList-count").inner_text()
        )
        for item in items
    }


def test_the_page_opens_on_the_whole_shop(page):
    expect(page.locator("#stats")).to_have_text("41 products")
    expect(page.locator(".card")).to_have_count(24)
    expect(page.locator("#answer")).to_contain_text("release 20")
    expect(page.locator("#answer")).to_contain_text("nothing degraded")


def test_products_follow_the_letters_as_they_are_typed(page):
    box = page.get_by_role("searchbox", name="Search", exact=True)
    seen = [titles(page)]

    for letters in ("b", "l", "a", "c", "k", " m"):
        box.press_sequentially(letters)
        expect(page.locator("#heading")).to_have_text(f"“{box.input_value()}”")
        seen.append(titles(page))

    assert {title.split()[0] for title in seen[2][:16]} == {"Black", "Blue"}
    assert {title.split()[0] for title in seen[4][:8]} == {"Black"}
    assert seen[6][0] == "Black wireless mouse"


def test_the_words_found_are_marked_in_the_titles(page):
    search_for(page, "red jacket")

    expect(page.locator(".card h3").first.locator("mark")).to_have_text(["Red", "jacket"])


def test_a_chosen_brand_narrows_the_products_and_leaves_the_other_brands_their_counts(page):
    refine(page, "brand", "Acme")

    expect(page.locator("#stats")).to_have_text("20 products")
    assert counts(page, "brand") == {"Acme": 20, "Zenith": 20, "R&D <script>window.hurt = 1</script>": 1}
    assert counts(page, "categories") == {"Everything": 20, "running shoes": 10, "wireless mouse": 10}


def test_two_brands_are_one_or_the_other_and_two_filters_are_both(page):
    refine(page, "brand", "Acme")
    expect(page.locator("#stats")).to_have_text("20 products")
    refine(page, "brand", "Zenith")
    expect(page.locator("#stats")).to_have_text("40 products")

    refine(page, "attribute", "red")

    expect(page.locator("#stats")).to_have_text("8 products")
    assert counts(page, "brand") == {"Acme": 4, "Zenith": 4}


def test_chosen_filters_are_listed_and_can_be_taken_back(page):
    refine(page, "brand", "Acme")
    expect(page.locator("#current")).to_contain_text("Acme")

    page.get_by_role("button", name="Clear all").click()

    expect(page.locator("#stats")).to_have_text("41 products")
    expect(page.locator("#current")).not_to_contain_text("Acme")


def test_the_values_of_a_filter_can_be_searched(page):
    page.get_by_placeholder("Find in brand").fill("zen")

    labels = page.locator("#panel-brand .ais-RefinementList-labelText")
    expect(labels).to_have_text(["Zenith"])
    expect(labels.locator("mark")).to_have_text("Zen")
    labels.click()
    expect(page.locator("#stats")).to_have_text("20 products")


def test_a_price_range_filters(page):
    low, high = page.locator("#panel-price input").all()

    low.fill("10")
    high.fill("19")
    page.get_by_role("button", name="Apply").click()

    expect(page.locator("#stats")).to_have_text("10 products")
    assert sorted(prices(page)) == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]


def test_only_what_is_in_stock_is_shown_when_asked(page):
    page.get_by_role("checkbox", name="In stock only").check()

    expect(page.locator("#stats")).to_have_text("33 products")  # every fifth of 40 is sold out
    expect(page.locator(".stock.out")).to_have_count(0)


@pytest.mark.parametrize(
    ("order", "in_order"),
    [("Price, low to high", sorted), ("Price, high to low", lambda shown: sorted(shown, reverse=True))],
)
def test_prices_are_sorted_in_the_order_chosen(page, order: str, in_order: Callable[[list[float]], list[float]]):
    before = prices(page)

    page.get_by_role("combobox", name="Sort results by").select_option(order)

    expect(page.locator(".card .price").first).to_have_text({"l": "€5.00", "h": "€49.00"}[order[7]])
    assert prices(page) == in_order(prices(page))
    assert prices(page) != before


def test_the_newest_product_leads_when_sorted_by_date(page):
    search_for(page, "coffee grinder")

    page.get_by_role("combobox", name="Sort results by").select_option("Newest")

    # of 40 products, each a day older than the one before, every fourth is a grinder
    expect(page.locator(".card h3")).to_have_text(
        [f"{colour} coffee grinder" for colour in ("Black", "Green", "Blue", "Red", "White") * 2]
    )


def test_sorted_products_are_counted_apart_from_all_that_were_found(page):
    search_for(page, "red mouse")
    everything = page.locator("#stats").inner_text().split()[0]

    page.get_by_role("combobox", name="Sort results by").select_option("Price, low to high")

    expect(page.locator("#stats")).to_contain_text(f"2 of {everything} products")
    assert prices(page) == [20, 40]


def test_the_next_page_goes_on_where_the_first_ends(page):
    first = titles(page)

    page.get_by_role("link", name="Page 2", exact=True).click()

    expect(page.locator(".card")).to_have_count(17)
    assert titles(page) != first[:17]


def test_the_back_button_and_a_copied_address_restore_what_was_chosen(page):
    search_for(page, "shoes")
    expect(page).to_have_url(re.compile(r"\?q=shoes$"))
    refine(page, "brand", "Acme")
    expect(page).to_have_url(re.compile("brand"))

    page.reload()
    expect(value(page, "brand", "Acme").get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_have_value("shoes")
    page.go_back()

    expect(value(page, "brand", "Acme").get_by_role("checkbox")).not_to_be_checked()
    expect(page.locator("#heading")).to_have_text("“shoes”")


def test_text_of_the_catalogue_stays_text(page):
    search_for(page, "quoted lamp")

    card = page.locator(".card").first
    expect(card.locator("h3")).to_have_text("<b>Bold</b> & \"quoted\" lamp <img src=x onerror='window.hurt = 1'>")
    expect(card.locator(".brand")).to_have_text("R&D <script>window.hurt = 1</script>")
    expect(card.locator(".about")).to_have_text("<svg onload='window.hurt = 1'> 5 < 6 & so on")
    expect(card.locator("h3 mark")).to_have_text(["quoted", "lamp"])
    expect(card.locator("a, img, script")).to_have_count(0)
    expect(value(page, "categories", "<i>odd</i> & ends")).to_have_count(1)
    page.get_by_placeholder("Find in brand").fill("r&d")
    expect(page.locator("#panel-brand .ais-RefinementList-labelText")).to_have_text(
        ["R&D <script>window.hurt = 1</script>"]
    )
    assert page.evaluate("window.hurt") is None


def test_a_query_that_is_markup_is_shown_as_it_was_typed(page):
    page.get_by_role("searchbox", name="Search", exact=True).fill("<img src=x onerror='window.hurt = 1'>")

    expect(page.locator("#heading")).to_contain_text("<img src=x")
    assert page.evaluate("window.hurt") is None


def test_filters_that_nothing_passes_can_be_removed_in_one_step(page):
    page.locator("#panel-price input").first.fill("49")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#stats")).to_have_text("1 product")
    page.get_by_role("checkbox", name="In stock only").check()
    expect(page.locator("#hits")).to_contain_text("No product passes all the filters")

    page.get_by_role("button", name="Remove all filters").click()

    expect(page.locator("#stats")).to_have_text("41 products")


def test_an_api_that_is_away_is_said_and_the_last_products_stay(page, complaints):
    def away(route: Route) -> None:
        route.fulfill(status=503, json={"message": "The local cloud is not there", "status": 503})

    before = titles(page)
    page.route(SEARCHES, away)
    page.get_by_role("searchbox", name="Search", exact=True).fill("red")

    expect(page.get_by_role("alert")).to_contain_text("The search does not answer")
    assert titles(page) == before
    page.unroute(SEARCHES)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#heading")).to_have_text("“red”")
    assert all("503" in complaint for complaint in complaints)
    complaints.clear()  # the browser's own words on each answer that failed


def test_on_a_phone_the_filters_come_in_a_drawer_that_keeps_the_focus(page):
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#filters")).to_be_hidden()

    page.get_by_role("button", name="Filters").click()
    refine(page, "brand", "Acme")
    expect(page.locator("#show-results")).to_have_text("Show 20 products")
    page.keyboard.press("Escape")

    expect(page.locator("#filters")).to_be_hidden()
    expect(page.get_by_role("button", name="Filters")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_search_box_is_one_key_away(page):
    page.keyboard.press("/")
    page.keyboard.type("grinder")

    expect(page.locator("#heading")).to_have_text("“grinder”")
