/**
 * What a device signs to be let in (T2): version of the form, the bridge's challenge and id, the host that was dialled
 * and the page's Origin, so that a signature is good for one handshake with one bridge from one page.
 */

/** @param origin the page's Origin; '' for a command */
export const helloText = (challenge: string, bridge: string, host: string, origin: string): string =>
  ['mhnos-hello-1', challenge, bridge, host, origin].join('\n');

/** The name of the key pair's curve and of its signature, for WebCrypto on both ends. */
export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const SIGNATURE_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** Crockford's base 32, lower case: no l, o, u, i. A pairing code of 128 bits has 26 of them. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export function encodeCode(bytes: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let out = '';
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(value >> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  if (bits > 0) out += ALPHABET[(value << (5 - bits)) & 31];
  return out;
}

/** As typed by a person: dashes, spaces and case do not matter. */
export const tidyCode = (typed: string): string => typed.toLowerCase().replaceAll(/[^0-9a-z]/g, '');
