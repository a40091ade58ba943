# A store of the S3 protocol for `make cluster-test`, as ocr-test-s3:0:
#   docker build --network host -f tests/deploy/s3.Dockerfile -t ocr-test-s3:0 tests/deploy
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv \
 && python3 -m venv /opt/s3 && /opt/s3/bin/pip install "moto[server,s3]>=5" \
 && rm -rf /var/lib/apt/lists/*
# Without the last it takes the first part of the Service's name for a bucket.
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 S3_IGNORE_SUBDOMAIN_BUCKETNAME=true
USER 10001:10001
EXPOSE 9000
CMD ["/opt/s3/bin/moto_server", "--host", "0.0.0.0", "--port", "9000"]
