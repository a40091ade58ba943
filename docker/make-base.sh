#!/bin/sh
# Makes the image that the Dockerfiles start from out of Debian's packages, where no registry can be reached:
#   docker/make-base.sh [IMAGE]        as root; needs debootstrap and a Docker engine
# Like the official image it leaves out manuals and translations. The certificates of this machine go in, so that
# apt and pip work behind a proxy that signs for others: use it to build and to test, not to publish.
set -eu
image=${1:-debian:bookworm-slim}
suite=${image#*:}
suite=${suite%-slim}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$root/etc/dpkg/dpkg.cfg.d/docker"
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* \
  "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*
tar --numeric-owner -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$image"
