#!/bin/sh
# Lets the superuser of the official image follow and copy the server over the network of the
# containers, by password: its `host all all all` speaks of databases, and replication is none.
# The image runs this once, when it makes a database; done again it changes nothing. On one that was
# made before:
#
#   docker compose exec --user postgres postgres /docker-entrypoint-initdb.d/admit-archive.sh
set -eu
line="host replication $POSTGRES_USER samenet scram-sha-256"
grep -qxF "$line" "$PGDATA/pg_hba.conf" || printf '%s\n' "$line" >>"$PGDATA/pg_hba.conf"
pg_ctl reload --silent --pgdata "$PGDATA"
