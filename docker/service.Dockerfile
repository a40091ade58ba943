# The OCR service for a CPU (DEVICE=cpu) or an NVIDIA GPU (DEVICE=gpu), with one model inside:
#   docker build -f docker/service.Dockerfile -t ocr-service:0.1.0-cpu .
# No BuildKit needed. BASE may be pinned: --build-arg BASE=debian:bookworm-slim@sha256:…
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
COPY docker/locks/service-${DEVICE}.txt docker/locks/service.txt
RUN pip install --require-hashes --no-deps -r docker/locks/service.txt
COPY pyproject.toml README.md LICENSE ./
COPY ocr_core ocr_core
COPY service service
RUN pip install --no-deps --no-build-isolation .

# The model: a bundle that is committed in models/, or the one that the wheel of rapidocr carries.
FROM build AS model
ARG OCR_MODEL=ppocrv2-en
COPY docker/locks/model.txt docker/locks/
COPY models /store
RUN if [ ! -e "/store/$OCR_MODEL/current" ]; then \
      pip install --require-hashes --no-deps -r docker/locks/model.txt && \
      ocr models import "$OCR_MODEL" --store /store; \
    fi \
 && mkdir /models && cp -r "/store/$OCR_MODEL" /models/

FROM build AS trimmed
COPY docker/trim.py docker/
RUN pip uninstall -y pip setuptools wheel \
 && python docker/trim.py /opt/ocr/lib/python3*/site-packages \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/ocr/lib

FROM python
ARG DEVICE=cpu
ARG OCR_MODEL=ppocrv2-en
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="OCR service ($DEVICE)" \
      org.opencontainers.image.description="Reads text in images over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.documentation="docs/deployment.md"
COPY --from=trimmed /opt/ocr /opt/ocr
COPY docker/healthcheck.py docker/copy_bundle.py /opt/ocr/bin/
# Empty folders of the user's own, so that volumes mounted there belong to it.
RUN mkdir -p /var/cache/ocr /var/lib/ocr /store && chown 10001:10001 /var/cache/ocr /var/lib/ocr /store
COPY --from=model --chown=10001:10001 /models /models
ENV PATH=/opt/ocr/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 \
    OCR_MODEL=$OCR_MODEL OCR_MODEL_STORE=/models OCR_CACHE_DIR=/var/cache/ocr OCR_JOBS_FOLDER=/var/lib/ocr
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["python", "/opt/ocr/bin/healthcheck.py"]
CMD ["ocr", "serve"]
