"""Icecat's electronics and office catalogue, as the Chorus project published it (Icecat Open Content License)."""

import json
import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "chorus/products.jsonl.xz"

_FIELDS = {
    "id": "objectID",
    "short_description": "description",
    "supplier": "brand",
    "img_500x500": "image",
    "date_released": "released_at",
}
_KINDS = {"attr_t_": "text", "attr_n_": "number", "attr_b_": "yes_no"}


def lines(data: Path) -> Iterator[str]:
    """Each product of the raw file as a catalogue line, in the raw file's order.

    Raises:
        FileNotFoundError: If `data` holds no such file.
    """
    with lzma.open(data / FILE, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.dumps(_product(json.loads(line)), ensure_ascii=False)


def _product(raw: dict[str, Any]) -> dict[str, Any]:
    product: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for name, value in raw.items():
        kind = _KINDS.get(name[:7])
        if kind is not None:
            attributes[_attribute_name(name[7:], kind, attributes)] = value
        elif name == "price":  # whole US cents
            product["price"], product["currency"] = value / 100, "USD"
        else:
            product[_FIELDS.get(name, name)] = value
    return product | {"attributes": attributes}


def _attribute_name(raw: str, kind: str, taken: dict[str, Any]) -> str:
    """`contrast_ratio__typical_` -> `contrast_ratio_typical`; of two kinds with one name the second adds its kind."""
    name = re.sub("_+", "_", raw).strip("_")
    if name in taken:
        name = f"{name}_{kind}"
    return raw if name in taken else name
