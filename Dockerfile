# The services of Green Channel, and the city that calls them; docker-compose.yml says which one a
# container runs. For amd64 and arm64 (docs/running.md).
FROM python:3.13-slim-trixie

WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# The packages, which change seldom, lie below the code, which changes often.
COPY requirements.lock requirements-build.lock ./
COPY deploy/setup deploy/install.py deploy/
RUN PIP_NO_CACHE_DIR=1 deploy/setup

COPY schemas schemas
COPY services services
COPY simulator simulator
COPY web/static web/static
COPY deploy/enter deploy/
RUN python -m compileall -q schemas services simulator

# The one place a container may write to.
WORKDIR /tmp
USER 10001
ENTRYPOINT ["/app/deploy/enter"]
