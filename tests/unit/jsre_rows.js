// SPDX-License-Identifier: MIT
// Prints jsre_rows.inc: what JavaScript itself says about each pattern and text. Run with node by
// hand when a row is added; `make check` uses the rows as they stand.
'use strict';
const rows = {
	'^Ba': ['Bash', 'aBa', 'Ba', 'B'],
	'(Read)': ['Read', 'NotebookRead', 'read'],
	'Rea?d': ['Read', 'Red', 'Rd'],
	'Bash|^Edit$': ['Bash', 'BashOutput', 'Edit', 'NotebookEdit'],
	'^(?:Edit|Write|NotebookEdit)$': ['Edit', 'NotebookEdit', 'Writes'],
	'mcp__.*': ['mcp__memory__create', 'Bash'],
	'mcp__memory__.*': ['mcp__memory__create', 'mcp__memory2__create'],
	'mcp__.*__write.*': ['mcp__fs__write_file', 'mcp__fs__read'],
	'mcp__*': ['mcp__fs__read', 'mcp_', 'mc'],
	'^(?!Bash$)': ['Bash', 'BashOutput', 'Edit'],
	'^(?!.*(Read|Grep)).*$': ['Read', 'GrepX', 'Bash'],
	'(?<=mcp__)fs': ['mcp__fs__read', 'fs'],
	'(?<!mcp__)fs': ['mcp__fs__read', 'fs'],
	'(?<=a(?=b))b': ['ab', 'cb'],
	'\\bBash\\b': ['Bash', 'BashOutput', 'a Bash b'],
	'\\Bash': ['Bash', 'ash'],
	'^\\w+$': ['Bash', 'a b', 'é', ''],
	'^\\W$': ['é', 'a', '-'],
	'^\\d{2,3}$': ['1', '12', '123', '1234'],
	'^\\D$': ['1', 'x'],
	'^\\s$': [' ', '\u00a0', '\ufeff', '\u2003', 'x', ''],
	'^\\S+$': ['a\u3000b', 'ab'],
	'^[\\w-]+$': ['a-b', 'a b'],
	'^[^\\s-]+$': ['a-b', 'ab'],
	'^[a-\\d]$': ['a', '-', '5', 'b'],
	'^[]$': ['', ']'],
	'^[^]$': ['\n', ''],
	'^[\\b]$': ['\b', 'b'],
	'[\\]]': [']', '['],
	'^.$': ['x', '\n', '\u2028', 'é', '😀'],
	'^..$': ['😀', 'é'],
	'^é+$': ['éé', 'e'],
	'\\u00e9|\\x41|\\cJ|\\t': ['é', 'A', '\n', '\t', 'u'],
	'a{2}': ['aa', 'a'],
	'^a{,2}$': ['a{,2}', 'a'],
	'^(ab){2,}$': ['ab', 'abab', 'ababab'],
	'^(a|b)*?c$': ['ababc', 'ababd', 'c'],
	'^(a*)*$': ['aaaa', 'aaab'],
	'^a{0}b$': ['b', 'ab'],
	'^(?:a?){3}$': ['', 'aaa', 'aaaa'],
	'a|': ['', 'x'],
	'x*': ['', 'abc'],
	'^$': ['', 'a'],
	'{': ['{', '}'],
	']': [']', '['],
	'(?=a)*b': ['b', 'c'],
	'\\.env$': ['.env', 'xenv', '.env.local'],
	'^(\\.env|\\.envrc)$': ['.env', '.envrc', '.envx'],
	// what JavaScript refuses
	'[': [], '(': [], ')': [], 'a**': [], '*a': [], '+': [], '^*': [], '\\b+': [], '(?<=a)*': [], 'a{2,1}': [],
	'[b-a]': [], '\\': [], '{2}': [], '(?x)': [], 'a{1}{2}': [],
};
const quote = s => '"' + [...Buffer.from(s)].map(b =>
	b === 34 || b === 92 ? '\\' + String.fromCharCode(b) :
	b < 32 || b > 126 ? '\\' + b.toString(8).padStart(3, '0') : String.fromCharCode(b)).join('') + '"';

console.log('/* SPDX-License-Identifier: MIT */\n/* Printed by jsre_rows.js: pattern, text, what JavaScript says. */');
for (const [pattern, texts] of Object.entries(rows)) {
	let re = null;
	try { re = new RegExp(pattern); } catch { console.log(`{ ${quote(pattern)}, NULL, INVALID },`); }
	if (re)
		for (const text of texts)
			console.log(`{ ${quote(pattern)}, ${quote(text)}, ${re.test(text) ? 'YES' : 'NO'} },`);
}
