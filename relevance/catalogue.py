"""A shop's catalogue: JSON lines in, the products that can be taken in out, every other line named with its reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import from_json

from relevance.complaints import complaints, expectations, shortened
from relevance.contracts.products import Product

MAX_LINE_BYTES = 1 << 20
"""One product, written as UTF-8; what the wire takes in one call."""


@dataclass(frozen=True, slots=True)
class LineRemark:
    """What is to be said about one line; `line` counts from 1, blank lines included."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a reading of all lines came to.

    `products` have distinct ids, in the order of their (last) lines; `refused` are lines that hold no usable
    product; `warnings` are lines that were taken with a reservation.
    """

    products: tuple[Product, ...]
    refused: tuple[LineRemark, ...]
    warnings: tuple[LineRemark, ...]


def read_catalogue(lines: Iterable[bytes | str]) -> Catalogue:
    """Read all lines, whatever they hold. Of two products with one id the later replaces the earlier."""
    products: dict[str, tuple[int, Product]] = {}
    refused: list[LineRemark] = []
    warnings: list[LineRemark] = []
    for number, result in read_lines(lines):
        if isinstance(result, LineRemark):
            refused.append(result)
            continue
        earlier = products.pop(result.product_id, None)
        if earlier is not None:
            said = f"objectID {shortened(result.product_id)} again: replaces line {earlier[0]}"
            warnings.append(LineRemark(number, said))
        products[result.product_id] = (number, result)
    return Catalogue(tuple(product for _, product in products.values()), tuple(refused), tuple(warnings))


def read_lines(lines: Iterable[bytes | str]) -> Iterator[tuple[int, Product | LineRemark]]:
    """Yield each line that is not blank as its number with its product, or with why it was refused."""
    for number, line in enumerate(lines, start=1):
        raw = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        raw = raw.strip()
        if raw:
            result = _product(raw)
            yield number, LineRemark(number, result) if isinstance(result, str) else result


def _product(line: bytes) -> Product | str:
    if len(line) > MAX_LINE_BYTES:
        return f"{len(line):,} bytes: expected at most {MAX_LINE_BYTES:,}"
    try:
        given = from_json(line, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        return _unreadable(line, error)
    if not isinstance(given, dict):
        return f"{shortened(given)}: expected one JSON object on each line"
    try:
        return Product.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        return "; ".join(complaints(error, _EXPECTED))


def _unreadable(line: bytes, error: ValueError) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as undecodable:
        return f"byte {undecodable.start + 1} is 0x{line[undecodable.start]:02x}: expected UTF-8"
    if line.startswith(b"["):
        return f"{shortened(line.decode())}: expected one JSON object on each line, not a list over several"
    # The parser counts lines too, but there is only this one.
    return f"not JSON ({str(error).replace('at line 1 column', 'at column')}): expected one JSON object on each line"


_EXPECTED = expectations(Product)
