"""Requests that nobody sends by mistake, each with a name: nasty values, in every field, on every route.

Also sent over HTTP by tests/e2e.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from cli.api_examples import IN_PATH, example_of
from cli.openapi import address
from functions.keys import key_hash
from functions.routes import (
    ADD_OBJECT,
    ANALYZE,
    GET_OBJECT,
    GET_OBJECTS,
    GET_TASK,
    LIVE,
    READY,
    RERANK,
    ROUTES,
    SAVE_BATCH,
    SAVE_OBJECT,
    SAVE_SYNONYMS,
    SEARCH,
    SEARCH_BY_ADDRESS,
    SEARCH_FACET,
    SEARCH_SEVERAL,
    SEARCH_SYNONYMS,
    SET_SETTINGS,
    UPDATE_OBJECT,
    Route,
)

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Hostile:
    """One request, and what it must be answered."""

    name: str
    method: str
    address: str
    body: bytes | None = None
    statuses: tuple[int, ...] = (400,)
    """One of these."""
    says: str = ""
    """What the message holds."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside, or instead of, the admin key."""


TEXTS = {
    "nothing": "",
    "blanks": " \t\r\n\u2003\u200b",
    "emoji": "👩🏽‍💻 lamp 🔥🔥🔥",
    "right to left": "مصباح مكتب \u202e pmal \u202c",
    "Chinese": "无线鼠标 台灯",
    "Thai without blanks": "โคมไฟตั้งโต๊ะ",
    "a hundred accents on one letter": "a" + "\u0301" * 100,
    "NUL": "lamp\x00mouse",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x85",
    "half a surrogate pair": "lamp \ud83d",
    "surrogates in the wrong order": "\ude00\ud83d",
    "not a character": "\ufffe\uffff\U0010ffff",
    "SQL": "'; DROP TABLE products; -- \" OR 1=1",
    "HTML": '<script>alert("x")</script><img src=x onerror=alert(1)>',
    "template": "${jndi:ldap://x} {{7*7}} #{7*7} %{7*7} {0.__class__}",
    "format string": "%s%n%x%d {} {0} {lamp!r:>10000000}",
    "path": "../../../../etc/passwd",
    "shell": "$(reboot) `reboot` | reboot && reboot",
    "line ends and a header": "lamp\r\nSet-Cookie: a=b",
    "one word of 100,000 letters": "a" * 100_000,
    "10,000 words": "lamp " * 10_000,
    "10,000 different words": " ".join(f"w{number}" for number in range(10_000)),
    "10,000 blanks": " " * 10_000,
    "10,000 quotation marks": '"' * 10_000,
    "10,000 parentheses": "(" * 10_000,
    "10,000 backslashes": "\\" * 10_000,
    "regular expression bomb": "(a+)+$" + "a" * 5000 + "!",
    "numbers without end": "9" * 5000,
    "digits of other scripts": "٢TB \uff12\uff34\uff22 Ⅷ ½ ²",
    "letters that grow in lower case": "İıſßﬁŉ" * 500,
}

NOT_NUMBERS = {
    "a word": '"two"',
    "an empty text": '""',
    "a fraction": "1.5",
    "a float": "1e3",
    "beyond floats": "1e400",
    "true": "true",
    "a list": "[1]",
    "an object": '{"a": 1}',
    "below zero": "-1",
    "far below zero": "-" + "9" * 400,
}
NOT_LISTS = {
    "a number": "7",
    "true": "true",
    "an object": '{"a": ["b"]}',
    "a list of numbers": "[7]",
    "a list of null": "[null]",
    "lists nested four deep": '[[[["brand:Tuff"]]]]',
}
NOT_TEXTS = {"a number": "7", "false": "false", "a list": '["lamp"]', "an object": '{"a": "lamp"}'}

NO_OBJECTS = {
    "an array": (b"[1]", "expected an object"),
    "a number": (b"7", "expected an object"),
    "a text": (b'"lamp"', "expected an object"),
    "null": (b"null", "expected an object"),
    "true": (b"true", "expected an object"),
    "cut off": (b'{"query": "la', "is not JSON"),
    "two objects": (b"{}{}", "is not JSON"),
    "single quotes": (b"{'query': 'lamp'}", "is not JSON"),
    "a comma too many": (b'{"query": "lamp",}', "is not JSON"),
    "NaN": (b'{"page": NaN}', "NaN is no JSON number"),
    "Infinity": (b'{"page": -Infinity}', "-Infinity is no JSON number"),
    "a number of 5,000 digits": (b'{"page": ' + b"9" * 5000 + b"}", "is not JSON"),
    "nested 10,000 deep": (b'{"query":' * 10_000 + b"1" + b"}" * 10_000, "is not JSON"),
    "10,000 open brackets": (b"[" * 10_000, "is not JSON"),
    "a raw NUL": (b'{"query": "\x00"}', "is not JSON"),
    "only NULs": (b"\x00" * 1000, "is not JSON"),
    "XML": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "is not JSON"),
    "a form": (b"query=lamp&page=1", "is not JSON"),
    "a mark of byte order": (b"\xef\xbb\xbf{}", "is not JSON"),
    "UTF-16": ('{"query": "lamp"}'.encode("utf-16"), "is not UTF-8"),
    "bytes that are no UTF-8": (b'{"query": "\xff\xfe"}', "is not UTF-8"),
    "a surrogate written as UTF-8": (b'{"query": "\xed\xa0\x80"}', "is not UTF-8"),
    "gzip": (gzip.compress(b'{"query": "lamp"}'), "is not UTF-8"),
}

NESTED_60_DEEP = "(" * 60 + "brand:Tuff" + ")" * 60
FILTERS = {
    "nested 60 deep": (NESTED_60_DEEP, "expected at most 50 levels"),
    "60 times NOT": ("NOT " * 60 + "brand:Tuff", "filters at position"),
    "nested 10,000 deep": ("(" * 10_000 + ")" * 10_000, "filters at position"),
    "unclosed": ("(brand:Tuff", "filters at position"),
    "an unclosed quotation mark": ('brand:"Tuff', "filters at position"),
    "closed twice": ("(brand:Tuff))", "filters at position"),
    "only operators": ("AND OR NOT", "filters at position"),
    "an operator too many": ("brand:Tuff AND AND brand:Quill", "filters at position"),
    "no value": ("brand:", "filters at position 7"),
    "no attribute": (":Tuff", "filters at position 1"),
    "an unknown attribute": ("colour:red", '"colour" is no facet'),
    "another unknown attribute": ("__class__:x", '"__class__" is no facet'),
    "an attribute of SQL": ("1=1 OR price > 3", ""),
    "a text where a number belongs": ("price > dear", "expected a number"),
    "a number for a text": ("brand > 3", "brand holds text"),
    "no number": ("price > NaN", "expected a number"),
    "infinite": ("price < Infinity", "expected a number"),
    "a range without an end": ("price:3 TO", ""),
    "5,000 ORs": (" OR ".join(["brand:Tuff"] * 5001), "filters"),
    "100,000 letters": ("brand" * 20_000, "filters at position"),
    "NUL": ("brand:\x00\x01 AND", "filters at position"),
    "half a surrogate pair": ("\ud83d:x", ""),
}
FILTERS_THAT_FIND_NOTHING = {
    "a value of emoji": 'brand:"🔥"',
    "a value of HTML": 'brand:"<script>"',
    "a value of SQL": 'brand:"\' OR 1=1 --"',
    "a value of 10,000 letters": "brand:" + "x" * 10_000,
    "the largest float": "price > 1.7976931348623157e308",
    "beyond floats": "price > 1e999",
    "a range turned round": "price:100 TO 1",
    "999 ORs": " OR ".join(f"brand:b{number}" for number in range(999)),
}

PATHS = {
    "an encoded slash": "/1/indexes/products%2Fquery",
    "an encoded slash alone": "/1/indexes/%2F/query",
    "an encoded NUL": "/1/indexes/%00/query",
    "dots": "/1/indexes/../query",
    "encoded dots": "/1/indexes/%2e%2e%2f%2e%2e/query",
    "dots twice encoded": "/1/indexes/%252e%252e/query",
    "not UTF-8": "/1/indexes/%ff%fe/query",
    "a cut encoding": "/1/indexes/%E2%82/query",
    "no encoding": "/1/indexes/%zz%/query",
    "an empty segment": "/1/indexes//query",
    "a slash at the end": "/1/indexes/products/query/",
    "emoji": "/1/indexes/" + quote("🔥") + "/query",
    "right to left": "/1/indexes/" + quote("\u202eproducts") + "/query",
    "HTML": "/1/indexes/" + quote("<script>alert(1)</script>") + "/query",
    "line ends": "/1/indexes/products%0d%0aSet-Cookie:%20a=b/query",
    "a name of 5,000 letters": "/1/indexes/" + "a" * 5000 + "/query",
    "capitals": "/1/INDEXES/products/query",
    "another index": "/1/indexes/shoes/query",
    "a star": "/1/indexes/*/query",
    "another version": "/2/indexes/products/query",
    "nothing": "/",
    "the document root": "/../../etc/passwd",
    "nothing of ours": "/wp-login.php",
    "a thousand segments": "/1" * 1000,
}

WRONG_KEYS = {
    "none": {"x-algolia-api-key": ""},
    "another": {"x-algolia-api-key": "wrong"},
    "one letter less": {"x-algolia-api-key": "admin-ke"},
    "a blank behind": {"x-algolia-api-key": "admin-key\u00a0"},
    "in capitals": {"x-algolia-api-key": "ADMIN-KEY"},
    "its hash": {"x-algolia-api-key": key_hash("admin-key")},
    "100,000 letters": {"x-algolia-api-key": "k" * 100_000},
    "100,000 letters of base64": {"x-algolia-api-key": b64encode(b"k" * 75_000).decode()},
    "not ASCII": {"x-algolia-api-key": "clé-été-ÿ"},
    "base64 of bytes": {"x-algolia-api-key": b64encode(bytes(range(256))).decode()},
    "base64 of nothing": {"x-algolia-api-key": "===="},
    "two, joined by the gateway": {"x-algolia-api-key": "admin-key,admin-key"},
    "the parent key": {"x-algolia-api-key": "parent-key"},
    "in Authorization": {"x-algolia-api-key": "", "authorization": "Bearer admin-key"},
    "in a cookie": {"x-algolia-api-key": "", "cookie": "x-algolia-api-key=admin-key"},
    "in another header": {"x-algolia-api-key": "", "api-key": "admin-key"},
}


def requests() -> list[Hostile]:
    """All of them; names are unique."""
    return [
        *_texts(),
        *_wrong_kinds(),
        *_extremes(),
        *_bodies(),
        *_filters(),
        *_paths(),
        *_keys(),
        *_methods(),
        *_addresses(),
    ]


def _texts() -> Iterator[Hostile]:
    """Any text is a query, a beginning of a facet's value, a title, a phrase: answered, or refused by its length."""
    several = example_of(SEARCH_SEVERAL)["requests"][0]
    for name, text in TEXTS.items():
        yield _posted(SEARCH, f"query: {name}", {"query": text}, (200,))
        yield _posted(SEARCH, f"params: {name}", {"params": f"query={quote(text, errors='replace')}"}, (200,))
        yield _posted(SEARCH_FACET, f"facetQuery: {name}", {"facetQuery": text}, (200,))
        yield _posted(SEARCH_SEVERAL, f"query: {name}", {"requests": [several | {"query": text}]}, (200,))
        yield _posted(ANALYZE, f"query: {name}", {"query": text}, (200,))
        candidate = {"objectID": "a", "title": f"a {text}"}
        yield _posted(RERANK, f"query and title: {name}", {"query": text, "candidates": [candidate]}, (200,))
        yield _posted(SEARCH, f"highlightPreTag: {name}", {"query": "lamp", "highlightPreTag": text}, (200, 400))
        yield _posted(SEARCH, f"facets: {name}", {"facets": [text]}, (200,))
        yield _posted(SEARCH_SYNONYMS, f"query: {name}", {"query": text}, (200,))
        yield _posted(ADD_OBJECT, f"title: {name}", {"title": f"a {text}", text[:20]: text}, (200, 400))
        if len(text) <= 5000:
            query = urlencode({"query": text}, errors="replace")
            yield Hostile(
                f"{_of(SEARCH_BY_ADDRESS)} query: {name}", "GET", f"/1/indexes/products?{query}", None, (200,)
            )


def _wrong_kinds() -> Iterator[Hostile]:
    """A value of another kind than its field's: refused, and the field is named."""
    fields: dict[Route, dict[str, Mapping[str, str]]] = {
        SEARCH: {
            **dict.fromkeys(("page", "hitsPerPage", "offset", "length", "maxValuesPerFacet"), NOT_NUMBERS),
            **dict.fromkeys(("facets", "attributesToRetrieve", "attributesToHighlight", "facetFilters"), NOT_LISTS),
            **dict.fromkeys(("attributesToSnippet", "numericFilters"), NOT_LISTS),
            **dict.fromkeys(("query", "filters", "highlightPostTag", "userToken", "params"), NOT_TEXTS),
            "getRankingInfo": {"a number": "1", "a text": '"yes"', "a list": "[]"},
            "typoTolerance": {"a number": "1", "a text": '"maybe"', "a list": "[]"},
            "qurey": {"a text": '"lamp"', "null": "null"},
        },
        SEARCH_FACET: {"maxFacetHits": NOT_NUMBERS, "facetQuery": NOT_TEXTS},
        SEARCH_SEVERAL: {"requests": NOT_TEXTS, "strategy": NOT_TEXTS},
        ANALYZE: {"query": NOT_TEXTS, "queries": NOT_TEXTS},
        RERANK: {
            "query": NOT_TEXTS,
            "candidates": {**NOT_TEXTS, "a list of numbers": "[7]", "a list of null": "[null]"},
        },
        SEARCH_SYNONYMS: {"page": NOT_NUMBERS, "query": NOT_TEXTS},
        SET_SETTINGS: {"attributesForFaceting": NOT_LISTS, "searchable": NOT_TEXTS},
        SAVE_BATCH: {"requests": {"a number": "7", "false": "false", "an object": "{}"}},
        GET_OBJECTS: {"requests": NOT_TEXTS},
        SAVE_OBJECT: {"title": NOT_TEXTS, "price": {"a word": '"dear"', "true": "true", "below zero": "-1"}},
        UPDATE_OBJECT: {"objectID": NOT_TEXTS},
    }
    for route, values in fields.items():
        for name, wrong in values.items():
            for kind, written in wrong.items():
                body = json.dumps(_example(route) | {name: "HERE"}).replace('"HERE"', written).encode()
                yield Hostile(f"{_of(route)} {name}: {kind}", route.method, _path(route), body, (400,), name)
    for name in ("page", "hitsPerPage", "filters", "facets", "typoTolerance", "facetFilters"):
        yield _posted(SEARCH, f"{name}: null", {name: None}, (200,))


def _extremes() -> Iterator[Hostile]:
    """Values of the right kind, too large or too many."""
    search = {"query": "lamp"}
    yield _posted(SEARCH, "page: 10^9", search | {"page": 10**9}, (200, 400))
    yield _posted(SEARCH, "page: 10^30", search | {"page": 10**30}, (200, 400))
    yield _posted(SEARCH, "offset: 10^30", search | {"offset": 10**30}, (200, 400))
    yield _posted(SEARCH, "hitsPerPage: 10^6", search | {"hitsPerPage": 10**6}, (400,), "hitsPerPage is 1000000")
    yield _posted(SEARCH, "length: 10^6", search | {"length": 10**6}, (400,), "length is 1000000")
    yield _posted(SEARCH, "1,000 facets", {"facets": [f"f{number}" for number in range(1000)]}, (400,), "facets is")
    yield _posted(SEARCH, "one facet 100 times", {"facets": ["brand"] * 100}, (200,))
    yield _posted(SEARCH, "10,000 attributes", {"attributesToRetrieve": [f"a{n}" for n in range(10_000)]}, (200, 400))
    yield _posted(SEARCH, "a snippet of 0 words", {"attributesToSnippet": ["title:0"]}, (400,), "attributesToSnippet")
    yield _posted(
        SEARCH, "1,000 highlights", {"attributesToHighlight": ["title"] * 1000}, (400,), "attributesToHighlight"
    )
    yield _posted(SEARCH, "5,000 facet filters", {"facetFilters": ["brand:Tuff"] * 5000}, (400,), "facetFilters is")
    yield _posted(
        SEARCH, "5,000 in one facet filter", {"facetFilters": [["brand:Tuff"] * 5000]}, (400,), "facetFilters is"
    )
    yield _posted(SEARCH, "5,000 numeric filters", {"numericFilters": ["price>1"] * 5000}, (400,), "numericFilters is")
    yield _posted(SEARCH, "params nested in params", {"params": "params=query%3Dlamp"}, (400,), "params")
    several = {"indexName": "products", "query": "lamp"}
    yield _posted(SEARCH_SEVERAL, "50 searches", {"requests": [several] * 50}, (200,))
    yield _posted(SEARCH_SEVERAL, "no search", {"requests": []}, (200,))
    yield _posted(SEARCH_SEVERAL, "200 searches", {"requests": [several] * 200}, (400,), "at most 50 searches")
    yield _posted(SEARCH_SEVERAL, "a bad one behind a good one", {"requests": [several, 7]}, (400,), "requests[1] is 7")
    other = [several | {"indexName": "\ud83d"}]
    yield _posted(SEARCH_SEVERAL, "an index that is no text", {"requests": other}, (404,), "does not exist")
    yield _posted(
        RERANK, "1,001 candidates", {"query": "", "candidates": [{"objectID": "a"}] * 1001}, (400,), "candidates"
    )
    yield _posted(
        RERANK, "the same candidate 1,000 times", {"query": "lamp", "candidates": [{"objectID": "lamp"}] * 1000}, (200,)
    )
    described = [{"objectID": f"{n}", "title": "x" * 900} for n in range(1000)]
    yield _posted(RERANK, "1,000 long titles", {"query": "lamp", "candidates": described}, (200,))
    yield _posted(
        RERANK,
        "a price beyond floats",
        {"query": "a", "candidates": [{"objectID": "a", "title": "a", "price": 10**400}]},
        (400,),
        "price",
    )
    operation = {"action": "addObject", "body": {"objectID": "a", "title": "a"}}
    yield _posted(SAVE_BATCH, "1,001 operations", {"requests": [operation] * 1001}, (400,), "requests")
    yield _posted(SAVE_BATCH, "the same object twice", {"requests": [operation] * 2}, (200,))
    yield _posted(SAVE_BATCH, "no operation", {"requests": []}, (200, 400))
    yield _posted(SAVE_BATCH, "an operation that is none", {"requests": [7, None, {}, {"action": "x"}]}, (400,))
    yield _posted(ADD_OBJECT, "a product of 400 kB", {"title": "a", "text": "x" * 400_000}, (413,), "at most")
    yield _posted(
        ADD_OBJECT, "a product nested 500 deep", {"title": "a", "deep": _nested(500)}, (400,), "nested deeper"
    )
    yield _posted(ADD_OBJECT, "10,000 fields", {"title": "a"} | {f"f{n}": n for n in range(10_000)}, (200, 400))
    yield _posted(
        GET_OBJECTS,
        "an objectID of 10,000 letters",
        {"requests": [{"indexName": "products", "objectID": "x" * 10_000}]},
        (200, 400),
    )

    synonym = {"objectID": "🔥" * 512, "type": "synonym", "synonyms": ["a", "b"]}
    yield _posted(SAVE_SYNONYMS, "an objectID of 512 emoji", [synonym], (400,), "[0].objectID is")


def _bodies() -> Iterator[Hostile]:
    for route in ROUTES:
        if route.request is None or route.method == "GET":
            continue
        takes_lists = isinstance(example_of(route), list)
        for name, (body, says) in NO_OBJECTS.items():
            said = "" if takes_lists and says == "expected an object" else says
            yield Hostile(f"{_of(route)} body: {name}", route.method, _path(route), body, (400,), said)
        yield Hostile(
            f"{_of(route)} body: 2 MB", route.method, _path(route), _padded(2 * MEBIBYTE), (413,), "longer than"
        )
        yield Hostile(
            f"{_of(route)} body: 2 MB of blanks", route.method, _path(route), b" " * 2 * MEBIBYTE, (413,), "longer than"
        )
        again = b'{"query": 7, "query": [], "query": "lamp"}'
        yield Hostile(f"{_of(route)} body: a field three times", route.method, _path(route), again, (200, 400))
    almost = _padded(MEBIBYTE)
    yield Hostile(f"{_of(SEARCH)} body: 1 MiB exactly", "POST", _path(SEARCH), almost, (200,))


def _filters() -> Iterator[Hostile]:
    for name, (text, says) in FILTERS.items():
        yield _posted(SEARCH, f"filters: {name}", {"filters": text}, (400,), says)
        inside = {"requests": [{"indexName": "products", "filters": text}]}
        yield _posted(
            SEARCH_SEVERAL,
            f"filters: {name}",
            inside,
            (400,),
            says and f"requests[0].{says}" if says.startswith("filters") else says,
        )
        if len(text) <= 2000:
            query = urlencode({"filters": text}, errors="replace")
            yield Hostile(
                f"{_of(SEARCH_BY_ADDRESS)} filters: {name}", "GET", f"/1/indexes/products?{query}", None, (400,), ""
            )
    for name, text in FILTERS_THAT_FIND_NOTHING.items():
        yield _posted(SEARCH, f"filters: {name}", {"filters": text}, (200,))
    yield _posted(SEARCH_FACET, "filters: nested 60 deep", {"filters": NESTED_60_DEEP}, (400,), "filters at position")
    yield _posted(SEARCH, "facetFilters: no colon", {"facetFilters": ["brand"]}, (400,), "facetFilters is")
    yield _posted(SEARCH, "numericFilters: a text", {"numericFilters": ["brand:Tuff"]}, (400,), "numericFilters")


def _paths() -> Iterator[Hostile]:
    for name, path in PATHS.items():
        # some gateways decode a slash before they look for the route
        expected = (200, 404) if name == "an encoded slash" else (404,)
        yield Hostile(f"path: {name}", "POST", path, b"{}", expected)
    for name, text in TEXTS.items():
        if 0 < len(text) < 1000:
            written = quote(text, safe="", errors="replace")
            yield Hostile(
                f"{_of(SEARCH_FACET)} facet: {name}",
                "POST",
                f"/1/indexes/products/facets/{written}/query",
                b"{}",
                (400, 404),
            )
            yield Hostile(
                f"{_of(GET_OBJECT)} objectID: {name}", "GET", f"/1/indexes/products/{written}", None, (400, 404)
            )
            yield Hostile(
                f"{_of(GET_TASK)} taskID: {name}", "GET", f"/1/indexes/products/task/{written}", None, (400, 404)
            )
    yield Hostile("path: an objectID of 5,000 letters", "GET", "/1/indexes/products/" + "x" * 5000, None, (400, 404))
    yield Hostile("path: a taskID of 5,000 digits", "GET", "/1/indexes/products/task/" + "9" * 5000, None, (400, 404))


def _keys() -> Iterator[Hostile]:
    for name, headers in WRONG_KEYS.items():
        for route in (SEARCH, ANALYZE, ADD_OBJECT):
            yield Hostile(
                f"{_of(route)} key: {name}", route.method, _path(route), b'{"title": "a"}', (403,), "Invalid", headers
            )
    in_body = b'{"query": "lamp", "x-algolia-api-key": "admin-key", "apiKey": "admin-key"}'
    yield Hostile("key: in the body", "POST", _path(SEARCH), in_body, (403,), "Invalid", {"x-algolia-api-key": ""})
    yield Hostile(
        "key: in the path", "POST", "/1/indexes/admin-key/query", b"{}", (403,), "", {"x-algolia-api-key": ""}
    )


def _methods() -> Iterator[Hostile]:
    taken = {(route.method, address(route)) for route in ROUTES}
    for path in sorted({address(route) for route in ROUTES}):
        for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"):
            # what is no route of this path may be one of another, such as a product named query
            if (method, path) not in taken and "{object_id}" not in path:
                yield Hostile(f"{method} {path}", method, _filled(path), None, (200, 400, 403, 404))


def _addresses() -> Iterator[Hostile]:
    for name, query, expected, says in (
        ("page: below zero", "page=-1", (400,), "page is -1"),
        ("page: 10^9", "page=1000000000", (200, 400), ""),
        ("page: a word", "page=two", (400,), "page is"),
        ("page: NaN", "page=NaN", (400,), "page is"),
        ("page: 1e400", "page=1e400", (400,), "page is"),
        ("page: twice", "page=1&page=2", (400,), "page is"),
        ("page: nothing", "page=", (400,), "page is"),
        ("page: 5,000 digits", "page=" + "9" * 5000, (400,), "page is"),
        ("facets: 5,000 open brackets", "facets=" + "[" * 5000, (200, 400), ""),
        ("facetFilters: 5,000 open brackets", "facetFilters=" + "[" * 5000, (400,), "facetFilters"),
        ("not UTF-8", "query=%ff%fe", (200,), ""),
        ("a cut encoding", "query=%E2%82", (200,), ""),
        ("no encoding", "query=%zz%", (200,), ""),
        ("NUL", "query=%00", (200,), ""),
        ("only separators", "&&&;;;===", (400,), ""),
        ("an unknown name", "qurey=lamp", (400,), '"qurey" is not known'),
        ("a name of HTML", "%3Cscript%3E=1", (400,), "is not known"),
        ("1,000 parameters", "&".join(f"p{number}=1" for number in range(1000)), (400,), "is not known"),
        ("params in the address", "params=query%3Dlamp", (200, 400), ""),
    ):
        yield Hostile(f"{_of(SEARCH_BY_ADDRESS)} {name}", "GET", f"/1/indexes/products?{query}", None, expected, says)
    for route in (LIVE, READY):
        yield Hostile(f"{_of(route)} with a query", "GET", f"{route.path}?x=%00&y={'z' * 2000}", None, (200,))


def _posted(route: Route, name: str, body: Any, expected: tuple[int, ...], says: str = "") -> Hostile:
    """Lone surrogates are sent as JSON's escapes, which is how they arrive."""
    return Hostile(f"{_of(route)} {name}", route.method, _path(route), json.dumps(body).encode(), expected, says)


def _of(route: Route) -> str:
    return f"{route.method} {address(route)}"


def _path(route: Route) -> str:
    return _filled(address(route))


def _filled(path: str) -> str:
    for name, described in IN_PATH.items():
        path = path.replace(f"{{{name}}}", str(described.example))
    return path


def _example(route: Route) -> dict[str, Any]:
    example = example_of(route)
    assert isinstance(example, dict)
    return example


def _padded(length: int) -> bytes:
    """A search of exactly this many bytes."""
    return b'{"query": "lamp"' + b" " * (length - 17) + b"}"


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
