// SPDX-License-Identifier: MIT
//
// api.mjs - run a client against a Messages API that follows a script.
//
//     node api.mjs ANSWERS LOG COMMAND [ARGUMENT...]
//
// Listens on a free port of 127.0.0.1, starts COMMAND on our own stdin, stdout and stderr with ANTHROPIC_BASE_URL
// pointing there, and ends with COMMAND's exit status. Server and client are one process tree in one network
// namespace: there is no port to guess, nothing to wait for and nothing left behind.
//
// ANSWERS is a JSON array of what the model answers, in order:
//     { "say": "text" }                                      ends the turn
//     { "say": "...", "call": [["Bash", {"command": "ls"}], ["Read", {...}]] }   calls tools, all in one answer
//     { "error": 400 }                                       fails the request with that HTTP status
//     { "for": "MARK", ... }      is kept for conversations whose first user message holds MARK: a subagent is
//                                 recognised by a word in the prompt that an earlier answer gave it
// Requests that are not turns of a conversation need no entry: a token count, a request without tools (the client
// names sessions that way), and the summary of a compaction, which is always "The summary."
//
// LOG gets one JSON object per request, in order: n, method, path, after_ms (since our last answer had gone out), kind
// (a MARK, or "main", "compact", "side", "other"), body as the client sent it, and unscripted: true where ANSWERS had
// none left; then the turn ends.
// When COMMAND has ended a last line follows, {"unused": N}: answers that nobody asked for.
//
// Why not a ready-made one (@copilotkit/aimock 1.43 was tried): it keeps requests in the OpenAI form, and what gets
// lost in that is what these tests look at. System messages in the middle of a conversation, which is where the
// client puts what hooks say, are gone from its journal, so is a tool result's is_error, and the order of results
// and reminders changes; it knows no count_tokens and matches answers by content rather than following a script.

import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { constants } from 'node:os';

const [answersFile, logFile, ...command] = process.argv.slice(2);
if (command.length === 0) {
	process.stderr.write('usage: node api.mjs ANSWERS LOG COMMAND [ARGUMENT...]\n');
	process.exit(64);
}
const answers = JSON.parse(readFileSync(answersFile, 'utf8'));
let requests = 0;
let calls = 0;
let answered = performance.now();

function log(line) {
	appendFileSync(logFile, `${JSON.stringify(line)}\n`);
}

function textOf(message) {
	const content = message?.content ?? '';
	return typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('\n');
}

// The next answer for this request, with the kind that is logged.
function choose(body) {
	if (!body.tools?.length)
		return { kind: 'side', say: '{"title": "A session"}' };
	if (textOf(body.messages.at(-1)).includes('create a detailed summary'))
		return { kind: 'compact', say: '<summary>The summary.</summary>' };

	const first = textOf(body.messages.find((message) => message.role === 'user'));
	const mark = answers.find((answer) => answer.for && first.includes(answer.for))?.for;
	const next = answers.find((answer) => !answer.used && answer.for === mark);
	const kind = mark ?? 'main';
	if (!next)
		return { kind, unscripted: true, say: 'The script has no further answer.' };
	next.used = true;
	return { ...next, kind };
}

function contentOf(answer) {
	const content = answer.say === undefined ? [] : [{ type: 'text', text: answer.say }];
	for (const [name, input] of answer.call ?? [])
		content.push({ type: 'tool_use', id: `toolu_${String(++calls).padStart(8, '0')}`, name, input });
	return content;
}

function stream(res, message) {
	const send = (type, fields) => res.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);

	res.setHeader('content-type', 'text/event-stream');
	send('message_start', { message: { ...message, content: [], stop_reason: null } });
	message.content.forEach((block, index) => {
		const text = block.type === 'text';
		send('content_block_start', { index, content_block: text ? { ...block, text: '' } : { ...block, input: {} } });
		send('content_block_delta', { index, delta: text
			? { type: 'text_delta', text: block.text }
			: { type: 'input_json_delta', partial_json: JSON.stringify(block.input) } });
		send('content_block_stop', { index });
	});
	send('message_delta', { delta: { stop_reason: message.stop_reason, stop_sequence: null },
		usage: { output_tokens: message.usage.output_tokens } });
	send('message_stop', {});
	res.end();
}

function json(res, status, value) {
	res.writeHead(status, { 'content-type': 'application/json' });
	res.end(JSON.stringify(value));
}

function failure(res, status, type, text) {
	json(res, status, { type: 'error', error: { type, message: text } });
}

function serve(req, res, raw, came) {
	const path = req.url.split('?')[0];
	const head = { n: ++requests, method: req.method, path, after_ms: Math.max(came - answered, 0) };
	let body = null;

	if (raw) {
		try {
			body = JSON.parse(raw);
		} catch (error) {
			log({ ...head, kind: 'other', body: raw, unscripted: true });
			return failure(res, 400, 'invalid_request_error', error.message);
		}
	}
	if (req.method !== 'POST' || path !== '/v1/messages') {
		log({ ...head, kind: 'other', body });
		if (req.method === 'HEAD')                   // "is anybody there?", before the first prompt
			return res.end();
		if (path === '/v1/messages/count_tokens')
			return json(res, 200, { input_tokens: 10 });
		return failure(res, 404, 'not_found_error', `no ${path} here`);
	}

	const answer = choose(body);
	log({ ...head, kind: answer.kind, unscripted: answer.unscripted, body });
	if (answer.error)
		return failure(res, answer.error, 'invalid_request_error', 'the script says so');
	const message = {
		id: `msg_${requests}`, type: 'message', role: 'assistant', model: body.model, content: contentOf(answer),
		stop_reason: answer.call ? 'tool_use' : 'end_turn', stop_sequence: null,
		usage: { input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 5 },
	};
	return body.stream ? stream(res, message) : json(res, 200, message);
}

const server = createServer((req, res) => {
	const came = performance.now();
	const chunks = [];
	req.on('data', (chunk) => chunks.push(chunk));
	req.on('end', () => {
		serve(req, res, Buffer.concat(chunks).toString(), came);
		answered = performance.now();
	});
});

server.listen(0, '127.0.0.1', () => {
	const url = `http://127.0.0.1:${server.address().port}`;
	const client = spawn(command[0], command.slice(1), {
		stdio: 'inherit', env: { ...process.env, ANTHROPIC_BASE_URL: url },
	});
	client.on('error', (error) => {
		process.stderr.write(`api.mjs: ${error.message}\n`);
		process.exit(127);
	});
	client.on('exit', (status, signal) => {
		log({ unused: answers.filter((answer) => !answer.used).length });
		process.exit(signal ? 128 + constants.signals[signal] : status);
	});
	// On a terminal Ctrl-C reaches the client by itself; what ends us must end it too.
	process.on('SIGINT', () => {});
	for (const name of ['SIGTERM', 'SIGHUP'])
		process.on(name, () => client.kill(name));
});
