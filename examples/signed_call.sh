#!/bin/sh
# Call the Notification API from another service, signed with an API key: curl and openssl.
#
#     ACCESS_KEY=... SECRET_KEY=... sh examples/signed_call.sh http://127.0.0.1:8000 GET /api/v1/services
#     ACCESS_KEY=... SECRET_KEY=... sh examples/signed_call.sh http://127.0.0.1:8000 POST /api/v1/services/email '{...}'
#
# openssl is given the secret as an argument, which other users of this machine can see while it runs.
set -eu

base_url=$1 method=$2 path=$3 body=${4-}

digest=$(printf '%s' "$body" | openssl dgst -sha256 -hex | sed 's/^.*= *//')
query="key=$ACCESS_KEY&timestamp=$(date +%s)&nonce=$(openssl rand -hex 12)&digest=$digest"
signature=$(printf '%s' "$query" | openssl dgst -sha256 -hmac "$SECRET_KEY" -binary | openssl base64 -A)

if [ -n "$body" ]; then
    exec curl --silent --show-error --fail-with-body --max-time 10 --request "$method" "$base_url$path?$query" \
        --header "secret: $signature" --header 'content-type: application/json' --data-binary "$body"
fi
exec curl --silent --show-error --fail-with-body --max-time 10 --request "$method" "$base_url$path?$query" \
    --header "secret: $signature"
