#!/bin/sh
# Runs the shop in a development container. In GitHub Codespaces a browser reaches it at a public https address, so it
# needs to know that address, the proxy in front, and a token that guards the sandbox's controls.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${CODESPACE_NAME:-}" ]; then
    PUBLIC_URL="https://$CODESPACE_NAME-${PORT:-5000}.$GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"
    SANDBOX_CONTROLS_TOKEN_FILE="$PWD/instance/controls_token"
    if [ ! -s "$SANDBOX_CONTROLS_TOKEN_FILE" ]; then
        (umask 077 && python3 -c 'import secrets; print(secrets.token_urlsafe(24))' > "$SANDBOX_CONTROLS_TOKEN_FILE")
    fi
    export PUBLIC_URL SANDBOX_CONTROLS_TOKEN_FILE TRUSTED_PROXIES=1 DEMO_CLOCK=true
    echo "Token of the sandbox's controls: $(cat "$SANDBOX_CONTROLS_TOKEN_FILE")"
fi
exec make run
