# The service, its commands and the simulator, in one image: `docker run IMAGE serve`, `migrate`, `status`, …
# docker-compose.yml shows how it is meant to be run: not as root, its file system read-only.
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Where pip must not ask the public registry: docker build --build-arg PIP_INDEX_URL=… (they stay in this stage).
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# For the optional C extension. It stays in this stage, and Python's headers come with the image.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /venv
COPY requirements/build.txt requirements/runtime.txt /requirements/
RUN /venv/bin/pip install -q --require-hashes -r /requirements/build.txt -r /requirements/runtime.txt
WORKDIR /app
COPY pyproject.toml setup.py README.md LICENSE alembic.ini ./
COPY migrations ./migrations
COPY examples ./examples
COPY service ./service
COPY simulator ./simulator
# Editable, so that `alembic` finds alembic.ini and its scripts in /app. What only installs is then removed.
RUN /venv/bin/pip install -q --no-build-isolation --no-deps -e . \
 && { /venv/bin/python -c 'import service.hashing.interleaved._kernel' \
   || { echo "the C extension was not built: PYTHON_IMAGE must contain Python's headers" >&2; exit 1; }; } \
 && /venv/bin/pip uninstall -q -y setuptools pip \
 && /venv/bin/python -m compileall -q service simulator migrations

FROM ${PYTHON_IMAGE}
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 ADMIN_HOST=0.0.0.0
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY deploy/healthcheck.py deploy/make_secrets.py deploy/make_roles.py deploy/roles.sql /app/deploy/
WORKDIR /app
# A number, so that Kubernetes can see that it isn't root; nothing in the image belongs to it.
USER 10001:10001
EXPOSE 8082 8083
# An empty store is healthy, though not ready, so it can be loaded while the service runs.
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["python", "/app/deploy/healthcheck.py"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["password-import"]
CMD ["serve"]
