# The Notification API and its worker: one image, two commands.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements/run.txt /tmp/
RUN /opt/venv/bin/pip install --require-hashes --only-binary=:all: -r /tmp/run.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin service \
    && install -d -o service -g service /srv/logs /srv/data
WORKDIR /srv
COPY --from=build /opt/venv /opt/venv
COPY src src
COPY apps apps
# Every interface of the container; which port the host opens is for compose.yaml to say.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/srv/src:/srv/apps PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production HOST=0.0.0.0 PORT=8000 LOG_DIR=/srv/logs
USER 10001
EXPOSE 8000
# Longer than the ten seconds in which requests in flight get their answers.
STOPSIGNAL SIGTERM
CMD ["python", "-m", "notification"]
