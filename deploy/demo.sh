#!/bin/sh
# What the simulated city of docker-compose.yml signs in with, good for twelve hours: what verifies it
# goes to deploy/secrets/jwks.json, the rest to deploy/secrets/demo.json. For a composition of its
# own: who holds these tokens is dispatcher, crew and every hospital.
set -eu
cd "$(dirname "$0")/.."
./deploy/secrets.sh
exec docker compose run --rm --no-deps --user "$(id -u):$(id -g)" \
    --volume "$PWD/deploy/secrets:/secrets" apply demo --secrets /secrets
