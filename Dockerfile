# The page in a small image, run by a user without rights: docs/deploy.md says how. Not built by the tests.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS built
# The CPU's torch is a tenth of the GPU's; for a GPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --index-url "${TORCH_INDEX}" "torch>=2.8" "torchvision>=0.23" \
    && /venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:${PYTHON}-slim
RUN useradd --uid 1000 --create-home page
COPY --from=built /venv /venv
WORKDIR /app
COPY app.py ./
COPY msresnet ./msresnet
COPY weights ./weights
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_TEMP_DIR=/tmp/uploads \
    MPLCONFIGDIR=/tmp/matplotlib \
    MSRESNET_CACHE=/tmp/weights
USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=8)"]
CMD ["python", "app.py"]
