// Certificates of one's own, by the openssl that Debian has.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { configFile, folder, Gateway } from './gateway.mjs';
import { Program } from './program.mjs';

/** Makes a certificate and its key, in PEM; gives their paths. */
async function make(path, subject, ...more) {
  const [cert, key] = [join(path, `${subject}.pem`), join(path, `${subject}.key`)];
  const openssl = new Program('openssl', 'openssl', [
    'req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2',
    '-subj', `/CN=${subject}`, '-keyout', key, '-out', cert, ...more,
  ]);
  assert.equal((await openssl.ended()).code, 0, openssl.stderr);
  return { cert, key };
}

const HERE = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];

/** A certificate for `localhost` that signs itself. */
export function certificate(t) {
  return make(folder(t), 'localhost', ...HERE);
}

/** A gateway over TLS in front of the origin, its route with `more`; gives its certificate, too. */
export async function overTls(t, origin, more = '') {
  const { cert, key } = await certificate(t);
  const gateway = await Gateway.start(t, '--config', configFile(t, `
    [tls]
    certificate = "${cert}"
    key = "${key}"
    [[origin]]
    name = "own"
    url = "${origin.url}"
    [[route]]
    path = "/**"
    origin = "own"
    poll = "50ms"
    ${more}
  `));
  return { gateway, cert };
}

/** An authority, and certificates that it signed: of `localhost`, and of a client named `gateway`. */
export async function authority(t) {
  const path = folder(t);
  const ca = await make(path, 'authority', '-addext', 'keyUsage=critical,keyCertSign');
  const signed = ['-CA', ca.cert, '-CAkey', ca.key, '-addext', 'basicConstraints=critical,CA:FALSE'];
  return { ca: ca.cert, server: await make(path, 'localhost', ...signed, ...HERE), client: await make(path, 'gateway', ...signed) };
}
