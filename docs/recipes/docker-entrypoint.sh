#!/bin/sh
# Migrate, then become the server. Any number of containers may start at once: one migrates, the others wait for it.
# An error stops here: no server starts on a schema that it does not know.
set -eu
agnodb upgrade
agnodb check
exec "$@"
