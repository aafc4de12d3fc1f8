// Servers that we did not write, as origins. Each runs on a free port of loopback with files of its own, and is ended
// by its process id; when a test fails, what its servers wrote is shown.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder } from './gateway.mjs';
import { freePort, Program } from './program.mjs';
import { eventually, Hopeless } from './wait.mjs';

/** Where `./test` says that a program is; else where it put it; else wherever this machine has it. */
function tool(variable, path, name) {
  const taken = fileURLToPath(new URL(`../.tools/${path}/${name}`, import.meta.url));
  return process.env[variable] ?? (existsSync(taken) ? taken : name);
}
const NGINX = tool('TIDEGATE_NGINX', 'usr/sbin', 'nginx');
const PROMETHEUS = tool('TIDEGATE_PROMETHEUS', 'usr/bin', 'prometheus');
const NATS_SERVER = tool('TIDEGATE_NATS_SERVER', 'usr/sbin', 'nats-server');
const JSON_SERVER = fileURLToPath(new URL('../node_modules/json-server/lib/cli/bin.js', import.meta.url));

/** So much of what a server wrote is shown when a test fails. */
const SHOWN = 4000;

/** Writes a file beside `path` and moves it there, so that nobody reads half of it. */
export function replaceFile(path, text) {
  writeFileSync(`${path}.next`, text);
  renameSync(`${path}.next`, path);
}

/**
 * A server: `prepare` makes its files and gives its `url`, `start`, which runs the program, `answers`, which is asked
 * until it is true, and `logs`, files that are shown together with its output when the test fails.
 */
async function started(t, prepare) {
  const server = { program: undefined };
  // Before any folder is made: what is cleaned up later is still there to be shown.
  t.after(async () => {
    const { program } = server;
    if (program === undefined) return;
    // One that a test has stopped obeys no other signal.
    program.signal('SIGCONT');
    await program.stop();
    if (t.passed) return;
    const written = [['output', program.stdout + program.stderr], ...logs.map((log) => [log, readFileSync(log, 'utf8')])];
    for (const [what, text] of written) console.error(`-- ${program.name}, ${what}:\n${text.slice(-SHOWN)}`);
  });
  const { url, start, answers, logs = [] } = await prepare();
  server.url = url;
  /** Starts it anew at the same place, once it has ended. */
  server.start = async () => {
    const program = (server.program = start());
    await eventually(`${program.name} answers`, () => {
      if (program.end !== undefined) throw new Hopeless(`it has ended:\n${program.stdout}${program.stderr}`);
      return answers();
    });
  };
  await server.start();
  return server;
}

const isOk = (url) => async () => (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;

/**
 * nginx as one process, which serves the files of a folder of its own. `server` is what stands in its `server` blocks,
 * `http` what stands before them. With `tls`, a certificate and its key and more lines of its block, it listens for
 * HTTP/2 over TLS at `tlsUrl`, too.
 */
export async function nginx(t, { server: lines = '', http = '', tls } = {}) {
  let root, access, tlsUrl;
  const server = await started(t, async () => {
    const [base, port, tlsPort] = [folder(t), await freePort(), await freePort()];
    [root, access] = [join(base, 'files'), join(base, 'access.log')];
    tlsUrl = `https://localhost:${tlsPort}`;
    mkdirSync(root);
    writeFileSync(join(root, 'ready'), '');
    writeFileSync(access, '');
    const block = (listen) => `server {
          listen 127.0.0.1:${listen}
          root ${root};
          location = /ready { access_log off; }
          ${lines}
        }`;
    writeFileSync(join(base, 'nginx.conf'), `
      daemon off;
      master_process off;
      pid nginx.pid;
      events {}
      http {
        types { application/json json; }
        log_format requests '$status $body_bytes_sent "$http_if_none_match" $msec $server_protocol "$ssl_client_s_dn" $request_uri';
        access_log ${access} requests;
        client_body_temp_path temp-body;
        proxy_temp_path temp-proxy;
        fastcgi_temp_path temp-fastcgi;
        uwsgi_temp_path temp-uwsgi;
        scgi_temp_path temp-scgi;
        ${http}
        ${block(`${port};`)}
        ${tls === undefined ? '' : block(`${tlsPort} ssl http2; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}; ${tls.lines ?? ''}`)}
      }
    `);
    const start = () => new Program('nginx', NGINX, ['-p', base, '-c', join(base, 'nginx.conf'), '-e', 'stderr']);
    const url = `http://127.0.0.1:${port}`;
    return { url, start, answers: isOk(`${url}/ready`), logs: [access] };
  });
  return Object.assign(server, {
    tlsUrl,
    /** Where a file of it is. */
    path: (name) => join(root, name),
    /** Puts a file in the place of the former one, at once. */
    put: (name, text) => replaceFile(join(root, name), text),
    /** What its log says of the requests of `path` so far. */
    requests: (path) => readFileSync(access, 'utf8').split('\n')
      .map((line) => line.match(/^(\d+) (\d+) "(.*)" ([\d.]+) (\S+) "(.*)" (\S+)$/))
      .filter((match) => match?.[7] === path)
      .map(([, status, bytes, tag, time, protocol, client]) => ({ status: Number(status), bytes: Number(bytes), tag, seconds: Number(time), protocol, client })),
  });
}

/** Prometheus, with a folder for its files; `configure` is given its address and the folder, and writes `prometheus.yml`. */
export function prometheus(t, configure) {
  return started(t, async () => {
    const [files, port] = [folder(t), await freePort()];
    const address = `127.0.0.1:${port}`;
    configure(address, files);
    const start = () => new Program('prometheus', PROMETHEUS, [
      `--config.file=${join(files, 'prometheus.yml')}`, `--storage.tsdb.path=${join(files, 'data')}`, `--web.listen-address=${address}`, '--web.enable-lifecycle',
    ]);
    return { url: `http://${address}`, start, answers: isOk(`http://${address}/-/ready`) };
  });
}

/** nats-server; `url` is that of its monitoring, `port` that of its clients. */
export async function nats(t) {
  const [port, monitoring] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${monitoring}`;
  const start = () => new Program('nats-server', NATS_SERVER, ['--addr', '127.0.0.1', '--port', String(port), '--http_port', String(monitoring)]);
  return Object.assign(await started(t, () => ({ url, start, answers: isOk(`${url}/varz`) })), { port });
}

/** json-server with this database. */
export function jsonServer(t, database) {
  return started(t, async () => {
    const [file, port] = [join(folder(t), 'db.json'), await freePort()];
    writeFileSync(file, JSON.stringify(database));
    const start = () => new Program('json-server', process.execPath, [JSON_SERVER, '--quiet', '--host', '127.0.0.1', '--port', String(port), file]);
    const url = `http://127.0.0.1:${port}`;
    return { url, start, answers: isOk(`${url}/db`) };
  });
}

/** The text that a GET gives, whatever its status. */
export const get = async (url) => (await fetch(url)).text();

/** Sends JSON; gives what the answer says, which must be a success. */
export async function send(method, url, body) {
  const response = await fetch(url, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
