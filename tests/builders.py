"""Small real things for tests: products, a linear ranker, a release, the gateway's envelope."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from relevance.contracts.models import RankerManifest
from relevance.contracts.products import Product
from relevance.features import FEATURE_NAMES
from relevance.release_files import file_entry
from sagemaker_jobs.build_release import ARTEFACTS, build_release

CATALOGUE = (
    ("bag", 'Laptop bag for 15.6" notebooks', "Tuff", 29.90, "Padded case with a shoulder strap"),
    ("laptop", "Quill 14 laptop 8 GB 256 GB SSD", "Quill", 649.00, "Light notebook with a 14 inch screen"),
    ("mouse", "Wireless optical mouse, black", "Quill", 19.90, "Three buttons, USB receiver"),
    ("headset", "Bluetooth headphones with microphone", "Sonora", 79.00, "Over-ear, noise cancelling"),
    ("earbuds", "In-ear earbuds white", "Sonora", 49.00, "Wireless earphones with charging case"),
    ("kettle", "Electric kettle 1.7 l", "Tuff", 24.50, "Stainless steel, 2200 W"),
    ("drive", "External hard drive 2 TB", "Quill", 89.00, "USB 3.0 storage for backups"),
    ("lamp", "Desk lamp with dimmer", "Tuff", 34.00, "Warm and cold light for the office"),
)


def a_product(product_id: str = "p1", title: str = "A product", **fields: Any) -> Product:
    return Product.model_validate({"objectID": product_id, "title": title} | fields)


def some_products() -> list[Product]:
    """Eight products of three brands, released a month apart; the last is the newest."""
    return [
        a_product(
            product_id,
            title,
            brand=brand,
            price=price,
            currency="EUR",
            description=description,
            released_at=f"2026-{month:02}-01",
            attributes={"wireless": "wireless" in (title + description).lower(), "warranty_years": float(month % 3)},
        )
        for month, (product_id, title, brand, price, description) in enumerate(CATALOGUE, start=1)
    ]


def write_linear_ranker(
    folder: Path,
    weights: Mapping[str, float],
    *,
    ranker_id: str = "linear-1",
    names: Sequence[str] = FEATURE_NAMES,
    explains: bool = True,
) -> Path:
    """A ranker whose right answer is known by hand: the weighted sum of some features."""
    folder.mkdir(parents=True, exist_ok=True)
    column = np.array([weights.get(name, 0.0) for name in names], dtype=np.float32)
    graphs = {"ranker.onnx": ("MatMul", "scores", ["n"])}
    if explains:
        graphs["contributions.onnx"] = ("Mul", "contributions", ["n", len(names)])
    for file, (operator, output, shape) in graphs.items():
        graph = helper.make_graph(
            [helper.make_node(operator, ["features", "weights"], [output])],
            "linear",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(names)])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(column, "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, str(folder / file))
    manifest = RankerManifest(
        ranker_id=ranker_id,
        feature_names=tuple(names),
        files={file: file_entry(folder / file) for file in graphs},
        metrics={},
        metrics_data="none: a test's model",
        seed=0,
        derived_from="hand",
        licence="Apache-2.0",
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
        versions={},
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return folder


def a_release(
    folder: Path,
    products: Sequence[Product] | None = None,
    *,
    weights: Mapping[str, float] | None = None,
    encoder: bool = True,
    **ranker: Any,
) -> Path:
    """Build a release with the encoder that ships and, if `weights` are given, a linear ranker."""
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    if encoder and not (models / "encoder").exists():
        (models / "encoder").symlink_to(ARTEFACTS / "encoder")
    if weights is not None:
        write_linear_ranker(models / "ranker", weights, **ranker)
    return build_release(
        some_products() if products is None else products,
        models,
        folder / "releases",
        described="a test's catalogue",
        say=lambda _: None,
    )


def an_http_event(
    method: str,
    path: str,
    body: object = None,
    *,
    key: str | None = "search-key",
    query: Mapping[str, str] | None = None,
    raw_body: str | None = None,
) -> dict[str, Any]:
    """What API Gateway's HTTP API hands to a function (payload format 2.0)."""
    headers = {"content-type": "application/json"} | ({"x-algolia-api-key": key} if key else {})
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "queryStringParameters": dict(query or {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "requestId": "request-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1795305600000,
        },
        "body": raw_body if raw_body is not None else (None if body is None else json.dumps(body)),
        "isBase64Encoded": False,
    }
