/**
 * From text to a message, or to a fault that names the field. A malformed message is answered and the connection lives
 * on (T8). In: one WebSocket text frame. Never throws.
 */
import type * as z from 'zod';
import { fail, ok, type Result } from './errors.ts';
import { CLIENT, SERVER, type ClientMessage, type ServerMessage } from './messages.ts';

/** A fault together with the request's id, where it could be read: the answer goes to the right request. */
export type Decoded<T> = Result<T> & { readonly id?: string | undefined };

function decode<T>(text: string, schemas: Readonly<Record<string, z.ZodType>>): Decoded<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail('BAD_MESSAGE', 'not JSON. The message was ignored.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('BAD_MESSAGE', 'not an object. The message was ignored.');
  const { type, id: rawId } = value as { type?: unknown; id?: unknown };
  const id = typeof rawId === 'string' && rawId.length <= 64 ? rawId : undefined;
  if (typeof type !== 'string') return { ...fail('BAD_MESSAGE', 'type is missing. The message was ignored.', 'type'), id };
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  if (schema === undefined) {
    return { ...fail('UNKNOWN_TYPE', `no message of this version is called "${type.slice(0, 40)}". It was ignored.`, 'type'), id };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ...ok(parsed.data as T), id };
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join('.') ?? '';
  return { ...fail('BAD_MESSAGE', `${type}: ${field || 'the message'}: ${issue?.message ?? 'not valid'}. It was ignored.`, field), id };
}

export const decodeClient = (text: string): Decoded<ClientMessage> => decode<ClientMessage>(text, CLIENT);
export const decodeServer = (text: string): Decoded<ServerMessage> => decode<ServerMessage>(text, SERVER);
