#!/usr/bin/env bash
# Puts programs into <folder>/bin that Debian has, but not in the release that this machine may run: cosign and pyspdxtools, which judge what is signed and
# listed, Docker's plugin buildx, and a HAProxy that is newer than its own (haproxy-newer, and in <folder>/haproxy.files what an image of it has to hold: path and source). They are taken from newer releases by the sources that the machine itself is configured with, into the folder alone: nothing is installed.
# usage: newer-programs.sh <folder> <program>...
set -euo pipefail
folder=$1
shift
mkdir -p "$folder/bin"

# The line for another release of Debian from the archive that this machine uses.
sources() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } | awk -v release="$1" '
    /^[ \t]*#/ || /security/ { next }
    $1 == "deb" || $1 == "URIs:" {
      for (i = 2; i <= NF; i++) {
        if ($i !~ /debian/ || $i ~ /^\[|\]$|keyring/) continue
        if (found++ == 0) print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $i " " release " main"
        next
      }
    }'
}

# Downloads packages of a release and unpacks them below <folder>/<release>.
unpack() {
  local release=$1 place="$folder/$1"
  shift
  mkdir -p "$place/lists/partial" "$place/cache/archives/partial" "$place/debs"
  sources "$release" >"$place/sources.list"
  if ! [ -s "$place/sources.list" ]; then
    echo "newer-programs.sh: this machine has no Debian archive among its sources" >&2
    return 1
  fi
  local apt=(-qq -o "Dir::Etc::sourcelist=$place/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$place/lists" -o "Dir::Cache=$place/cache" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update >/dev/null
  (cd "$place/debs" && apt-get "${apt[@]}" download "$@" >/dev/null)
  local deb
  for deb in "$place"/debs/*.deb; do dpkg -x "$deb" "$place/root"; done
  rm -rf "$place/lists" "$place/cache" "$place/debs"
}

for program in "$@"; do
  case $program in
    cosign)
      unpack trixie cosign
      ln -sf "$folder/trixie/root/usr/bin/cosign" "$folder/bin/cosign"
      ;;
    pyspdxtools)
      # Python without native code, so that the release's own interpreter runs it.
      unpack sid python3-spdx-tools python3-beartype python3-boolean python3-click python3-isodate python3-license-expression python3-ply python3-pyparsing python3-rdflib \
        python3-semantic-version python3-uritools python3-xmltodict python3-yaml
      printf '#!/bin/sh\nPYTHONPATH=%s exec /usr/bin/python3 %s "$@"\n' "$folder/sid/root/usr/lib/python3/dist-packages" "$folder/sid/root/usr/bin/pyspdxtools" >"$folder/bin/pyspdxtools"
      chmod +x "$folder/bin/pyspdxtools"
      ;;
    haproxy-newer)
      unpack trixie haproxy libc6 libcrypt1 liblua5.4-0 libpcre2-8-0 libssl3t64 libsystemd0 zlib1g libcap2 libzstd1 libjemalloc2 libstdc++6 libgcc-s1
      root="$folder/trixie/root"
      libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6)")
      loader=$(find "$root/usr" -name 'ld-linux*.so.*' | head -n 1)
      {
        echo "usr/local/bin/haproxy $root/usr/sbin/haproxy"
        "$loader" --library-path "$libraries" --list "$root/usr/sbin/haproxy" | awk -v root="$root" '
          $2 == "=>" { source = $3; path = source; sub(root "/usr", "", path); if ($1 ~ /^\//) path = $1; sub(/^\//, "", path); print path, source }'
      } >"$folder/haproxy.files"
      printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$loader" "$libraries" "$root/usr/sbin/haproxy" >"$folder/bin/haproxy-newer"
      chmod +x "$folder/bin/haproxy-newer"
      ;;
    docker-buildx)
      unpack trixie docker-buildx docker-cli
      # As a folder of configuration with a plugin, and the client that it is for.
      mkdir -p "$folder/buildx/cli-plugins"
      cp "$folder/trixie/root/usr/libexec/docker/cli-plugins/docker-buildx" "$folder/buildx/cli-plugins/docker-buildx"
      cp "$folder/trixie/root/usr/bin/docker" "$folder/buildx/docker"
      ln -sf "$folder/buildx/cli-plugins/docker-buildx" "$folder/bin/docker-buildx"
      ;;
    *)
      echo "newer-programs.sh: unknown program $program" >&2
      exit 1
      ;;
  esac
done
