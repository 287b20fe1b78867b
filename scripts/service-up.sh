# Sourced: starts the service over a bundle with a new store, and waits until it answers.
#
#   service_up BUNDLE [FLAG…]   sets url, and work where it is not set: the directory of the store
#                               s.db, deleted with the end of the script
service_up() {
    local bundle=$1
    shift
    work=${work:-$(mktemp -d)}
    "${semrec:-target/release/semrec}" serve "$bundle" --listen 127.0.0.1:0 --store "sqlite:$work/s.db" "$@" >"$work/said" &
    service=$!
    trap 'kill "$service" 2>/dev/null || true; rm -rf "$work"' EXIT
    until grep -qs '^http' "$work/said"; do
        kill -0 "$service"
        sleep 0.1
    done
    url=$(sed 's/ .*//;q' "$work/said")
}
