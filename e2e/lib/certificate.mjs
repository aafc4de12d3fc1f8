// A certificate of one's own for `localhost`, by the openssl that Debian has.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { folder } from './gateway.mjs';
import { Program } from './program.mjs';

/** Gives the paths of the certificate and its key, in PEM. */
export async function certificate(t) {
  const path = folder(t);
  const [cert, key] = [join(path, 'certificate.pem'), join(path, 'key.pem')];
  const openssl = new Program('openssl', 'openssl', [
    'req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert,
  ]);
  assert.equal((await openssl.ended()).code, 0, openssl.stderr);
  return { cert, key };
}
