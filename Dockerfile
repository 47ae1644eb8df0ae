# The shop as a small image: no compiler, not root, one port. It holds no secret and no data; /data is a volume.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin shop && install -d -o shop -g shop /app /data

WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock && pip check
COPY app.py worlds.py gunicorn.conf.py gunicorn_worker.py ./
COPY payments/ payments/
COPY shop/ shop/
COPY sandbox/ sandbox/
COPY templates/ templates/
COPY static/ static/
RUN python -m compileall -q app.py worlds.py gunicorn_worker.py payments shop sandbox

USER shop
ENV HOST=0.0.0.0 PORT=8000 INSTANCE_PATH=/data LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=4)"]
CMD ["gunicorn"]
