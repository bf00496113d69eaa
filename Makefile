# Every command starts from a Python 3.11 to 3.13 and a Node 20 or newer, and installs the rest by itself.
PYTHON ?= python3
STAGE ?= dev
VENV := .venv/bin

export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION ?= 20

.PHONY: help up down release check test layers synth bill bench compare recommendations scale train models python-version environment test-environment peers-environment sdk-environment pipelines

help:
	@echo "make up      the whole shop search on this machine: PORT=8108 SHOP=icecat|complete_journey|online_retail CATALOGUE=file"
	@echo "             with ENDPOINT=1 the large model's endpoint beside it, the original encoder or ENDPOINT_MODEL=folder"
	@echo "             with WATCH=1 relevance and drift are looked at every minute, and alarms may start a training (make train)"
	@echo "make down    end what make up started"
	@echo "make release make what was written through the API of make up searchable"
	@echo "make check   style, types, import contracts, documents"
	@echo "make test    check, and the tests; TORCH_INDEX_URL=address where the default index has no processor-only torch"
	@echo "make pipelines  the definitions of the SageMaker pipelines, after a change of the graph of jobs or of SageMaker's SDK"
	@echo "make layers  the Lambda layers, for this machine and for AWS"
	@echo "make synth   the CloudFormation templates: STAGE=dev|staging|prod|local"
	@echo "make bill    what a stage costs a month, asleep and for every million searches: STAGE=dev|staging|prod"
	@echo "make bench   measure the release that make up built, and write the figures into the README"
	@echo "make compare measure Vitrine beside other engines, after make up: docs/comparison.md (20 minutes)"
	@echo "make recommendations measure what shoppers buy next beside other recommenders: two shops' purchases (half an hour)"
	@echo "make scale   measure a search, a build and a release at up to a million products, resampled (an hour, 12 GB of disk)"
	@echo "make train   train on this machine what the shop's search is made of: SHOP=, CATALOGUE= and CONFIG=small|icecat|file.toml"
	@echo "make models  rebuild the encoder and the ranker that ship, from their sources (minutes)"

python-version:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Vitrine needs Python 3.11 to 3.13; $(PYTHON) is another. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }

up: python-version
	@$(PYTHON) -m local.up

down: python-version
	@$(PYTHON) -m local.down

release: environment
	@$(VENV)/python -m local.next_release

environment: python-version
	@$(PYTHON) -m local.environments up

test-environment: environment
	@$(PYTHON) -m local.environments dev

check: test-environment
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/python -m pytest -q tests/docs
	$(VENV)/python -m benchmarks.tables --check

test: check sdk-environment
	$(VENV)/python -m infra.build_layers
	$(VENV)/python -m pytest

layers: environment
	$(VENV)/python -m infra.build_layers

synth: layers
	STAGE=$(STAGE) node_modules/.bin/cdk synth --quiet --no-notices

bill: synth
	$(VENV)/vitrine bill --stage $(STAGE)

bench: test-environment
	$(VENV)/python -m benchmarks.relevance
	$(VENV)/python -m benchmarks.latency
	$(VENV)/python -m benchmarks.retrieval
	$(VENV)/python -m benchmarks.spelling
	$(VENV)/python -m benchmarks.search_as_you_type
	$(VENV)/python -m benchmarks.cold_start
	$(VENV)/python -m benchmarks.bill_inputs
	$(VENV)/python -m benchmarks.bill
	$(VENV)/python -m benchmarks.tables

# SageMaker's SDK brings packages of its own, some in other versions than the project's.
SDK := .local/sagemaker
sdk-environment: $(SDK)/installed

$(SDK)/installed: pyproject.toml | environment
	$(VENV)/uv venv --quiet --allow-existing --python $(VENV)/python $(SDK)
	$(VENV)/uv pip install --quiet --python $(SDK)/bin/python --group pipeline
	touch $@

pipelines: sdk-environment
	$(SDK)/bin/python -m sagemaker_jobs.pipeline_definitions

# The peers' packages come on top of the project's environment, not into it.
PEERS := .local/peers
peers-environment: test-environment
	$(VENV)/python -m venv --without-pip $(PEERS)
	$(VENV)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > "$$($(PEERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	$(VENV)/uv pip install --quiet --python $(PEERS)/bin/python -r benchmarks/peers/requirements.txt

compare: peers-environment
	cd benchmarks/peers && npm ci --no-audit --no-fund
	$(PEERS)/bin/python -m benchmarks.peers
	$(PEERS)/bin/python -m benchmarks.peers.plots
	$(VENV)/python -m benchmarks.tables

recommendations: peers-environment
	$(PEERS)/bin/python -m benchmarks.recommendations

scale: peers-environment
	$(VENV)/python -m benchmarks.scale
	$(PEERS)/bin/python -m benchmarks.scale_plot
	$(VENV)/python -m benchmarks.tables

train: test-environment
	@$(VENV)/python -m local.train $(if $(FRESH),--fresh)

models: test-environment
	$(VENV)/python -m sagemaker_jobs.prepare_catalogue --shop icecat --output build/icecat
	$(VENV)/python -m sagemaker_jobs.export_encoder --catalogue build/icecat --output models/artefacts/encoder --golden tests/golden/encoder.json
	$(VENV)/python -m sagemaker_jobs.train_ranker --catalogue build/icecat --output models/artefacts/ranker --golden tests/golden/ranker.json
