# One image for every service; docker-compose.yml gives each its command.
# No secret is in it: credentials come at run time, by environment or as files.
#
# The digest is that of the index for all platforms, as Docker Hub and the record of the
# official images (docker-library/repo-info) had it on 2026-09-22. To take a newer one:
#   docker buildx imagetools inspect python:3.11-slim-bookworm
ARG BASE_NAME=python:3.11.16-slim-bookworm
ARG BASE_DIGEST=sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE_NAME}@${BASE_DIGEST} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/ requirements/
# Wheels alone: nothing is compiled, so no stage needs a compiler.
RUN python -m venv /opt/rescind \
 && /opt/rescind/bin/pip install --only-binary :all: --require-hashes \
      -r requirements/runtime.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --only-binary :all: --require-hashes \
      -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY providers/ providers/
COPY rescind/ rescind/
COPY worker/ worker/
COPY tasks/ tasks/
COPY examples/ examples/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /wheels . \
 && /opt/rescind/bin/pip install --no-deps --no-index /wheels/*.whl

FROM ${BASE_NAME}@${BASE_DIGEST}
ARG BASE_NAME
ARG BASE_DIGEST
# What `git rev-parse HEAD` and `date -u +%Y-%m-%dT%H:%M:%SZ` say when it is built.
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="rescind" \
      org.opencontainers.image.description="Cancels orders at their providers, durably: accepted once, ended once, and truly." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/${BASE_NAME}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
# The user must be able to read the accounts file: give its owner's id.
ARG UID=1000
RUN useradd --uid "${UID}" --user-group --no-create-home --home-dir /srv/rescind rescind \
 && install -d -m 0700 -o rescind -g rescind /var/lib/rescind
COPY --from=build /opt/rescind /opt/rescind
COPY flowerconfig.py /srv/rescind/
COPY deploy/image/healthy /usr/local/bin/
ENV PATH=/opt/rescind/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    RESCIND_ALIVE_FILE=/tmp/rescind/worker.alive
WORKDIR /srv/rescind
USER rescind
CMD ["python", "-m", "worker", "worker"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["healthy"]
