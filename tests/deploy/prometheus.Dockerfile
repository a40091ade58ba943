# Prometheus from the distribution's package, where its own image cannot be pulled.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && install -d -o nobody /prometheus
USER nobody
ENTRYPOINT ["prometheus"]
