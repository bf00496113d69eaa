import pytest

from relevance.highlighting import SEARCHED_CHARACTERS, Highlighter, Tags
from relevance.text import analyse


def highlighter(query, **tags):
    return Highlighter(query, dict.fromkeys(analyse(query)), Tags(**tags))


def marked(query, text):
    return highlighter(query, pre="[", post="]").highlights({"title": text}, ["title"])["title"]["value"]


def snippet(query, text, words):
    return highlighter(query, pre="[", post="]").snippets({"title": text}, [f"title:{words}"])["title"]["value"]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("desk lamps", "Desk lamp with dimmer", "[Desk] [lamp] with dimmer"),
        ("lying", "die lying lies", "die [lying] [lies]"),
        ("men shoes", "Men's shoe", "[Men]'s [shoe]"),
        ("wi-fi", "Wi-Fi 6, wifi", "[Wi]-[Fi] 6, wifi"),
        ("foo", "foo_bar foo-bar afoo", "[foo]_bar [foo]-bar afoo"),
        ("7.1", "7.1-channel, 7.11", "[7.1]-channel, 7.11"),
        ("2", "sizes 1,2,3", "sizes 1,[2],3"),
        ("lamp", "lamp", "[lamp]"),
        ("lamp", "", ""),
        ("", "Desk lamp", "Desk lamp"),
        ("!!!", "Desk lamp!!!", "Desk lamp!!!"),
    ],
)
def test_a_word_is_marked_when_its_own_analysis_is_in_the_query(query, text, expected):
    assert marked(query, text) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("15.6 inch", 'A 15.6" bag', "A [15.6&quot;] bag"),
        ('15.6"', "15.6″, 15.6 inch, 15.6-inch, (15.6 in)", "[15.6″], [15.6 inch], [15.6-inch], ([15.6 in])"),
        ("1000 watts", "1,000 W kettle", "[1,000 W] kettle"),
        ("1.5 kg", "1,5kg", "[1,5kg]"),
        ("5 kg", "5㎏", "[5㎏]"),
        ("100 mbps", "100 Mbit/s", "[100 Mbit/s]"),
        ("2", "2 TB", "2 TB"),
        ("2 in 1", "2 in 1 tablet", "[2] [in] [1] tablet"),
        ("3", "USB 3.0", "USB [3.0]"),
    ],
)
def test_a_number_is_marked_with_its_unit_however_both_are_written(query, text, expected):
    assert marked(query, text) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("creme brulee", "Cre\u0300me Brûlée", "[Cre\u0300me] [Brûlée]"),
        ("fish office", "ﬁsh oﬃce", "[ﬁsh] [oﬃce]"),
        ("strasse", "Straße", "[Straße]"),
        ("istanbul", "İstanbul", "[İstanbul]"),
        ("wifi", "🙂wifi™🙂", "🙂[wifi]™🙂"),
        ("跑步鞋", "红色跑步鞋ABC", "红色[跑步鞋]ABC"),
        ("한국", "한국어 한국", "한국어 [한국]"),
        ("مرحبا", "مَرحبا بك", "[مَرحبا] بك"),
        ("שלום", "שָׁלוֹם עולם", "[שָׁלוֹם] עולם"),
        ("lamp", "desk\u00a0lamp\u200blamp\x00lamp", "desk\u00a0[lamp]\u200b[lamp]\x00[lamp]"),
        ("lamp", "\ud800lamp\udc00", "\ud800[lamp]\udc00"),
        ("\ud800", "\ud800 lamp", "\ud800 lamp"),
    ],
)
def test_marks_stand_where_the_word_stands_in_the_original(query, text, expected):
    assert marked(query, text) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("b", "<b>x</b>", "&lt;[b]&gt;x&lt;/[b]&gt;"),
        ("script", '<script>alert("1")</script>', "&lt;[script]&gt;alert(&quot;1&quot;)&lt;/[script]&gt;"),
        ("bang and olufsen", "Bang & Olufsen's", "[Bang] [&amp;] [Olufsen]'s"),
        ("amp", "&amp;", "&amp;[amp];"),
        ("and", "rock &", "rock [&amp;]"),
    ],
)
def test_everything_of_the_record_is_escaped_inside_the_marks_and_outside(query, text, expected):
    assert marked(query, text) == expected


def test_the_callers_tags_are_put_in_as_they_are():
    result = highlighter("lamp", pre='<b class="x">', post="</b>").highlights({"title": "A <lamp>"}, ["title"])

    assert result["title"]["value"] == 'A &lt;<b class="x">lamp</b>&gt;'


def test_a_match_names_the_words_as_the_query_spells_them():
    result = highlighter("red lamps").highlights({"title": "Lamp", "brand": "Lamp, red", "text": "Chair"}, ["*"])

    assert result == {
        "title": {
            "value": "<em>Lamp</em>",
            "matchLevel": "partial",
            "matchedWords": ["lamps"],
            "fullyHighlighted": True,
        },
        "brand": {
            "value": "<em>Lamp</em>, <em>red</em>",
            "matchLevel": "full",
            "matchedWords": ["red", "lamps"],
            "fullyHighlighted": True,
        },
        "text": {"value": "Chair", "matchLevel": "none", "matchedWords": []},
    }


def test_a_token_that_the_query_has_no_word_for_names_itself():
    result = Highlighter("lmap", ["lamp"]).highlights({"title": "Desk lamp"}, ["title"])

    assert result["title"]["matchedWords"] == ["lamp"]


RECORD = {
    "objectID": "lamp",
    "title": "Lamp",
    "price": 34.0,
    "in_stock": True,
    "categories": ["Lamps", "Desk"],
    "attributes": {"colour": "red", "sizes": ["S", "M"], "watts": 60, "dimmable": False, "led": None},
    "variants": [{"name": "Lamp L"}, {"count": None}],
}


def values(result):
    """The same nesting with the values alone."""
    if isinstance(result, list):
        return [values(item) for item in result]
    if isinstance(result.get("value"), str):
        return result["value"]
    return {name: values(item) for name, item in result.items()}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ([], {}),
        (["title", "unknown", ""], {"title": "[Lamp]"}),
        (["price"], {"price": "34"}),
        (["in_stock", "attributes.led"], {}),
        (["categories"], {"categories": ["[Lamps]", "Desk"]}),
        (["attributes"], {"attributes": {"colour": "red", "sizes": ["S", "M"], "watts": "60"}}),
        (["attributes.colour", "title.x"], {"attributes": {"colour": "red"}}),
        (["variants.name"], {"variants": [{"name": "[Lamp] L"}]}),
        (["objectID"], {"objectID": "[lamp]"}),
    ],
)
def test_the_result_is_nested_as_the_record_is(attributes, expected):
    result = highlighter("lamp", pre="[", post="]").highlights(RECORD, attributes)

    assert values(result) == expected


def test_a_star_means_every_attribute_but_the_id():
    result = highlighter("lamp").highlights(RECORD, ["*"])

    assert list(result) == ["title", "price", "categories", "attributes", "variants"]


def test_a_name_with_a_dot_in_it_is_found():
    result = highlighter("lamp").highlights({"attributes": {"a.b": "lamp"}}, ["attributes.a.b"])

    assert values(result) == {"attributes": {"a.b": "<em>lamp</em>"}}


def test_values_nested_without_end_are_left_out():
    nested = "lamp"
    for _ in range(900):
        nested = {"a": [nested]}

    assert highlighter("lamp").highlights({"extra": nested}, ["*"]) == {}


def test_a_hit_shows_only_results_that_hold_something():
    assert highlighter("lamp").results(RECORD, [], []) == {}
    assert set(highlighter("lamp").results(RECORD, ["title"], ["title"])) == {"_highlightResult", "_snippetResult"}


@pytest.mark.parametrize(
    ("query", "words", "expected"),
    [
        ("six", 3, "…five, [six]. Seven…"),
        ("one", 3, "[One] two &amp; three…"),
        ("nine", 3, "…Seven &lt;eight&gt; [nine]!"),
        ("six", 1, "…[six]…"),
        ("nine six", 3, "…five, [six]. Seven…"),
        ("zero", 2, "One two…"),
        ("zero", 9, "One two &amp; three four five, six. Seven &lt;eight&gt; nine!"),
        ("six", 99, "One two &amp; three four five, [six]. Seven &lt;eight&gt; nine!"),
    ],
)
def test_a_snippet_is_so_many_words_around_the_first_found(query, words, expected):
    text = "One two & three four five, six. Seven <eight> nine!"

    assert snippet(query, text, words) == expected


def test_a_snippet_counts_a_number_with_its_unit_as_one_word():
    assert snippet("lamp", "A lamp 15.6 inch wide", 3) == "A [lamp] 15.6 inch…"


@pytest.mark.parametrize("text", ["", "…", "🙂", "&", "\u0301"])
def test_a_snippet_of_no_words_is_the_text(text):
    assert snippet("and lamp", text, 5) in (text, "[&amp;]")


def test_a_snippet_has_ten_words_unless_said_otherwise_and_any_ellipsis():
    result = highlighter("zero", ellipsis=" <more>").snippets({"title": "word " * 20}, ["*"])

    assert result == {"title": {"value": " ".join(["word"] * 10) + " <more>", "matchLevel": "none"}}


def test_the_levels_of_a_snippet_are_those_of_the_whole_value():
    result = highlighter("one nine").snippets({"title": "One two three four nine"}, ["title:2"])

    assert result == {"title": {"value": "<em>One</em> two…", "matchLevel": "full"}}


def test_marks_end_after_very_many_characters_but_the_text_does_not():
    words = SEARCHED_CHARACTERS // 5 + 100
    both = highlighter("lamp", pre="[", post="]")

    first = both.highlights({"title": "lamp " * words}, ["title"])["title"]["value"]
    later = both.snippets({"title": "Desk lamp of wood"}, ["title:3"])["title"]["value"]

    assert first == "[lamp] " * (SEARCHED_CHARACTERS // 5) + "lamp " * 100
    assert later == "Desk [lamp] of…"


def test_what_several_hits_share_is_looked_through_once():
    highlighter = Highlighter("red lamp", ["red", "lamp"], Tags("[", "]"))
    shared = "red lamp " * (SEARCHED_CHARACTERS // 10)

    values = [highlighter.highlights({"title": text}, ["title"])["title"]["value"] for text in (shared, shared, "lamp")]

    assert values[0] == values[1]
    assert values[2] == "[lamp]"


@pytest.mark.parametrize("piece", ["1.", "1,", "1 ", '1"', "a'", "&", "<", "a", "\u0301", "é", "跑", "🙂", "1in "])
def test_removing_the_marks_gives_back_a_long_odd_text(piece):
    text = piece * 20_000
    plain = highlighter("1 a é 跑 and 1 inch", pre="", post="").highlights({"title": text}, ["title"])["title"]["value"]

    assert plain == text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def test_instant_search_escapes_by_itself_and_gets_the_text_as_it_is():
    results = highlighter("lamp", pre="__ais-highlight__", post="__/ais-highlight__")

    shown = results.highlights({"title": "Lamp & <b>shade</b>"}, ["title"])

    assert shown["title"]["value"] == "__ais-highlight__Lamp__/ais-highlight__ & <b>shade</b>"
