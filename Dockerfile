# The app in a container: without torch, not root, on a file system that may be read-only.
#
#     docker build -t fieldguide .
#     docker run --rm -p 7860:7860 --read-only --tmpfs /tmp fieldguide
#
# It answers from export.onnx, which has to belong to export.pkl (`make onnx`). docs/guides/replicas.md has the rest.

FROM python:3.12-slim AS build
WORKDIR /build
COPY deploy/requirements.lock deploy/slim.py ./
RUN python -m venv --without-pip /venv
RUN python -m pip --python /venv/bin/python install -q --no-cache-dir --no-compile --require-hashes -r requirements.lock
COPY app.py export.pkl export.onnx /app/
COPY classifier /app/classifier
COPY server /app/server
COPY examples /app/examples
RUN /venv/bin/python slim.py /venv /app

FROM python:3.12-slim
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV GRADIO_SERVER_NAME=0.0.0.0 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp FEEDBACK_FOLDER=/tmp/feedback
USER 10001:10001
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["/venv/bin/python", "-S", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=2)"]
CMD ["/venv/bin/python", "app.py"]
