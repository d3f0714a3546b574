#!/bin/bash
# Install the Debian packages that are missing for the named parts; a package never starts a system service.
# Usage: ops/bootstrap.sh [tools] [venv] [postgresql] [rabbitmq] [wrk]
set -euo pipefail

PYTHON=${PYTHON:-python3.11}
POLICY=/usr/sbin/policy-rc.d
missing=()

# psql, for example, is not enough: the tests start servers of their own
has_postgresql() { [[ -n ${DATABASE_URL:-} ]] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
has_rabbitmq() { [[ -n ${RABBITMQ_URL:-} ]] || compgen -G '/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server' >/dev/null || [[ -n ${RABBITMQ_SERVER:-} ]]; }

for part in "$@"; do
    case $part in
        tools) command -v make >/dev/null || missing+=(make) ;;
        venv) "$PYTHON" -c 'import ensurepip' 2>/dev/null || missing+=(python3.11-venv) ;;
        postgresql) has_postgresql || missing+=(postgresql) ;;
        rabbitmq) has_rabbitmq || missing+=(rabbitmq-server) ;;
        wrk) command -v wrk >/dev/null || missing+=(wrk) ;;
        *) echo "unknown part: $part; known are tools venv postgresql rabbitmq wrk" >&2; exit 2 ;;
    esac
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

explain() {
    cat >&2 <<TEXT
Missing: ${missing[*]}. They cannot be installed from here ($1).
Install them yourself:    sudo apt-get install --no-install-recommends ${missing[*]}
or name servers to use:   DATABASE_URL=postgresql://user:password@host/db  RABBITMQ_URL=amqp://user:password@host/vhost
(the tests create and drop databases and virtual hosts there; see CONTRIBUTING.md)
TEXT
    exit 1
}

command -v apt-get >/dev/null || explain "no apt-get"
if [[ $(id -u) -eq 0 ]]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    explain "neither root nor sudo without a password"
fi

remove_policy() { "${as_root[@]}" rm -f "$POLICY"; }

# exit status 101 forbids every start, so neither server comes up on its standard port
if [[ ! -e $POLICY ]]; then
    trap remove_policy EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$POLICY" >/dev/null
    "${as_root[@]}" chmod 755 "$POLICY"
fi

echo "installing ${missing[*]}" >&2
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends install "${missing[@]}" >/dev/null
