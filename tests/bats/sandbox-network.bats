# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What a sandboxed program reaches through the proxy, and what not.

load helper

setup() {
	ccm_sandbox
	cd / || return
	LOG=$BATS_TEST_TMPDIR/refusals
	coproc SERVER { exec python3 "$CCM_SOURCE/tests/bin/web-server.py" 3>&-; }
	read -r PORT <&"${SERVER[0]}"
}

teardown() {
	[ -z "${SERVER_PID-}" ] || kill "$SERVER_PID"
}

# Usage: inside [OPTION...] -- COMMAND...
inside() { ccm-supervisor sandbox exec --refusals "$LOG" --env NO_PROXY= --env no_proxy= "$@"; }

# Usage: in_each_way COMMAND...
# With the layers that this system has, and without namespaces. Where they are refused both are the same.
in_each_way() {
	"$@" || return
	"$@" --no-namespaces
}

# Usage: refusals
# What was told by the proxy: host, port and reason.
refusals() { jq -r 'select(.layer == "proxy") | "\(.host) \(.port) \(.reason)"' "$LOG"; }

@test "sandbox network: an allowed host is reached, by a tunnel and by plain requests" {
	reached() {
		run -0 --separate-stderr inside --allow-host "localhost:$PORT" "$@" -- sh -c "
			curl -sS http://localhost:$PORT/plain && curl -sS --proxytunnel http://localhost:$PORT/tunnel &&
			head -c 1000000 /dev/zero | curl -sS --proxytunnel --data-binary @- http://localhost:$PORT/large"
		[[ $output == *"GET /plain 0"* && $output == *"GET /tunnel 0"* && $output == *"POST /large 1000000"* ]]
		[[ $output != *proxy-* ]]
	}
	in_each_way reached
}

@test "sandbox network: what is not on the list is refused, and told" {
	refused() {
		rm -f "$LOG"
		run --separate-stderr inside --allow-host "localhost:$PORT" --allow-host '*.example.org' "$@" -- sh -c "
			curl -sS http://127.0.0.1:$PORT/
			curl -sS https://example.org/; curl -sS https://example.org.evil.net/; curl -sS https://notexample.org/
			curl -sS --proxytunnel http://localhost:1/"
		[[ $output != *GET* ]]
		[ "$(refusals)" = "127.0.0.1 $PORT not on the list of allowed hosts
example.org 443 not on the list of allowed hosts
example.org.evil.net 443 not on the list of allowed hosts
notexample.org 443 not on the list of allowed hosts
localhost 1 not on the list of allowed hosts" ]
	}
	in_each_way refused
}

@test "sandbox network: nothing is reached past the proxy" {
	past() {
		run inside --allow-host "localhost:$PORT" "$@" -- curl -sS --noproxy '*' "http://127.0.0.1:$PORT/"
		[ "$status" -ne 0 ]
		[[ $output != *GET* ]]
	}
	in_each_way past
}

@test "sandbox network: without an allowed host there is none" {
	run inside -- curl -sS "http://127.0.0.1:$PORT/"
	[ "$status" -ne 0 ]
	[[ $output != *GET* ]]
}

@test "sandbox network: an allowed name that leads to this machine is refused" {
	run --separate-stderr inside --allow-host "rebound.localhost:$PORT" -- \
		curl -sS --proxytunnel "http://rebound.localhost:$PORT/"
	[ "$status" -ne 0 ]
	[[ $(refusals) == "rebound.localhost $PORT it leads to "*', an address of this host or of a private network' ]]
}

@test "sandbox network: other ways to write an address are no names" {
	for form in 2130706433 0x7f000001 127.1 0177.0.0.1 '[::ffff:127.0.0.1]' '[::1]'; do
		run --separate-stderr inside --allow-host "localhost:$PORT" --allow-host '*.0.0.1' -- \
			sh -c "printf 'CONNECT %s:$PORT HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n' '$form' \
				\"\$(printf %s \"\${HTTPS_PROXY#http://}\" | cut -d@ -f1 | tr -d '\n' | base64 -w0)\" >/tmp/request
			curl -s telnet://\"\${HTTPS_PROXY##*@}\" </tmp/request"
		[[ $output == *' 403 '* ]] || { printf '%s: %s\n' "$form" "$output" >&2; return 1; }
	done
}

@test "sandbox network: the credential is added outside, and what the program sends is left behind" {
	# shellcheck disable=SC2016
	credential() {
		export SECRET='x-api-key: sk-outside'
		run -0 --separate-stderr inside --api "http://127.0.0.1:$PORT/base" --api-header-from SECRET "$@" -- sh -c '
			env; curl -sS -H "x-api-key: sk-inside" -H "Authorization: Bearer inside" "$CCM_API_URL/v1/messages?beta=1"'
		[[ $output == *"GET /base/v1/messages?beta=1 0"* ]]
		[[ $output == *"x-api-key: sk-outside"* ]]
		[[ $output != *inside* ]]
		[ "$(grep -c sk-outside <<<"$output")" -eq 1 ]
	}
	in_each_way credential
}

@test "sandbox network: an API by TLS is believed by the person's authorities only, and gets the credential" {
	local tls=$BATS_TEST_TMPDIR/tls
	mkdir "$tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout "$tls/key" -out "$tls/cert" 2>/dev/null
	kill "$SERVER_PID"
	wait "$SERVER_PID" || :
	coproc SERVER { exec python3 "$CCM_SOURCE/tests/bin/web-server.py" "$tls/cert" "$tls/key" 3>&-; }
	read -r PORT <&"${SERVER[0]}"
	export SECRET='x-api-key: sk-outside'
	# shellcheck disable=SC2016
	ask() {
		run -0 --separate-stderr inside --api "https://localhost:$PORT/base" --api-header-from SECRET -- \
			sh -c 'curl -sS "$CCM_API_URL/v1/messages"'
	}
	unset SSL_CERT_FILE CURL_CA_BUNDLE
	ask
	[[ $output != *GET* && $output == *certificate* ]]
	[[ $(refusals) == "localhost $PORT "*certificate* ]]
	export SSL_CERT_FILE=$tls/cert
	ask
	[[ $output == *'GET /base/v1/messages 0'*'x-api-key: sk-outside'* ]]
}

@test "sandbox network: the proxy connects by itself, whatever HTTPS_PROXY the person has" {
	export HTTPS_PROXY=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1
	run -0 --separate-stderr inside --allow-host "localhost:$PORT" -- curl -sS "http://localhost:$PORT/straight"
	[[ $output == *'GET /straight 0'* ]]
}

@test "sandbox network: of the API's host nothing but what is below its path is reached" {
	# shellcheck disable=SC2016
	run --separate-stderr inside --api "http://127.0.0.1:$PORT/base" -- sh -c '
		curl -sS --noproxy "*" --path-as-is "$CCM_API_URL/../other"; curl -sS --noproxy "*" --path-as-is "$CCM_API_URL/.."
		curl -sS --noproxy "*" "$CCM_API_URL/%2e%2e/other"
		curl -sS --proxy "$CCM_API_URL" http://127.0.0.1:'"$PORT"'/other'
	[[ $output != *GET* ]]
}

@test "sandbox network: without the sandbox's token the proxy does nothing" {
	# shellcheck disable=SC2016
	run --separate-stderr inside --allow-host "localhost:$PORT" --api "http://127.0.0.1:$PORT/" -- sh -c '
		curl -sS --proxy "http://${HTTPS_PROXY##*@}" http://localhost:'"$PORT"'/
		curl -sS --proxy "http://ccm:wrong@${HTTPS_PROXY##*@}" http://localhost:'"$PORT"'/
		curl -sS --noproxy "*" "http://${HTTPS_PROXY##*@}/v1/messages"'
	[[ $output != *GET* ]]
	[ "$(refusals | grep -c "the sandbox's token is missing")" -eq 3 ]
}

@test "sandbox network: input that means harm is refused, and the proxy goes on" {
	cat >"$BATS_TEST_TMPDIR/harm.py" <<-'END'
		import base64, os, re, socket
		user, port = re.match(r'http://(.*)@127.0.0.1:(\d+)', os.environ['HTTPS_PROXY']).groups()
		good = b'Proxy-Authorization: Basic ' + base64.b64encode(user.encode()) + b'\r\n'
		host = b'localhost:' + os.environ['PORT'].encode()
		for data in [b'\r\n\r\n', b'CONNECT\r\n\r\n', b'CONNECT ' + host + b'\r\n' + good + b'\r\n',
				b'CONNECT  ' + host + b' HTTP/1.1\r\n' + good + b'\r\n', b'CONNECT ' + host + b' HTTP/1.1\n' + good + b'\r\n\r\n',
				b'CONNECT ' + host + b' HTTP/2.0\r\n' + good + b'\r\n', b'CONNECT ' + host + b':1 HTTP/1.1\r\n' + good + b'\r\n',
				b'CONNECT localhost:0 HTTP/1.1\r\n' + good + b'\r\n', b'CONNECT localhost:99999 HTTP/1.1\r\n' + good + b'\r\n',
				b'CONNECT ' + host + b' HTTP/1.1\r\n' + good + b' folded\r\n\r\n',
				b'CONNECT ' + host + b' HTTP/1.1\r\n' + good + b'a\0b: c\r\n\r\n',
				b'GET http://user@' + host + b'/ HTTP/1.1\r\n' + good + b'\r\n', b'GET file:///etc/passwd HTTP/1.1\r\n' + good + b'\r\n',
				b'GET http://' + host + b'/ HTTP/1.1\r\nbad name: x\r\n' + good + b'\r\n', b'A' * 70000, b'\xff' * 1000 + b'\r\n\r\n']:
		    s = socket.create_connection(('127.0.0.1', int(port)))
		    try:
		        s.sendall(data)
		        s.shutdown(socket.SHUT_WR)
		        answer = s.recv(65536)
		    except OSError:
		        answer = b''
		    assert answer == b'' or b' 4' in answer[:12], (data[:80], answer)
		    s.close()
		many = [socket.create_connection(('127.0.0.1', int(port))) for i in range(100)]
		for s in many: s.close()
		s = socket.create_connection(('127.0.0.1', int(port)))
		s.sendall(b'GET http://' + host + b'/fine HTTP/1.1\r\n' + good + b'\r\n')
		print(s.recv(65536).decode())
	END
	export PORT
	run -0 --separate-stderr inside --allow-host "localhost:$PORT" --env PORT --ro "$BATS_TEST_TMPDIR/harm.py" -- \
		python3 "$BATS_TEST_TMPDIR/harm.py"
	[[ $output == *' 200 '* ]]
}

@test "sandbox network: the proxy is gone when the sandbox is, also after SIGKILL" {
	for end in TERM KILL; do
		ccm-supervisor sandbox exec --allow-host localhost --rw "$BATS_TEST_TMPDIR" -- \
			sh -c "touch $BATS_TEST_TMPDIR/up; sleep 1000" 3>&- &
		local supervisor=$! proxy
		until [ -e "$BATS_TEST_TMPDIR/up" ] && proxy=$(pgrep -P "$supervisor" -x ccm-proxy); do sleep 0.05; done
		kill -"$end" "$supervisor"
		wait "$supervisor" || true
		until ! kill -0 "$proxy" 2>/dev/null; do sleep 0.05; done
		rm "$BATS_TEST_TMPDIR/up"
	done
}

@test "sandbox network: a host that is none is a usage error" {
	for host in '' 'a b' 'http://x' 'x:0' 'x:y' '[::1' '*'; do
		run -64 --separate-stderr inside --allow-host "$host" -- true
		[[ $stderr == *"'$host'"* ]]
	done
	run -64 --separate-stderr inside --api ftp://x -- true
	run -64 --separate-stderr inside --api http://x --api-header-from NOT_SET -- true
}
