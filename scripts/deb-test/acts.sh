# What story.sh says in single words.

url=https://127.0.0.1:7820
export CUSTODIAN_URL=$url CUSTODIAN_CA_FILE=/srv/deb-test/pem/ca.pem

# After a story that ended early.
last_words() {
    echo "!! the story ended early; the last that the service said:" >&2
    journalctl --unit aegis-custodian --lines 30 --no-pager >&2 || true
}

title() { printf '\n== %s\n' "$*"; }

held() {
    echo "   $1" | tee -a "$here/held"
}

# `holds SENTENCE COMMAND…`
holds() {
    local sentence=$1
    shift
    if ! "$@"; then
        echo "!! $sentence: $* said no" >&2
        exit 1
    fi
    held "$sentence"
}

# `is SENTENCE EXPECTED ACTUAL`
is() {
    if [ "$2" != "$3" ]; then
        echo "!! $1: '$3', where '$2' was expected" >&2
        exit 1
    fi
    held "$1: ${3:-none}"
}

# `sleep_until SENTENCE COMMAND…`: within two minutes.
sleep_until() {
    local sentence=$1 _
    shift
    for _ in $(seq 600); do
        ! "$@" || { held "$sentence"; return; }
        sleep 0.2
    done
    holds "$sentence" "$@"
}

# `shows VALUES PROPERTIES`, in the order in which systemd prints them.
shows() { [ "$(systemctl show --property="$2" aegis-custodian | sort | cut -d= -f2 | xargs)" = "$1" ]; }

# Runs the commands of the page: `readme 3` is the third block of its section.
readme() {
    local block
    block=$(awk -v wanted="$1" '
        /^## / { here = $0 == "## From the package to a running service" }
        /^```$/ { open = 0 }
        here && open && n == wanted
        here && /^```text$/ { open = 1; n++ }' "$here/readme")
    [ -n "$block" ] || { echo "README.Debian has no block $1" >&2; exit 1; }
    sed 's/^/$ /' <<<"$block"
    PAGER=cat SYSTEMD_PAGER=cat bash -euo pipefail -c "${inserted:-}$block" </dev/null
}

# As the page says of SoftHSM: systemd-run gets one option more.
with_softhsm() {
    inserted='systemd-run() { command systemd-run -E SOFTHSM2_CONF=/etc/aegis-custodian/softhsm2.conf "$@"; }
' "$@"
}

# Three programs of the page ask a person.
answer_for_people() {
    mkdir -p "$here/bin"
    cat >"$here/bin/editor" <<'END'
#!/bin/sh
exec sed -i -e '/^\[tls\]/a certificate = "/etc/aegis-custodian/tls/certificate.pem"\
key = "/etc/aegis-custodian/tls/key.pem"\
client_ca = "/etc/aegis-custodian/tls/clients.pem"\
client_certificates = "optional"' "$1"
END
    cat >"$here/bin/systemd-ask-password" <<'END'
#!/bin/sh
printf 271828
END
    cat >"$here/bin/softhsm2-util" <<'END'
#!/bin/sh
exec /usr/bin/softhsm2-util "$@" --so-pin 314159 --pin 271828
END
    chmod 0755 "$here"/bin/*
}

# An authority, the service's certificate, and that of an application.
authority() {
    mkdir "$pem"
    cd "$pem"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=authority" \
        -keyout ca.key -out ca.pem 2>/dev/null
    certificate certificate.pem key.pem custodian.example.org serverAuth
    certificate till.pem till.key till clientAuth
    cp ca.pem clients.pem
    cd "$here"
}

# `certificate FILE KEY NAME USAGE`
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" -keyout "$2" -out request.pem 2>/dev/null
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out "$1" 2>/dev/null -extfile <(
        echo "subjectAltName=DNS:localhost,IP:127.0.0.1"
        echo "extendedKeyUsage=$4"
    )
    chmod 0600 "$2"
}

every_command_is_in_the_manual() {
    local page commands command
    page=$(zcat /usr/share/man/man1/custodian.1.gz)
    commands=$(custodian --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ { print $1 }')
    [ -n "$commands" ] || return 1
    for command in $commands; do
        grep -q "^$command" <<<"${page//\\-/-}" || return 1
    done
}

custodian_health() { custodian health >/dev/null; }

# Nothing, or what systemd says of an exposure above 1.0.
too_exposed() {
    local said
    said=$(systemd-analyze security --no-pager --threshold=10 aegis-custodian) || echo "$said"
}

# The probe in place of the service, everything else as the unit and its drop-ins have it.
below_the_unit() {
    systemctl cat aegis-custodian |
        sed -E 's|^ExecStart=.*|ExecStart=/usr/bin/python3 /srv/deb-test/restrictions.py --below-the-unit|
            s/^Type=.*/Type=oneshot/; s/^Restart=.*/Restart=no/; /^(WatchdogSec|ExecReload|NotifyAccess)=/d' \
            >/run/systemd/system/probe.service
    systemctl daemon-reload
    local ended=0
    systemctl start probe || ended=$?
    journalctl --unit probe --output cat --no-pager --identifier python3
    return $ended
}

# All of the service's memory where the unit's LimitMEMLOCK= is in force, else each key by itself: the host of the
# container needs CAP_SYS_RESOURCE for the first.
locked() {
    local limit kib
    limit=$(awk '/^Max locked memory/ { print $5 }' "/proc/$pid/limits")
    kib=$(awk '/^VmLck:/ { print $2 }' "/proc/$pid/status")
    echo "   $kib KiB, and the limit is $limit"
    if [ "$limit" = unlimited ]; then [ "$kib" -gt 16384 ]; else [ "$kib" -ge 4 ]; fi
}

# Runs a command as the service's user, with the PIN and the token.
with_pin() {
    systemd-run --quiet --pipe --wait --uid=aegis-custodian --gid=aegis-custodian -p UMask=0077 \
        -p LoadCredentialEncrypted=pin:/etc/aegis-custodian/pin.cred \
        -E SOFTHSM2_CONF=/etc/aegis-custodian/softhsm2.conf "$@"
}

# Restores by that export.
restored_by() {
    with_pin custodian restore --config $config --backup /run/restore/backup.age --identity /run/restore/identity.txt \
        --audit "/run/restore/$1"
}

# Runs a command by somebody's bearer token.
as() {
    local who=$1
    shift
    CUSTODIAN_TOKEN_FILE=$here/$who.token "$@"
}

# Alice proposes, Bob approves: an operator, two auditors, and an application that has no bearer token.
people() {
    local id who
    for who in alice bob; do
        install -m 0600 "$data/$who.token" "$here/$who.token"
        rm "$data/$who.token"
    done
    id=$(as alice custodian principal create --name oscar --role operator --token-out oscar.token --output json | jq -r .id)
    as bob custodian principal approve "$id" --yes >/dev/null
    as alice custodian principal create --name ada --role auditor --token-out ada.token >/dev/null
    eve=$(as alice custodian principal create --name eve --role auditor --token-out eve.token --output json | jq -r .id)
    id=$(as alice custodian principal create --name till --role app --dek telemetry --client-cert "$pem/till.pem" \
        --output json | jq -r .id)
    as bob custodian principal approve "$id" --yes >/dev/null
}

# `curl_as_till VERB BODY`
curl_as_till() {
    curl -sS --fail-with-body --cacert "$pem/ca.pem" --cert "$pem/till.pem" --key "$pem/till.key" --tlsv1.3 \
        -H 'Content-Type: application/json' --data "$2" "$url/v1/deks/telemetry/$1"
}

decrypted() { curl_as_till decrypt "{\"ciphertext\":\"$blob\"}" | jq -r .plaintext; }

# The key exchange that COMMAND and the service agree on: `exchange COMMAND…`, which speaks to port 7821.
exchange() {
    local tap
    python3 tap.py 7821 7820 >agreed &
    tap=$!
    until [ -n "$(ss --no-header --listening --tcp 'sport = :7821')" ]; do
        kill -0 "$tap"
        sleep 0.05
    done
    "$@" >/dev/null
    wait "$tap"
    cat agreed
}

shows_certificate() {
    local shown
    shown=$(openssl s_client -connect 127.0.0.1:7820 </dev/null 2>/dev/null | openssl x509)
    [ "$shown" = "$(openssl x509 -in "$1")" ]
}

# What curl should agree on: OpenSSL has the hybrid exchange since 3.5.
best_of_openssl() {
    if openssl list -tls-groups 2>/dev/null | grep -q X25519MLKEM768; then echo X25519MLKEM768; else echo X25519; fi
}

opens_as_a_backup() { age --decrypt --identity identity.txt backup.age | grep -a 'SQLite format 3' >/dev/null; }

# What of the package is still there, beside configuration and data.
left_over() {
    find / -xdev -path /srv -prune -o -path /proc -prune -o -path /run -prune -o -path '/var/log/*' -prune \
        -o -path /etc/aegis-custodian -prune -o -path /var/lib/aegis-custodian -prune \
        -o -path /etc/systemd/system/aegis-custodian.service.d -prune -o -name '*aegis-custodian*' -print
}
