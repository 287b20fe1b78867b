#!/usr/bin/env bash
# with-postgres.sh COMMAND…: does a command while a PostgreSQL of its own listens on a free port of
# this machine; its URL is in SEMREC_TEST_POSTGRES, the commands that begin and end it (for tests of
# restarts) in SEMREC_TEST_POSTGRES_START and _STOP, the authority that signed its certificate in
# SEMREC_TEST_POSTGRES_AUTHORITY. All that was stored is gone afterwards. Where
# PostgreSQL is not installed, the command goes without, and tests that need it are left out; with CI
# set, that is an error.
set -euo pipefail
bin=
for there in /usr/lib/postgresql/*/bin "$(dirname "$(command -v initdb || echo /nowhere/initdb)")"; do
    [ -x "$there/initdb" ] && [ -x "$there/pg_ctl" ] && bin=$there
done
if [ -z "$bin" ]; then
    echo "PostgreSQL is not installed (Debian: apt-get install postgresql): its tests are left out" >&2
    [ -z "${CI:-}" ] || exit 1
    [ "${SEMREC_TEST_STORE:-}" != postgres ] || exit 0
    exec "$@"
fi
home=$(mktemp -d)
# The server will not run as root.
as=()
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || useradd --system postgres
    chown postgres "$home"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
control() { (cd "$home" && "${as[@]}" "$bin/pg_ctl" --pgdata="$home/data" --silent "$@"); }
end() {
    control stop --mode=immediate >/dev/null 2>&1 || true
    rm -rf "$home"
}
trap end EXIT
(cd "$home" && "${as[@]}" "$bin/initdb" --pgdata="$home/data" --username=semrec --auth=trust --encoding=UTF8 --no-sync >/dev/null)
# It speaks TLS to who asks for it, by a certificate that nothing on this machine trusts (openssl comes
# with Debian's PostgreSQL; without it there is no TLS, and its test is left out).
if command -v openssl >/dev/null; then
    (
        cd "$home" &&
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout authority.key -out authority.pem &&
            openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr &&
            openssl x509 -req -days 2 -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial \
                -extfile <(echo subjectAltName=IP:127.0.0.1) -out server.pem &&
            chmod 600 server.key &&
            { [ "$(id -u)" != 0 ] || chown postgres server.key server.pem; }
    ) 2>"$home/openssl.log" || { cat "$home/openssl.log" >&2; exit 1; }
    cat >>"$home/data/postgresql.conf" <<CONF
ssl = on
ssl_cert_file = '$home/server.pem'
ssl_key_file = '$home/server.key'
CONF
    export SEMREC_TEST_POSTGRES_AUTHORITY="$home/authority.pem"
fi
cat >>"$home/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$home'
max_connections = 200
CONF
control start --wait --log="$home/log" >/dev/null || { cat "$home/log" >&2; exit 1; }
export SEMREC_TEST_POSTGRES="postgres://semrec@127.0.0.1:$port/postgres?sslmode=disable"
export SEMREC_TEST_POSTGRES_START="cd $home && ${as[*]} $bin/pg_ctl --pgdata=$home/data --silent start --wait --log=$home/log >/dev/null"
export SEMREC_TEST_POSTGRES_STOP="cd $home && ${as[*]} $bin/pg_ctl --pgdata=$home/data --silent stop --mode=fast"
"$@"
