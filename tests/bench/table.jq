# SPDX-License-Identifier: MIT
# The report as a person reads it.

def left(n): tostring | . + " " * ([n - length, 0] | max);
def right(n): tostring | " " * ([n - length, 0] | max) + .;
def fixed($digits): (. * pow(10; $digits) | round | tostring) as $text
	| ("0" * ([$digits + 1 - ($text | length), 0] | max) // "") + $text
	| if $digits == 0 then . else .[:-$digits] + "." + .[-$digits:] end;
def ms: . / 1000 | if . < 100 then fixed(2) else fixed(0) end;

"\("times in ms" | left(64))\("median" | right(8))\("p90" | right(8))\("p99" | right(8))\("x floor" | right(9))\("cpu" | right(8))\("peak MB" | right(9))",
(.cases[] | "\(.what | left(64))\(.median_us | ms | right(8))\(.p90_us | ms | right(8))\(.p99_us | ms | right(8))"
	+ "\(.times_floor | fixed(2) | right(9))\(.cpu_us | ms | right(8))\(.peak_kib * 1024 / 1000000 | fixed(2) | right(9))"),
"",
"\("target" | left(64))\("measured" | right(10))\("wanted" | right(16))",
(.targets[] | "\(.what | left(64))\(if .value == null then "-" else .value | fixed(2) end | right(10))"
	+ "\("\(.relation) \(.limit)" | right(16))  \(if .met == null then "not measured" elif .met then "holds" else "missed" end)"),
"",
(.cases[] | select(.left.share > 0)
	| "\(.name): after \(.left.share * 100 | fixed(1)) % of the starts something was left at work, for \(.left.median_us | ms) ms"),
"\(.machine), \(.rounds) rounds; the floor's p90 is \(.noise) times its median\(if .noise > 1.5 then
	": the machine was not quiet, times and p99 are too high" else "" end)"
