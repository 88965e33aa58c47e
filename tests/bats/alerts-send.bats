# SPDX-License-Identifier: MIT
# What ccm-deliver brings to whom, and what becomes of it. Receivers are real ones, on loopback.
# shellcheck shell=bash

load helper
load desktop

setup() {
	ccm_sandbox
	unset XDG_RUNTIME_DIR CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR http_proxy https_proxy all_proxy ALL_PROXY HTTPS_PROXY
	(umask 077 && mkdir "$CCM_HOME")
	DELIVER="$CCM_LIBEXEC_DIR/ccm-deliver"
	GOT="$BATS_TEST_TMPDIR/got"
	touch "$GOT"
}

teardown() {
	exec 9>&- 8>&-
	desktop_stop
}

# Usage: receiver [OPTION... BEHAVIOUR...]
# Starts one (tests/bin/alert-receiver.py) that ends with this test; sets PORT.
receiver() {
	rm -f "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/port"
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/port"
	python3 "$CCM_SOURCE/tests/bin/alert-receiver.py" "$GOT" "$@" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/port" 3>&- &
	exec 9>"$BATS_TEST_TMPDIR/in"
	read -r PORT <"$BATS_TEST_TMPDIR/port"
}

# Usage: webhook [LINE-OF-[alerts]...]
# [webhook] for the receiver.
webhook() {
	printf '[webhook]\nurl = http://127.0.0.1:%s/hook\n[alerts]\nretry = 1m\n' "$PORT" | configured
	[ "$#" -eq 0 ] || printf '%s\n' "$@" >>"$CCM_HOME/config.ini"
}

# Usage: configured <<'EOF' ... EOF - config.ini
configured() { cat >"$CCM_HOME/config.ini"; }

# Usage: queued CHANNEL TITLE [BODY]
# An alert that is to go there now.
queued() {
	ccm-hook alert warning "$2" "${3-}"
	db "INSERT INTO state.delivery (uuid, channel, level, alert_id, created_ms, due_ms)
		SELECT 'id-' || id, '$1', level, id, created_ms, 0 FROM state.alert ORDER BY id DESC LIMIT 1;
		UPDATE state.alert SET routed_ms = created_ms, routing = 'by hand' WHERE routed_ms IS NULL;
		INSERT INTO state.delivery_alert (delivery_id, alert_id) SELECT id, alert_id FROM state.delivery ORDER BY id DESC LIMIT 1"
}

# Usage: teller EXIT-STATUS [COMMAND] - a program for [command] that keeps what it gets.
teller() {
	printf '#!/bin/sh\ncat >>"%s/told"\necho >>"%s/told"\n%s\nexit %s\n' "$HOME" "$HOME" "${2-}" "$1" >"$HOME/tell"
	chmod 0755 "$HOME/tell"
	printf '[command]\nrun = %s/tell\n' "$HOME" | configured
}

# The next try need not be waited for.
due_now() { db 'UPDATE state.delivery SET due_ms = 0; UPDATE state.outlet SET blocked_until_ms = 0'; }

is_seen() { [ "$(db 'SELECT group_concat(title) FROM alert WHERE seen_ms IS NOT NULL')" = "$1" ]; }

states() { db "SELECT state || ' ' || attempts FROM delivery ORDER BY id"; }

@test "command: gets each alert once, in order, as JSON on stdin" {
	teller 0
	queued command first $'two\nlines'
	queued command second
	run -0 --separate-stderr "$DELIVER" command
	[ -z "$output" ]
	[ -z "$stderr" ]
	[ "$(jq -r '[.id, .version, .level, .title, .body, .source, .times] | @tsv' "$HOME/told")" = \
		$'id-1\t1\twarning\tfirst\ttwo\\nlines\tccm\t1\nid-2\t1\twarning\tsecond\t\tccm\t1' ]
	[ "$(states)" = $'sent 1\nsent 1' ]
}

@test "command: the alert is in its environment, too, and nothing of an earlier one" {
	teller 0 "env | grep ^CCM_ALERT_ | sort >'$HOME/environment'"
	queued command first $'two\nlines'
	db "UPDATE state.alert SET kind = 'halt', event_uuid = 'e-1', session_id = 's-1', project = '/p', times = 2"
	CCM_ALERT_OLD=1 "$DELIVER" command
	diff "$HOME/environment" - <<-'EOF'
		CCM_ALERT_BODY=two
		CCM_ALERT_EVENT=e-1
		CCM_ALERT_ID=id-1
		CCM_ALERT_KIND=halt
		CCM_ALERT_LEVEL=warning
		CCM_ALERT_PROJECT=/p
		CCM_ALERT_SESSION=s-1
		CCM_ALERT_SOURCE=ccm
		CCM_ALERT_TIMES=2
		CCM_ALERT_TITLE=first
	EOF
}

@test "command: a program below the home folder is found by ~/" {
	teller 0
	printf '[command]\nrun = ~/tell it\n' | configured
	run -0 --separate-stderr ccm-supervisor alerts test command
	[[ $output == 'command: sent in '* ]]
	printf '[command]\nrun = ~/tall it\n' | configured
	run -1 --separate-stderr ccm-supervisor alerts test command
	[[ $stderr == *"[command] run '~/tall it' cannot be run: No such file or directory "* ]]
}

@test "command: status 75 keeps the alert for later, and those behind it wait" {
	teller 75 'echo not now >&2'
	queued command first
	queued command second
	run -0 --separate-stderr "$DELIVER" command
	[ "$stderr" = "ccm-deliver: warning: command: '$HOME/tell' wants to be asked later (status 75): not now; delivery 1 is tried again" ]
	[ "$(states)" = $'waiting 1\nwaiting 0' ]
	[ "$(wc -l <"$HOME/told")" -eq 1 ]
}

@test "command: status 64 makes the alert dead, and the next one is sent" {
	teller 64
	queued command first
	queued command second
	run -0 --separate-stderr "$DELIVER" command
	[[ $stderr == *"ended with status 64; delivery 1 is dead: 'ccm-supervisor alerts retry 1' tries it again"* ]]
	[ "$(states)" = $'dead 1\ndead 1' ]
}

@test "command: any other status is tried again four times" {
	teller 1
	queued command first
	for _ in 1 2 3 4; do
		"$DELIVER" command 2>/dev/null
		[ "$(db 'SELECT state FROM delivery')" = waiting ]
		due_now
	done
	"$DELIVER" command 2>/dev/null
	[ "$(db 'SELECT state, attempts, problem FROM delivery')" = "dead|5|'$HOME/tell' ended with status 1" ]
}

@test "webhook: posts JSON with an id and a signature that openssl verifies" {
	receiver
	webhook '[webhook]' "secret = file:$HOME/key"
	(umask 077 && echo 'a key of mine' >"$HOME/key")
	queued webhook 'a "title" é'
	run -0 --separate-stderr "$DELIVER" webhook
	[ -z "$output$stderr" ]
	[ "$(jq -r '.path, .headers["content-type"], .headers["x-ccm-id"], (.body | fromjson | .id, .title)' "$GOT")" = \
		$'/hook\napplication/json\nid-1\nid-1\na "title" é' ]
	expected=$(jq -j '.headers["x-ccm-timestamp"], ".", .body' "$GOT" | openssl dgst -sha256 -hmac 'a key of mine' -r)
	[ "$(jq -r '.headers["x-ccm-signature"]' "$GOT")" = "sha256=${expected%% *}" ]
	[ "$(states)" = 'sent 1' ]
}

@test "webhook: an alert that is not taken is tried again, in its place, with the same id" {
	receiver 500 429 408 drop half stall ok
	webhook 'timeout = 300ms'
	queued webhook first
	queued webhook second
	for _ in 1 2 3 4 5 6; do
		"$DELIVER" webhook 2>>err
		[ "$(states | tail -n 1)" = 'waiting 0' ]
		due_now
	done
	"$DELIVER" webhook
	[ "$(jq -r '.headers["x-ccm-id"]' "$GOT" | uniq -c | tr -s ' ')" = $' 7 id-1\n 1 id-2' ]
	[ "$(states)" = $'sent 7\nsent 1' ]
	[ "$(grep -c 'delivery 1 is tried again' err)" -eq 6 ]
	grep -q 'the webhook answered 429: as you wish' err
	[ "$(db 'SELECT failures, blocked_until_ms, problem IS NULL FROM outlet')" = '0|0|1' ]
}

@test "webhook: Retry-After is kept to the second, an hour at most" {
	receiver 429:7 503:99999
	webhook
	queued webhook first
	for wish in 7000 3600000; do
		before=$(date +%s%3N)
		"$DELIVER" webhook 2>/dev/null
		after=$(date +%s%3N)
		due=$(db 'SELECT due_ms FROM delivery')
		[ "$due" -ge "$((before + wish))" ]
		[ "$due" -le "$((after + wish))" ]
		[ "$(db 'SELECT blocked_until_ms FROM outlet')" = "$due" ]
		"$DELIVER" webhook
		due_now
	done
	[ "$(wc -l <"$GOT")" -eq 2 ]
}

@test "webhook: one that is refused for good is dead, holds up none, and says why" {
	receiver 404 ok
	webhook
	queued webhook first
	queued webhook second
	run -0 --separate-stderr "$DELIVER" webhook
	[ "$stderr" = "ccm-deliver: webhook: the webhook answered 404: as you wish; delivery 1 is dead: 'ccm-supervisor alerts retry 1' tries it again" ]
	[ "$(db 'SELECT state, problem FROM delivery')" = $'dead|the webhook answered 404: as you wish\nsent|' ]
}

@test "webhook: given up after [alerts] give_up" {
	receiver 500
	webhook 'give_up = 1s'
	queued webhook first
	db 'UPDATE delivery SET created_ms = created_ms - 1000'
	"$DELIVER" webhook 2>/dev/null
	[ "$(db 'SELECT state, problem FROM delivery')" = 'dead|the webhook answered 500: as you wish; given up after 1s' ]
}

@test "webhook: the time of give_up begins when the delivery was due first" {
	receiver 500
	webhook 'give_up = 1h'
	queued webhook first
	db "UPDATE delivery SET created_ms = created_ms - 10 * 3600000, due_ms = created_ms"
	"$DELIVER" webhook 2>/dev/null
	[ "$(states)" = 'waiting 1' ]
	due_now
	"$DELIVER" webhook 2>/dev/null
	[ "$(states)" = 'waiting 2' ]
	due_now
	db "UPDATE delivery SET created_ms = created_ms - 3600000"
	"$DELIVER" webhook 2>/dev/null
	[ "$(states)" = 'dead 3' ]
}

@test "webhook: a redirect is not followed" {
	receiver
	elsewhere=$PORT
	exec 8>&9
	receiver "redirect:http://127.0.0.1:$elsewhere/elsewhere"
	webhook
	queued webhook first
	"$DELIVER" webhook 2>/dev/null
	[ "$(jq -r .path "$GOT")" = /hook ]
	[[ $(db 'SELECT problem FROM delivery') == *'answered 302: elsewhere (a redirect, which is not followed'* ]]
}

@test "webhook: of an answer of 10 MB only the beginning is read" {
	receiver huge
	webhook
	queued webhook first
	run -0 --separate-stderr "$DELIVER" webhook
	[ -z "$stderr" ]
	[ "$(states)" = 'sent 1' ]
	eventually grep -q 'cut short' "$GOT"
}

@test "webhook: a certificate that nobody vouches for is refused, one that SSL_CERT_FILE names is taken" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout key -out certificate 2>/dev/null
	cat key certificate >both
	receiver --tls both
	printf '[webhook]\nurl = https://localhost:%s/hook\n[alerts]\nretry = 1m\n' "$PORT" | configured
	queued webhook first
	"$DELIVER" webhook 2>err
	grep -q 'the webhook cannot be reached: SSL certificate problem' err
	[ "$(states)" = 'waiting 1' ]
	[ ! -s "$GOT" ]
	due_now
	SSL_CERT_FILE=$PWD/certificate "$DELIVER" webhook
	[ "$(states)" = 'sent 2' ]
}

@test "slack: below the text stands which session of which project it is of" {
	receiver
	printf '[slack]\nurl = env:SLACK\n' | configured
	queued slack first
	db "UPDATE state.alert SET source = 'mine', session_id = '7f3c2d1e-0000', project = '/home/dev/shop'"
	SLACK=http://127.0.0.1:$PORT/services/T00/B00/xyz "$DELIVER" slack
	[ "$(jq -r '.body | fromjson | .text' "$GOT")" = $'[warning] first\n— shop, session 7f3c2d1e · mine' ]
}

@test "slack: the text is escaped, without markup, and cut" {
	receiver
	printf '[slack]\nurl = env:SLACK\n' | configured
	queued slack '<!channel> & *you*' "$(printf 'é%.0s' {1..4000})"
	SLACK=http://127.0.0.1:$PORT/services/T00/B00/xyz "$DELIVER" slack
	[ "$(jq -r '.body | fromjson | .mrkdwn, (.text | split("\n")[0])' "$GOT")" = $'false\n[warning] &lt;!channel&gt; &amp; *you*' ]
	[ "$(jq -r '.body | fromjson | .text | split("\n")[1] | length, .[-2:]' "$GOT")" = $'1499\né…' ]
}

# Usage: queued_many N - so many on their way to the webhook.
queued_many() {
	queued webhook first
	db "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO state.delivery (uuid, channel, level, alert_id, created_ms, due_ms)
		SELECT 'id-' || i, 'webhook', 'info', 1, created_ms, due_ms FROM n, state.delivery"
}

# Usage: all_arrived N - in order; one that came again came right behind itself.
all_arrived() { diff <(jq -r '.headers["x-ccm-id"]' "$GOT" | uniq) <(seq -f 'id-%g' "$1"); }
all_sent() { [ "$(db "SELECT count(*) FROM delivery WHERE state = 'sent'")" -eq "$1" ]; }

@test "1,000 alerts that were queued while the receiver was away all arrive, in order, none twice" {
	receiver
	exec 9>&-
	wait
	webhook
	queued_many 1000
	"$DELIVER" webhook 2>err
	grep -q 'cannot be reached: Failed to connect to 127.0.0.1' err
	receiver --port "$PORT"
	due_now
	"$DELIVER" webhook
	[ "$(wc -l <"$GOT")" -eq 1000 ]
	all_arrived 1000
	all_sent 1000
	[ "$(jq -r .connection "$GOT" | sort -u)" = 1 ]
}

@test "killed at any moment, ccm-deliver loses nothing, and what it repeats has the same id" {
	receiver
	webhook
	queued_many 300
	for _ in {1..12}; do
		"$DELIVER" webhook 3>&- &
		sleep "0.0$((RANDOM % 6 + 2))"
		kill -KILL "$!" || :
		wait "$!" || :
	done 2>/dev/null
	"$DELIVER" webhook
	all_arrived 300
	all_sent 300
}

@test "an alert at which ccm-deliver itself died ten times does not hold up the others for ever" {
	receiver
	webhook
	queued webhook first
	queued webhook second
	db 'UPDATE delivery SET attempts = 10 WHERE id = 1'
	"$DELIVER" webhook 2>/dev/null
	[ "$(db 'SELECT state, problem FROM delivery')" = $'dead|ccm-deliver was ended 10 times while it was at it\nsent|' ]
	ccm-supervisor alerts retry 1
}

@test "killed at any moment, the daemon loses nothing, and what is repeated has the same id" {
	receiver
	webhook
	queued_many 300
	for _ in {1..4}; do
		desktop_run ccm-supervisor daemon
		sleep "0.$((RANDOM % 15 + 10))"
		kill -KILL "$!" || :
		wait "$!" || :
	done 2>/dev/null
	desktop_run ccm-supervisor daemon
	eventually all_sent 300
	all_arrived 300
}

@test "alerts list: shows where each alert went, and why what failed did not arrive" {
	receiver 404 ok
	webhook
	queued webhook $'first \e[31m'
	queued webhook second
	"$DELIVER" webhook 2>/dev/null
	run -0 --separate-stderr ccm-supervisor alerts list
	[ -z "$stderr" ]
	[ "$(sed -E 's/[0-9-]{10} [0-9:]{8}/TIME/' <<<"$output")" = \
"   ID  RAISED               LEVEL    WENT TO               TITLE
    2  TIME  warning  webhook               second
    1  TIME  warning  webhook (dead)        first \\e[31m
       delivery 1, webhook: dead, after 1 attempt: the webhook answered 404: as you wish" ]
	run -0 --separate-stderr ccm-supervisor alerts list --state dead --json
	[ "$(jq -r '[.id, .title, .deliveries[0].state, .deliveries[0].problem] | @tsv' <<<"$output")" = \
		$'1\tfirst \u001b[31m\tdead\tthe webhook answered 404: as you wish' ]
}

@test "alerts list: many channels leave the title its room" {
	webhook
	queued webhook 'the agent has a question'
	db "INSERT INTO state.delivery (uuid, channel, level, alert_id, created_ms, due_ms, state)
		SELECT value, value, 'info', 1, 1, 1, iif(value = 'slack', 'dead', 'sent') FROM json_each('[\"slack\",\"telegram\",\"command\"]')"
	db "INSERT INTO state.delivery_alert (delivery_id, alert_id) SELECT id, 1 FROM state.delivery WHERE id > 1"
	COLUMNS=90 run -0 --separate-stderr ccm-supervisor alerts list
	[ -z "$stderr" ]
	[[ $output == *'  1 dead, 2 sent, 1 waiting  the agent has a question'* ]]
}

@test "alerts list: nothing to show is no mistake" {
	run -0 --separate-stderr ccm-supervisor alerts list
	[ -z "$output$stderr" ]
}

@test "alerts show: shows an alert with its text, and each delivery" {
	receiver
	webhook
	queued webhook first $'one\ntwo'
	"$DELIVER" webhook
	run -0 --separate-stderr ccm-supervisor alerts show 1
	[[ $output == 'Alert      1, warning, '*'Title      first'*'Source     ccm'*'Routed by  by hand'*$'\n\none\ntwo\n\n'* ]]
	[[ $output == *'delivery 1, webhook: sent at '* ]]
	run -1 --separate-stderr ccm-supervisor alerts show 7
	[ "$stderr" = 'ccm-supervisor: there is no alert 7' ]
}

@test "alerts seen: marks those that are named, or all, and list, show and the status line know" {
	for title in first second third; do ccm-hook alert warning "$title"; done
	run -0 --separate-stderr ccm-supervisor alerts seen 1 2 1
	[ "$output$stderr" = '2 alerts are marked as seen' ]
	[ "$(ccm-supervisor alerts list | sed -n 's/.*  \((\|t\)/\1/p')" = $'third\n(seen) second\n(seen) first' ]
	[ "$(ccm-supervisor alerts list --unseen --json | jq -c '[.id, .seen_ms]')" = '[3,null]' ]
	[[ $(ccm-supervisor alerts show 2) == *$'\nSeen       2'* ]]
	[[ $(ccm-hook statusline <<<'{}') == *'1 alert'* ]]
	run -0 --separate-stderr ccm-supervisor alerts seen
	[ "$output" = '1 alert is marked as seen' ]
	[[ $(ccm-hook statusline <<<'{}') != *alert* ]]
	run -0 --separate-stderr ccm-supervisor alerts seen
	[ "$output" = '0 alerts are marked as seen' ]
}

@test "alerts seen: with a number that is none, nothing is marked" {
	ccm-hook alert warning first
	run -1 --separate-stderr ccm-supervisor alerts seen 1 7
	[ "$output" = '' ]
	[ "$stderr" = 'ccm-supervisor: there is no alert 7' ]
	run -64 --separate-stderr ccm-supervisor alerts seen 1 x
	[[ $stderr == *"'x' is not the number of an alert"* ]]
	[ "$(db 'SELECT count(*) FROM alert WHERE seen_ms IS NULL')" = 1 ]
}

@test "alerts retry: --all says how many failed anew" {
	receiver 404
	webhook
	queued webhook first
	"$DELIVER" webhook 2>/dev/null
	run -1 --separate-stderr ccm-supervisor alerts retry --all
	[ "$output" = '1 delivery is tried again' ]
	[[ $stderr == *"ccm-supervisor: 1 could not be delivered again ('ccm-supervisor alerts list --state dead' says why)" ]]
}

@test "alerts retry: of what still does not arrive it says who tries it again" {
	teller 75
	queued command first
	run -1 --separate-stderr ccm-supervisor alerts retry 1
	[ "$output" = "delivery 1 to command: waiting; 'ccm-supervisor deliver --once' tries it again" ]
}

@test "alerts retry: what is dead of a channel that is not set up any more stays so, and that is said" {
	teller 64
	queued command first
	"$DELIVER" command 2>/dev/null
	configured </dev/null
	run -1 --separate-stderr ccm-supervisor alerts retry --all
	[ "$output" = '0 deliveries are tried again' ]
	[ "$stderr" = 'ccm-supervisor: 1 for command stays dead: it is not set up' ]
	[ "$(states)" = 'dead 1' ]
}

@test "alerts retry: sends what was dead, one or all, and says what became of it" {
	receiver 404 404 404 ok
	webhook
	for title in first second third; do queued webhook "$title"; done
	"$DELIVER" webhook 2>/dev/null
	run -0 --separate-stderr ccm-supervisor alerts retry 2
	[ "$output" = 'delivery 2 to webhook: sent' ]
	run -0 --separate-stderr ccm-supervisor alerts retry --all
	[ "$output" = '2 deliveries are tried again' ]
	[ "$(states)" = $'sent 1\nsent 1\nsent 1' ]
	run -1 --separate-stderr ccm-supervisor alerts retry 1
	[ "$stderr" = 'ccm-supervisor: delivery 1 has arrived already' ]
}

@test "alerts test: a mistake in config.ini is named, once" {
	printf '[command]\nrun = true\nrum = true\n' | configured
	run -0 --separate-stderr ccm-supervisor alerts test command
	[[ $output == 'command: sent in '* ]]
	[ "$stderr" = "ccm-supervisor: warning: $CCM_HOME/config.ini:3: unknown key 'rum' in [command]" ]
}

@test "alerts test: says that a message went out, or why not" {
	receiver ok 404
	webhook
	run -0 --separate-stderr ccm-supervisor alerts test webhook --level urgent
	[[ $output == 'webhook: sent in '*' ms' ]]
	[ "$(jq -r '.body | fromjson | .level, .kind' "$GOT")" = $'urgent\ntest' ]
	run -1 --separate-stderr ccm-supervisor alerts test webhook
	[ "$stderr" = 'ccm-deliver: webhook: the webhook answered 404: as you wish (an alert would not be tried again)' ]
	[ -z "$output" ]
}

@test "alerts test: of a channel that is not set up it says what is missing, and where" {
	run -1 --separate-stderr ccm-supervisor alerts test slack
	[ -z "$output" ]
	[[ $stderr == "ccm-deliver: slack is not set up: [slack] url is not set: "*" (in '$CCM_HOME/config.ini')" ]]
	run -64 --separate-stderr ccm-supervisor alerts test pigeon
	[[ $stderr == *"there is no channel 'pigeon'"* ]]
}

@test "desktop: dunst shows title, body and urgency, and no markup is read in the body" {
	desktop_start
	queued desktop 'a <b>title</b>' '<b>bold</b> & <a href="x">more</a>'
	run -0 --separate-stderr "$DELIVER" desktop
	[ -z "$output$stderr" ]
	[ "$(desktop_shown)" = 'normal|a &lt;b&gt;title&lt;/b&gt;|&lt;b&gt;bold&lt;/b&gt; &amp; &lt;a href=&quot;x&quot;&gt;more&lt;/a&gt;' ]
	[ "$(states)" = 'sent 1' ]
	run -0 --separate-stderr ccm-supervisor alerts test desktop --level urgent
	[ "$(desktop_shown | head -n 1)" = 'critical|ccm: this is a test|If you can read this, alerts reach you here.' ]
}

@test "desktop: what is like an earlier one takes its place" {
	desktop_start
	queued desktop again one
	"$DELIVER" desktop
	queued desktop other two
	queued desktop again three
	"$DELIVER" desktop
	[ "$(desktop_shown .body.data | sort)" = $'three\ntwo' ]
}

@test "desktop: who chooses to show an alert gets show_command, and nobody waits for that" {
	desktop_start
	teller 0 "env | grep ^CCM_ALERT_TITLE >'$HOME/chosen'"
	printf '[desktop]\nshow_command = %s/tell\n' "$HOME" | configured
	queued desktop first
	run -0 --separate-stderr "$DELIVER" desktop
	[ "$(states)" = 'sent 1' ]
	queued desktop second
	"$DELIVER" desktop
	[ "$(states)" = $'sent 1\nsent 1' ]
	dunstctl action 0
	eventually test -s "$HOME/chosen"
	[ "$(cat "$HOME/chosen")" = CCM_ALERT_TITLE=second ] || [ "$(cat "$HOME/chosen")" = CCM_ALERT_TITLE=first ]
	# Who chose it has seen it, and only it.
	eventually is_seen "$(sed 's/.*=//' "$HOME/chosen")"
	dunstctl close-all
}

@test "desktop: with auto and nobody there, alerts are dropped and not kept; with on they wait" {
	queued desktop first
	run -0 --separate-stderr "$DELIVER" desktop
	[ -z "$stderr" ]
	desktop_bus
	queued desktop second
	run -0 --separate-stderr "$DELIVER" desktop
	[ -z "$stderr" ]
	printf '[desktop]\nenabled = on\n' | configured
	queued desktop third
	"$DELIVER" desktop 2>err
	grep -q 'no notification server answers on the session bus: ' err
	[ "$(db 'SELECT state, problem IS NULL FROM delivery')" = $'dropped|0\ndropped|0\nwaiting|0' ]
	[[ $(ccm-supervisor alerts list) == *'  -  '*' second'*'  -  '*' first'* ]]
}

@test "alerts test: of the desktop it says what there is none of" {
	run -1 --separate-stderr ccm-supervisor alerts test desktop
	[[ $stderr == 'ccm-deliver: desktop is not set up: there is no session bus, or [desktop] enabled is off'* ]]
	desktop_bus
	run -1 --separate-stderr ccm-supervisor alerts test desktop
	[[ $stderr == 'ccm-deliver: desktop: no notification server answers on the session bus: '*' (alerts for it are dropped)' ]]
}

# Usage: unsaid FILE... - fails if a part of a secret of these tests is in there.
unsaid() {
	if cat -- "$@" | grep -a -i -o -e '.\{20\}zyx[0-9]'; then return 1; fi >&2
}

@test "secrets: what is in an address or a key is in no message, row, log or command line" {
	local how channel behaviours=()
	for how in echo 500 drop redirect stall half; do behaviours+=("$how" "$how" "$how" "$how"); done
	receiver "${behaviours[@]}"
	(umask 077 && echo 'my-key-zyx1' >"$HOME/key")
	printf '[slack]\nurl = env:MY_URL\n[webhook]\nurl = env:MY_URL\nsecret = file:~/key\n[alerts]\ntimeout = 100ms\n' | configured
	for how in echo 500 drop redirect stall half refused certificate url; do
		export MY_URL="http://user:word-zyx2@127.0.0.1:$PORT/services/T0-path-zyx3/B?sig=query-zyx4"
		case $how in
		refused) MY_URL=${MY_URL/:$PORT/:1} ;;
		certificate) MY_URL=${MY_URL/http:/https:} ;;
		url) MY_URL='ht tp://path-zyx3/query-zyx4' ;;
		esac
		for channel in slack webhook; do
			# What waits meets the next failure, too.
			case $how in echo | 500) queued "$channel" "$how" ;; esac
			due_now
			"$DELIVER" "$channel" 3>&- &
			cat /proc/[0-9]*/cmdline 2>/dev/null >>cmdlines || :
			wait "$!"
			ccm-supervisor alerts test "$channel" || :
		done >>said 2>&1
	done
	receiver echo
	MY_URL="http://127.0.0.1:$PORT/services/T0-path-zyx3/B?sig=query-zyx4"
	queued slack 'by the daemon'
	desktop_run ccm-supervisor daemon
	eventually grep -q 'event=deliver-said channel=slack.*redacted' "$CCM_HOME/supervisor.log"
	ccm-supervisor alerts list -n 100 >>said
	ccm-supervisor alerts list --json >>said
	[ "$(grep -c '^ccm-deliver: .*\(is tried again\|is dead\)' said)" -ge 18 ]
	[ "$(grep -c 'an alert would' said)" -eq 18 ]
	grep -q '\[redacted\]' said
	unsaid said cmdlines "$CCM_HOME"/*.db* "$CCM_HOME"/*.lock "$CCM_HOME"/*.log
}

@test "secrets: a program that is told of alerts does not get the variables that hold them" {
	teller 0 'env >>"$HOME/environment"'
	printf '[slack]\nurl = env:MY_URL\n[webhook]\nsecret = env:MY_KEY\n' >>"$CCM_HOME/config.ini"
	queued command first
	MY_URL=https://x.example/path-for-slack-zyx1 MY_KEY=key-for-the-webhook-zyx1 MY_OTHER=plain "$DELIVER" command
	unsaid "$HOME/environment"
	grep -qx 'MY_OTHER=plain' "$HOME/environment"
}

@test "secrets: ccm-deliver leaves no core file" {
	receiver stall
	webhook
	queued webhook first
	run -0 python3 -c '
import os, resource, signal, sys, time
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], ["ccm-deliver", "webhook"])
while not os.path.getsize(sys.argv[2]):
    time.sleep(0.01)
os.kill(pid, signal.SIGABRT)
status = os.waitpid(pid, 0)[1]
print(os.WIFSIGNALED(status), os.WCOREDUMP(status))' "$DELIVER" "$GOT"
	[ "$output" = 'True False' ]
}

@test "secrets: a file that others can read is refused, with the remedy, and what waits is kept" {
	receiver
	printf '[slack]\nurl = file:~/url\n' | configured
	queued slack first
	"$DELIVER" slack 2>err
	grep -qF "[slack] in config.ini: cannot read '$HOME/url': No such file or directory; delivery 1 is tried again" err
	echo "http://127.0.0.1:$PORT/x" >"$HOME/url"
	run -1 --separate-stderr ccm-supervisor alerts test slack
	[[ $stderr == *"'$HOME/url' can be read or changed by others (mode 0644): chmod 600 '$HOME/url'"* ]]
	chmod 600 "$HOME/url"
	due_now
	"$DELIVER" slack
	[ "$(states)" = 'sent 2' ]
}

@test "secrets: one is found in the desktop's keyring, and a locked keyring keeps what waits" {
	desktop_bus
	receiver
	printf '[slack]\nurl = keyring:ccm/slack\n' | configured
	echo 'my password' >password
	desktop_run sh -c 'exec gnome-keyring-daemon --foreground --components=secrets --unlock <password'
	eventually dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets/collection/login \
		org.freedesktop.DBus.Properties.Get string:org.freedesktop.Secret.Collection string:Label
	run -1 --separate-stderr ccm-supervisor alerts test slack
	[[ $stderr == *"'keyring:ccm/slack' is not in the keyring: secret-tool store --label=ccm service 'ccm' account 'slack'"* ]]
	printf 'http://127.0.0.1:%s/from-the-keyring' "$PORT" | secret-tool store --label=ccm service ccm account slack
	queued slack first
	"$DELIVER" slack
	[ "$(jq -r .path "$GOT")" = /from-the-keyring ]
	dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
		org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login >/dev/null
	run -1 --separate-stderr ccm-supervisor alerts test slack
	[[ $stderr == *"'keyring:ccm/slack': the keyring is locked; unlock it, or use file:PATH (an alert would be tried again)"* ]]
}

@test "an alert leaves the machine without what looks like a secret, and without control bytes" {
	receiver
	webhook
	queued webhook $'key ghp_0123456789abcdefghijklmnopqrstuvwxyz \e[31m' $'a\n\e]0;x\a password=hunter2hunter2'
	"$DELIVER" webhook
	[ "$(jq -r '.body | fromjson | .title, .body' "$GOT")" = $'key [redacted:github-token] \\e[31m\na\n\\e]0;x\\x07 password=[redacted:password]' ]
}

@test "a digest has a line for each of its alerts, and how often each came" {
	receiver
	webhook
	ccm-hook alert info 'one'
	ccm-hook alert warning 'two'
	db "UPDATE state.alert SET times = 3 WHERE title = 'one';
		INSERT INTO state.delivery (uuid, channel, level, created_ms, due_ms) VALUES ('digest-1', 'webhook', 'info', $(date +%s%3N), 0);
		INSERT INTO state.delivery_alert (delivery_id, alert_id) VALUES (1, 1), (1, 2)"
	"$DELIVER" webhook
	[ "$(jq -r '.body | fromjson | .id, .kind, .title, .body, (.items[] | "\(.level) \(.title) \(.times)")' "$GOT")" = \
		$'digest-1\ndigest\n2 alerts\none (3 times)\nwarning: two\ninfo one 3\nwarning two 1' ]
	[ "$(db 'SELECT group_concat(told) FROM delivery_alert')" = 3,1 ]
}
