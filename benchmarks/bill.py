"""What each stage costs, priced from its own templates and from `bill_inputs.json`."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk

from benchmarks.results_file import RESULTS
from cdk_app import wire
from cli.bill import MEASURED, Assembly, Assumptions, Bill, Measured, bill
from infra.stage import Edge, Endpoint, Stage, stages

AN_EDGE = Edge(
    domain_name="search.shop.example",
    certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000",
)
AN_ENDPOINT = Endpoint(image_tag="1", model_key="served/1/model.tar.gz")


def priced() -> dict[str, Stage]:
    """The stages in AWS as they are, and what an edge or an endpoint would add to the last of them."""
    known = stages(Path("/nowhere"))
    plain = {name: known[name] for name in ("dev", "staging", "prod")}
    return plain | {
        "prod, behind CloudFront and firewall": replace(known["prod"], region="us-east-1", edge=AN_EDGE),
        "prod, the large model online": replace(known["prod"], endpoint=AN_ENDPOINT),
        "prod, the large model asleep": replace(
            known["prod"], endpoint=replace(AN_ENDPOINT, scale_to_zero=True, least=0)
        ),
    }


def price(stage: Stage, measured: Measured) -> Bill:
    """Synthesise a stage and count it."""
    with TemporaryDirectory() as folder:
        wire(cdk.App(outdir=folder), stage).synth()
        return bill(stage.name, Assembly.read(Path(folder), stage.name), measured, Assumptions())


def main() -> int:
    """Price every stage, print the sums, write `bill.json`."""
    circumstances: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    measured = Measured.read(MEASURED)
    counted = {name: price(stage, measured).as_json() for name, stage in priced().items()}
    for name, each in counted.items():
        print(f"{name:40} asleep {each['asleep_usd']:6.2f}   a million searches {each['per_million_usd']:6.2f}")
    kept = {name: circumstances[name] for name in ("date", "code", "machine", "release")}
    path = RESULTS / "bill.json"
    path.write_text(json.dumps(kept | {"stages": counted}, indent=1) + "\n", encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
