# The trainer for a CPU (DEVICE=cpu) or NVIDIA GPUs (DEVICE=gpu), with the fonts and texts that the renderer draws from:
#   docker build -f docker/trainer.Dockerfile -t ocr-trainer:0.1.0-cpu .
# Without them (CORPORA=none) it draws made-up words in DejaVu: enough for a smoke test, not for a model.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS python
ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

FROM python AS build
ENV PATH=/opt/ocr/bin:$PATH PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv && python3 -m venv /opt/ocr
WORKDIR /src
COPY docker/locks/build.txt docker/locks/
RUN pip install --require-hashes -r docker/locks/build.txt
ARG DEVICE=cpu
# Where the CPU builds of torch lie; a folder that is served will do.
ARG TORCH_WHEELS=https://download.pytorch.org/whl/cpu/torch/
COPY docker/locks/trainer-${DEVICE}.txt docker/locks/trainer.txt
RUN if [ "$DEVICE" = cpu ]; then links="--find-links $TORCH_WHEELS"; fi \
 && pip install --require-hashes --no-deps $links -r docker/locks/trainer.txt
COPY pyproject.toml README.md LICENSE ./
COPY ocr_core ocr_core
COPY trainer trainer
RUN pip install --no-deps --no-build-isolation . \
 && pip uninstall -y pip wheel \
 && find /opt/ocr -name '*.a' -delete \
 && python -m compileall -q -x torch/testing --invalidation-mode unchecked-hash /opt/ocr/lib

FROM python
ARG CORPORA=debian
COPY trainer/render/fonts.txt trainer/render/corpora.txt /tmp/render/
# Slim images leave out /usr/share/doc, where many of the texts and PDFs are. A name that apt does not know fails the build.
RUN if [ "$CORPORA" = debian ]; then \
      rm -f /etc/dpkg/dpkg.cfg.d/docker* && apt-get update && \
      grep -hoE '^[a-z0-9.+-]+' /tmp/render/fonts.txt /tmp/render/corpora.txt \
        | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends && \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*; \
    fi \
 && rm -r /tmp/render
COPY --from=build /opt/ocr /opt/ocr
ARG DEVICE=cpu
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="OCR trainer ($DEVICE)" \
      org.opencontainers.image.description="Trains, exports and publishes OCR models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.documentation="docs/deployment.md"
# Configurations by short names; and empty folders of the user's own, so that volumes mounted there belong to it.
RUN mkdir /work /work/data /work/runs /models && ln -s /opt/ocr/lib/python3*/site-packages/trainer/configs /work/configs \
 && chown -R 10001:10001 /work /models
WORKDIR /work
ENV PATH=/opt/ocr/bin:$PATH HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "trainer"]
CMD ["--help"]
