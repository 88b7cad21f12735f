# One image for every service; docker-compose.yml gives each its command.
# No secret is in it: credentials come at run time, by environment or as files.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/rescind \
 && /opt/rescind/bin/pip install --require-hashes -r requirements/runtime.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY providers/ providers/
COPY rescind/ rescind/
COPY worker/ worker/
COPY tasks/ tasks/
COPY examples/ examples/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /wheels . \
 && /opt/rescind/bin/pip install --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim
# The user must be able to read the accounts file: give its owner's id.
ARG UID=1000
RUN useradd --uid "${UID}" --user-group --no-create-home --home-dir /srv/rescind rescind \
 && install -d -m 0700 -o rescind -g rescind /var/lib/rescind
COPY --from=build /opt/rescind /opt/rescind
COPY flowerconfig.py /srv/rescind/
ENV PATH=/opt/rescind/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/rescind
USER rescind
CMD ["python", "-m", "worker", "worker"]
