#!/bin/bash
# healthcheck.sh PORT PATH [TEXT]: healthy if the server in this container answers 200 there, and the answer has TEXT.
# Prints what it answered, for `docker inspect`. Needs nothing but bash: not every image has curl or Python.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
read -r _ status _ <&3
while read -r line <&3 && [[ $line != $'\r' ]]; do :; done
body=
while IFS= read -r line <&3 || [[ $line ]]; do body+=$line$'\n'; done
printf '%s' "$body"
[[ $status == 200 && $body == *"${3:-}"* ]]
