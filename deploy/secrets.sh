#!/bin/sh
# A password for each user of broker and database and for Grafana's `admin`, for docker-compose.yml: one
# file each in deploy/secrets, which only you may enter. What is there already stays.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
for user in admin boards bridge dispatch dispatch_centre gateway grafana observer tracker triage vendor; do
    # Containers run in other names: they read the file, and nobody else passes the folder.
    [ -s "secrets/$user" ] || head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"secrets/$user"
    chmod 644 "secrets/$user"
done
# No issuer of tokens yet: until its key set stands here, only client keys open the door.
[ -s secrets/jwks.json ] || echo '{"keys": []}' >secrets/jwks.json
# What the simulated city signs in with; deploy/demo.sh makes it.
[ -s secrets/demo.json ] || echo '{}' >secrets/demo.json
chmod 644 secrets/jwks.json secrets/demo.json
