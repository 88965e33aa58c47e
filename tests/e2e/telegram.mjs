// SPDX-License-Identifier: MIT
//
// telegram.mjs - run a program beside a stand-in for Telegram: npm telegram-test-api.
//
//     node telegram.mjs FOLDER SOCKET COMMAND [ARGUMENT...]
//
// The Bot API is at http://127.0.0.1:9000, which is free in the network namespace of a test; FOLDER has the node_modules.
// At the path SOCKET, which can be reached from outside of the namespace, is the same server, for the part of the person:
// POST /getUpdatesHistory shows the chat, POST /sendCallback presses a button. Ends with COMMAND, and as it ends.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { constants } from 'node:os';

const [folder, socket, command, ...words] = process.argv.slice(2);
const TelegramServer = createRequire(`${folder}/`)('telegram-test-api');
const telegram = new TelegramServer({ host: '127.0.0.1', port: 9000, storeTimeout: 3600 });
await telegram.start();
await new Promise((resolve) => { createServer(telegram.webServer).listen(socket, resolve); });

const child = spawn(command, words, { stdio: 'inherit' });
// On a terminal Ctrl-C reaches COMMAND by itself.
process.on('SIGINT', () => {});
for (const name of ['SIGTERM', 'SIGHUP'])
	process.on(name, () => child.kill(name));
child.on('error', (error) => {
	process.stderr.write(`${command}: ${error.message}\n`);
	process.exit(127);
});
child.on('exit', (status, signal) => { process.exit(status ?? 128 + constants.signals[signal]); });
