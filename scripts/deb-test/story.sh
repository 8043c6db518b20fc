# What an operator does with the package, from its installation to its purge, in the container of deb-test.sh:
# `story.sh PACKAGE NEWER`. The commands are those of README.Debian, read out of the package.
set -euo pipefail
here=/srv/deb-test
cd "$here"
. ./acts.sh
trap last_words EXIT

package=$1 newer=$2
service=aegis-custodian
config=/etc/$service/custodian.toml
data=/var/lib/$service
pem=$here/pem

dpkg-deb --fsys-tarfile "$package" | tar -xO "./usr/share/doc/$service/README.Debian" >readme
answer_for_people

title "Installed"
readme 1
holds "it does not run, and is not enabled" shows "inactive disabled" ActiveState,UnitFileState
is "its user cannot log in" "/usr/sbin/nologin" "$(getent passwd $service | cut -d: -f7)"
is "whose the configuration is" "750 root $service" "$(stat -c '%a %U %G' /etc/$service)"
is "whose the data are" "700 $service $service" "$(stat -c '%a %U %G' $data)"
holds "the manual page names each command" every_command_is_in_the_manual
systemctl start $service
is "without a configuration nothing starts" "inactive" "$(systemctl is-active $service || true)"

title "From the package to a running service"
authority
(cd "$pem" && readme 2)
readme 3
readme 4
with_softhsm readme 5
with_softhsm readme 6
readme 7
holds "it is ready" custodian_health
is "exposure, as systemd judges the unit where it runs" "" "$(too_exposed)"

title "Shut off"
ip address add 192.0.2.10/32 dev lo
holds "root can do all of it without the unit" python3 restrictions.py
holds "the unit refuses all of it" below_the_unit
pid=$(systemctl show --property=MainPID --value $service)
grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp|VmLck):' "/proc/$pid/status"
is "the service itself has no rights" "0" "$(grep -cvE ':\s0+$' <(grep ^Cap "/proc/$pid/status") || true)"
is "its system calls are filtered" "2" "$(awk '/^Seccomp:/ { print $2 }' "/proc/$pid/status")"
holds "its memory is locked, as far as the host lets systemd lift the limit" locked

title "People, a key, and an application that signs in by its certificate"
people
as oscar custodian dek create telemetry --output json >/dev/null
blob=$(curl_as_till encrypt '{"plaintext":"aGVsbG8="}' | jq -r .ciphertext)
is "it decrypts what it encrypted, with SoftHSM below the unit" "aGVsbG8=" "$(decrypted)"
is "the key exchange with custodian's own client" "X25519MLKEM768" \
    "$(exchange custodian health --url https://127.0.0.1:7821)"
is "the key exchange with $(curl --version | cut -d' ' -f1,2,5 | head -n 1)" "$(best_of_openssl)" \
    "$(exchange curl -sS --cacert "$pem/ca.pem" https://127.0.0.1:7821/v1/health/live)"
(cd "$pem" && certificate certificate.pem key.pem custodian.example.org serverAuth && readme 2 >/dev/null)
systemctl reload $service
sleep_until "after a reload it shows its new certificate" shows_certificate "$pem/certificate.pem"

title "Backed up, lost, restored"
age-keygen -o identity.txt 2>/dev/null
as oscar custodian backup --out backup.age --recipient "$(age-keygen -y identity.txt)" --output json | jq -c '{file, bytes}'
holds "the backup opens with the operator's own key" opens_as_a_backup
as alice custodian principal delete "$eve" --yes >/dev/null
as ada custodian audit export --out log.jsonl --output json >/dev/null
custodian signing-keys --out keys.json >/dev/null
holds "the export of the audit log is what was signed" custodian verify audit log.jsonl --keys keys.json
systemctl stop $service
install -d -m 0700 -o $service -g $service /run/restore
with_pin custodian audit export --config $config --out /run/restore/newest.jsonl
find $data -mindepth 1 -maxdepth 1 ! -name softhsm -exec rm -r {} +
systemctl start $service || true
holds "without its database it does not start" shows "failed 1" ActiveState,ExecMainStatus
install -m 0600 -o $service -g $service backup.age identity.txt log.jsonl /run/restore/
is "an export that lacks what the token has seen restores nothing" "3" "$(restored_by log.jsonl >/dev/null 2>&1; echo $?)"
restored_by newest.jsonl
rm -r /run/restore
systemctl start $service
is "what was encrypted before the loss opens" "aGVsbG8=" "$(decrypted)"
is "an application without its certificate is nobody" "401" \
    "$(curl -s --cacert "$pem/ca.pem" -o /dev/null -w '%{http_code}' -X POST $url/v1/deks/telemetry/decrypt)"
is "who was deleted after the backup stays out" "2" "$(as eve custodian audit tail >/dev/null 2>&1; echo $?)"
holds "who was not comes in" as ada custodian audit export --from log.jsonl --out longer.jsonl

title "What lasts, and what is away"
cp -p /etc/$service/pin.cred kept.cred
printf wrong | systemd-creds encrypt --name=pin - /etc/$service/pin.cred
systemctl restart $service || true
sleep_until "a refused PIN ends it for good" \
    shows "failed 1 0" ActiveState,ExecMainStatus,NRestarts
cp -p kept.cred /etc/$service/pin.cred
mv $data/softhsm $data/softhsm.away
systemctl start $service || true
sleep_until "a token that is away ends a start with 2, and systemd tries again" \
    shows "activating 2" ActiveState,ExecMainStatus
mv $data/softhsm.away $data/softhsm
sleep_until "it comes up by itself when the token is back" shows "active" ActiveState
is "and opens what it had" "aGVsbG8=" "$(decrypted)"

kill -STOP "$(systemctl show --property=MainPID --value $service)"
sleep_until "when it hangs, the watchdog ends it" shows "activating watchdog" ActiveState,Result
sleep_until "and it is started again" shows "active" ActiveState

title "Upgraded"
before=$(sha256sum $config)
pid=$(systemctl show --property=MainPID --value $service)
apt-get install --quiet --quiet "./$newer"
is "the version" "$(dpkg-deb --field "$newer" Version)" "$(dpkg-query --show --showformat='${Version}' $service)"
holds "what ran was restarted" [ "$(systemctl show --property=MainPID --value $service)" != "$pid" ]
is "the configuration is what it was" "$before" "$(sha256sum $config)"
is "the data are what they were" "aGVsbG8=" "$(decrypted)"
systemctl stop $service
apt-get install --quiet --quiet --reinstall "./$newer"
is "what did not run was not started" "inactive" "$(systemctl is-active $service || true)"
systemctl start $service

title "Removed, purged, and installed again"
apt-get remove --quiet --quiet --yes $service
is "it was stopped" "" "$(pgrep -u $service || true)"
holds "the data stayed" [ -s $data/custodian.db ]
apt-get purge --quiet --quiet --yes $service 2>&1 | tee said
is "purging says what stays" "2" "$(grep -c 'stays, since it may hold the only wraps of your keys' said)"
holds "the data stayed" [ -s $data/custodian.db ]
holds "the configuration stayed" [ -s $config ]
is "nothing else did" "" "$(left_over)"
readme 1
readme 7 >/dev/null
is "with the package back the data open" "aGVsbG8=" "$(decrypted)"
trap - EXIT
echo "the story ends well: $(grep -c . "$here/held") things held"
