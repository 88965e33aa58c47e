# SPDX-License-Identifier: MIT
# The samples of bench.c, as one report: every case with its times, every target with what was measured.
#
# A ratio is the median of the ratios of single rounds: both its programs were then started within the same moment, and
# what else the machine did cancels out better than in a ratio of two medians.

def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2] + .[length / 2 - 1]) / 2 end;
def percentile(p): sort | .[([(length * p | ceil), 1] | max) - 1];
def rounded(n): . * n | round | . / n;

[split("\n")[] | select(. != "") | split("\t")
	| { round: (.[0] | tonumber), name: .[1], us: (.[2] | tonumber), kib: (.[3] | tonumber), left: (.[4] | tonumber),
		cpu: (.[5] | tonumber) }]
| map(select(.round >= 0))
# {case: {round: [microseconds]}}, and the same flat
| (reduce .[] as $s ({}; .[$s.name][$s.round | tostring] += [$s.us])) as $by_round
| (reduce .[] as $s ({}; .[$s.name] += [$s])) as $all

| def of(name): $by_round[name] // {} | map_values(median);
# a and b are objects {round: us}; f is asked about each round that both have, with both as [a, b]
def paired(a; b; f): (a) as $a | (b) as $b | [$a | keys[] | select($b[.]) | [$a[.], $b[.]] | f] |
	if length > 0 then median | rounded(1000) else null end;
def ratio(x; y): paired(of(x); of(y); .[0] / .[1]);
def p99(x): $all[x] // [] | map(.us) | if length > 0 then percentile(0.99) / median | rounded(1000) else null end;
def peak(x): $all[x] // [] | map(.kib) | max | if . then . * 1024 / 1000000 | rounded(1000) else null end;
def added(x; y; z): (of(z)) as $z |
	[of(x) | to_entries[] | .key as $k | select(of(y)[$k] and $z[$k]) | (.value - of(y)[$k]) / $z[$k]]
	| if length > 0 then median | rounded(1000) else null end;
# How much longer than usual the slowest was, in ms.
def waits(x; usual): if $all[x] then (($all[x] | map(.us) | max) - ($all[usual] | map(.us) | median)) / 1000 | rounded(10) else null end;
def at_most(limit; what; value): { what: what, value: value, relation: "at most", limit: limit,
	met: (if value == null then null else value <= limit end) };
def at_least(limit; what; value): { what: what, value: value, relation: "at least", limit: limit,
	met: (if value == null then null else value >= limit end) };

{
	machine: "\($cpus) cores",
	rounds: ($rounds | tonumber),
	versions: [$python, $node, $net],
	# 1: a machine with nothing else to do
	noise: ($all.floor | map(.us) | percentile(0.9) / median | rounded(100)),
	cases: [
		{ name: "floor", what: "a static program that does nothing" },
		{ name: "dash", what: "dash -c :" },
		{ name: "held", what: "hook: an event stored, another process has the database open" },
		{ name: "alone", what: "hook: the same, alone" },
		{ name: "burst", what: "hook: alone, 20 in a row" },
		{ name: "held-1m", what: "hook: held, \($events) events in the database" },
		{ name: "alone-1m", what: "hook: alone, \($events) events in the database" },
		{ name: "held-30", what: "hook: held, 30 automations enabled, none matches" },
		{ name: "alone-30", what: "hook: alone, 30 automations enabled, none matches" },
		{ name: "one", what: "hook: alone, one automation that does nothing" },
		{ name: "four", what: "hook: alone, four of them in one stage" },
		{ name: "sandbox", what: "sandbox exec: /bin/true, all layers" },
		{ name: "sandbox-alone", what: "sandbox exec: the same, without namespaces" },
		{ name: "bubblewrap", what: "bubblewrap: /bin/true, all namespaces" },
		{ name: "sandbox-runtime", what: "npm sandbox-runtime: true" },
		{ name: "status-0", what: "git status, 10,000 files" },
		{ name: "checkpoint-0", what: "checkpoint: nothing has changed" },
		{ name: "status-1", what: "git status, 1 of them just changed" },
		{ name: "checkpoint-1", what: "checkpoint: the same" },
		{ name: "status-100", what: "git status, 100 of them just changed" },
		{ name: "checkpoint-100", what: "checkpoint: the same" },
		{ name: "worktree-add", what: "git worktree add, 5,000 files" },
		{ name: "task-begun", what: "run: the same in a task, until its command runs" },
		{ name: "guard-plain", what: "hook: security-guard judges plain words" },
		{ name: "guard-parsed", what: "hook: security-guard judges what must be parsed" },
		{ name: "guard-large", what: "hook: security-guard judges a command of 100 kB" },
		{ name: "statusline", what: "hook: the status line, stored and shown" },
		{ name: "gate", what: "hook: whether work must wait for quota" },
		{ name: "pruned", what: "hook: while \($pruned) of \($events) events are pruned" },
		{ name: "pruned-floor", what: "a static program that does nothing, meanwhile" },
		{ name: "size-1k", what: "hook: alone, a payload of 1 kB" },
		{ name: "size-2m", what: "hook: alone, a payload of 2 MB" },
		{ name: "python", what: "the same event stored: \($python), json, sqlite3" },
		{ name: "bash", what: "the same event stored: bash, jq, sqlite3" },
		{ name: "node", what: "the same event stored: \($node)" },
		{ name: "safety-net-plain", what: "plain words judged: \($net)" },
		{ name: "safety-net-parsed", what: "what must be parsed judged: \($net)" },
		{ name: "log", what: "log: the newest 50 of \($events)" },
		{ name: "log-session", what: "log --session" },
		{ name: "log-tool", what: "log --tool Bash --since" },
		{ name: "grep", what: "log --grep over \($events) payloads" },
		{ name: "like", what: "sqlite3 ... LIKE over \($events) payloads" }
	| select($all[.name]) | .name as $name | ($all[$name] | map(.us)) as $us | ($all[$name] | map(.left)) as $left
	| . + {
		starts: ($us | length), median_us: ($us | median), p90_us: ($us | percentile(0.9)),
		p99_us: ($us | percentile(0.99)), p10_us: ($us | percentile(0.1)), cpu_us: ($all[$name] | map(.cpu) | median), times_floor: ratio($name; "floor"),
		peak_kib: ($all[$name] | map(.kib) | max),
		# How often something was left running, and for how long: a checkpoint, mostly.
		left: { share: ($left | map(select(. > 50)) | length / ($us | length) | rounded(1000)),
			median_us: ($left | map(select(. > 50)) | if length > 0 then median else 0 end) }
	}],
	targets: [
		at_most(2.0; "an event stored, held / floor"; ratio("held"; "floor")),
		at_most(2.5; "an event stored, alone / floor"; ratio("alone"; "floor")),
		at_most(4; "held: p99 / its median"; p99("held")),
		at_most(4; "alone: p99 / its median"; p99("alone")),
		at_most(1.1; "\($events) events / 10 events, held"; ratio("held-1m"; "held")),
		at_most(1.1; "\($events) events / 10 events, alone"; ratio("alone-1m"; "alone")),
		at_most(20; "longest wait while \($pruned) events are pruned, ms (noop: \(waits("pruned-floor"; "floor")))";
			waits("pruned"; "held")),
		at_most(1.25; "30 automations that do not match / none, held"; ratio("held-30"; "held")),
		at_most(1.25; "30 automations that do not match / none, alone"; ratio("alone-30"; "alone")),
		at_least(20; "python + json + sqlite3 / alone"; ratio("python"; "alone")),
		at_least(20; "bash + jq + sqlite3 / alone"; ratio("bash"; "alone")),
		# On a virtual machine this one may miss by a little, and nothing in ccm-hook decides it. The start of any program
		# with glibc asks the processor about itself: 43 CPUID instructions (counted by single steps), each of which a
		# hypervisor must answer. On 2 virtual cores one takes 3.9 us, all of them 0.17 ms: half of the floor, and a fifth of
		# ccm-hook alone, where perf (cpu-clock) finds as much in the functions that ask. Without them on both sides node
		# needs 48 times as long. Of the rest, what is ours to decide was decided before: of 750,000 instructions (callgrind)
		# SQLite needs 31 % to read the schema, 12 % to compile what a hook says, and 4 % to open; 26 % go into reading the log
		# again, which a hook that is alone must do. To move the log twice as often was tried: 0.02 ms less, for a process of
		# 1.5 ms twice as often. What memory costs was counted: 1.9 us for each page of its own that is touched, 1.5 us for each
		# 16 pages of code, of which there are 20; to map either in advance (MADV_POPULATE_READ, _WRITE) gains nothing, as the
		# pages cost, not the faults.
		at_least(40; "node / alone"; ratio("node"; "alone")),
		at_most(1.6; "(one automation - alone) / dash -c :"; added("one"; "alone"; "dash")),
		at_most(2.0; "four automations in one stage / one"; ratio("four"; "one")),
		at_most(6; "security-guard, plain words / floor"; ratio("guard-plain"; "floor")),
		at_most(12; "security-guard, parsed / floor"; ratio("guard-parsed"; "floor")),
		at_least(10; "cc-safety-net / security-guard, plain words"; ratio("safety-net-plain"; "guard-plain")),
		at_least(10; "cc-safety-net / security-guard, parsed"; ratio("safety-net-parsed"; "guard-parsed")),
		at_most(50; "security-guard, a command of 100 kB, ms";
			($all["guard-large"] | if . then map(.us) | median / 1000 | rounded(100) else null end)),
		at_most(1; "a sandboxed /bin/true / in bubblewrap"; ratio("sandbox"; "bubblewrap")),
		at_most(1; "a sandboxed /bin/true / in npm sandbox-runtime"; ratio("sandbox"; "sandbox-runtime")),
		at_most(1.3; "a task of 5,000 files / git worktree add"; ratio("task-begun"; "worktree-add")),
		at_most(2.5; "checkpoint after 1 change / git status"; ratio("checkpoint-1"; "status-1")),
		at_most(4; "checkpoint after 100 changes / git status"; ratio("checkpoint-100"; "status-100")),
		at_most(6; "a payload of 2 MB / of 1 kB"; ratio("size-2m"; "size-1k")),
		at_most(5; "peak memory for a payload of 1 kB, MB"; peak("size-1k")),
		at_most(5; "log / floor"; ratio("log"; "floor")),
		at_most(5; "log --session / floor"; ratio("log-session"; "floor")),
		at_most(5; "log --tool Bash --since / floor"; ratio("log-tool"; "floor")),
		at_most(10; "log --grep / sqlite3 LIKE"; ratio("grep"; "like"))
	]
}
